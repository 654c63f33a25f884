"""Contents on their way in: hashed as they arrive, each moved to its place among the objects in one step."""
import os

from errand_agent.errors import CallError, bad_request
from errand_agent.objects import has, mark_untouched, mask, remove_damaged, sha256, write_all
from errand_agent.paths import checked_digest, make_folder, nonce, object_path

# Bytes. What is longer goes to the disk as it comes.
SHORT = 1 << 20
READ_ONLY = 0o444
# A name that no other process has, and how many files had it with a number.
PASSING = []


def call_put(server, params, body):
    """{digest, size} or {objects: [[digest, size]]}, and the contents as the body → {}; the work is done while the body comes in."""
    return {}


def body_of_put(header, arrived):
    """`arrived` is called for each object once it is stored: with its digest, and with its bytes where it is short."""
    if 'objects' in header:
        return Batch(header['objects'], header.get('bytes') or 0, arrived)
    digest = checked_digest(header.get('digest'))
    size = header.get('bytes') or 0
    if header.get('size', size) != size:
        raise bad_request('An object of %s bytes was announced with a body of %d bytes.' % (header.get('size'), size))
    return Batch([['sha256:' + digest, size]], size, arrived)


class Batch:
    """Several objects, one behind the other. One that can't be stored does not keep the others away; the first such error is the answer."""

    def __init__(self, objects, size, arrived):
        self.arrived = arrived
        try:
            self.waiting = [(checked_digest(digest), int(length)) for digest, length in reversed(objects)]
        except (TypeError, ValueError):
            raise bad_request('The objects of a put are a list of digests with sizes.')
        if any(length < 0 for _, length in self.waiting) or sum(length for _, length in self.waiting) != size:
            raise bad_request('The objects of a put do not have the %d bytes of its body together.' % size)
        self.digest = None
        self.receiver = None
        self.wanted = 0
        self.error = None

    def write(self, data):
        taken = 0
        while taken < len(data):
            if self.receiver is None:
                self.next()
            piece = data[taken:taken + self.wanted]
            try:
                self.receiver.write(piece)
            finally:
                # It is a view of the input's buffer, which can't be shortened as long as there is one.
                taken += len(piece)
                self.wanted -= len(piece)
                piece.release()
            if not self.wanted:
                self.end()

    def next(self):
        while self.receiver is None and self.waiting:
            self.digest, self.wanted = self.waiting.pop()
            try:
                # To look for each short one would cost more than to write again the few that another client has sent meanwhile.
                known = self.wanted > SHORT and has(self.digest, self.wanted)
                self.receiver = Known() if known else receiver_of(self.digest, self.wanted)
            except OSError as error:
                self.error = self.error or without_frames(error)
                self.receiver = Known()
            if not self.wanted:
                self.end()

    def end(self):
        receiver, self.receiver = self.receiver, None
        try:
            self.arrived(self.digest, receiver.finish())
        except (CallError, OSError) as error:
            self.error = self.error or without_frames(error)

    def finish(self):
        while self.waiting:
            self.next()
        if self.error is not None:
            raise self.error

    def abandon(self):
        if self.receiver is not None:
            self.receiver.abandon()


def receiver_of(digest_hex, size):
    return Long(digest_hex) if size > SHORT else Short(digest_hex)


class Known:
    """Reads away the body of an object that is stored already."""

    def write(self, data):
        pass

    def finish(self):
        return None

    def abandon(self):
        pass


class Short:
    """An object that is kept until it is whole, and then written in one go: what a dead agent leaves does not have its size."""

    def __init__(self, digest_hex):
        self.digest = digest_hex
        self.parts = []

    def write(self, data):
        self.parts.append(bytes(data))

    def finish(self):
        """→ its bytes."""
        content = self.parts[0] if len(self.parts) == 1 else b''.join(self.parts)
        digest = sha256(content).hexdigest()
        if digest != self.digest:
            raise corrupt(self.digest, digest)
        target = object_path(digest)
        try:
            write_new(create(target), target, content)
        except FileExistsError:
            if not has(digest, len(content)):
                temporary = passing_path(os.path.dirname(target))
                write_new(create(temporary), temporary, content)
                os.rename(temporary, target)
        return content

    def abandon(self):
        pass


def write_new(descriptor, path, content):
    try:
        write_all(descriptor, content)
        mark_untouched(descriptor)
    except BaseException:
        remove_damaged(path)
        raise
    finally:
        os.close(descriptor)


class Long:
    """An object that goes to a temporary file as it comes. Its digest may be told only at the end."""

    def __init__(self, digest_hex=None):
        self.digest = digest_hex
        self.hash = sha256()
        self.error = None
        self.temporary = passing_path(os.path.dirname(object_path(digest_hex or '0' * 64)))
        self.descriptor = create(self.temporary)

    def write(self, data):
        self.hash.update(data)
        if self.error is None:
            try:
                write_all(self.descriptor, data)
            except OSError as error:
                self.error = without_frames(error)

    def finish(self):
        try:
            if self.error is not None:
                raise self.error
            digest = self.hash.hexdigest()
            if digest != self.digest:
                raise corrupt(self.digest, digest)
            mark_untouched(self.descriptor)
            target = object_path(digest)
            make_folder(os.path.dirname(target))
            os.rename(self.temporary, target)
            self.temporary = None
        finally:
            self.abandon()

    def abandon(self):
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None
        if self.temporary is not None:
            remove_damaged(self.temporary)
            self.temporary = None


def passing_path(folder):
    """A path that no other process and no other object has."""
    if not PASSING:
        PASSING.extend(['incoming.' + nonce(), 0])
    PASSING[1] += 1
    return '%s/%s.%d' % (folder, PASSING[0], PASSING[1])


def create(path):
    """→ descriptor of a new file."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    try:
        descriptor = os.open(path, flags, READ_ONLY)
    except FileNotFoundError:
        make_folder(os.path.dirname(path))
        descriptor = os.open(path, flags, READ_ONLY)
    if mask() & READ_ONLY:
        os.fchmod(descriptor, READ_ONLY)
    return descriptor


def corrupt(expected, found):
    return CallError(
        'OBJECT_CORRUPT', 'The content sent for sha256:%s has the digest sha256:%s.' % (expected, found),
        'Delete the content of that name among the kept objects of the project, and submit again.')


def without_frames(error):
    """Its frames, and those of the error before it, hold a view of the input's buffer, which could not be shortened then."""
    error.__traceback__ = error.__context__ = None
    return error
