"""File contents by their SHA-256, shared by all snapshots, never changed once written."""
import json
import os
import time

from errand_agent.errors import CallError, bad_request
from errand_agent.paths import below, checked_digest, make_folder, nonce, object_path

IN_MEMORY = 1 << 20
# An object that was asked for counts as used; noted at most this often (seconds).
NOTE_USE_AFTER = 1800
READ_ONLY = 0o444
# Of what is on its way in: what is asked for with each file is found once.
PASSING = []
MASK = []


def sha256():
    import hashlib
    return hashlib.sha256()


def has(digest_hex, size=None, note_use=True):
    """Whether the object is stored (and, when known, of that size); an object in use stays young."""
    path = object_path(digest_hex)
    try:
        status = os.stat(path)
    except OSError:
        return False
    if size is not None and status.st_size != size:
        remove_damaged(path)
        return False
    if note_use and status.st_mtime < time.time() - NOTE_USE_AFTER:
        try:
            os.utime(path)
        except OSError:
            pass
    return True


def remove_damaged(path):
    try:
        os.unlink(path)
    except OSError:
        pass


def call_missing(server, params, body):
    """{digests} (or a JSON list as the body) → {missing}: those not stored here. Changes nothing."""
    digests = json.loads(body.decode('utf-8')) if body else params.get('digests')
    if not isinstance(digests, list):
        raise bad_request('A list of digests is needed.')
    return {'missing': [digest for digest in digests if not has(checked_digest(digest), note_use=False)]}


def incoming(header, arrived):
    """`arrived` is called with the digest of each object once it is stored."""
    if 'objects' in header:
        return Batch(header['objects'], header.get('bytes') or 0, arrived)
    digest = checked_digest(header.get('digest'))
    size = header.get('bytes') or 0
    if header.get('size', size) != size:
        raise bad_request('An object of %s bytes was announced with a body of %d bytes.' % (header.get('size'), size))
    return Batch([['sha256:' + digest, size]], size, arrived)


class Known:
    """Reads away the body of an object that is stored already."""

    def write(self, data):
        pass

    def finish(self):
        return None

    def abandon(self):
        pass


class Batch:
    """Several objects, one behind the other. One that can't be stored does not keep the others away; the first such error is the answer."""

    def __init__(self, objects, size, arrived):
        self.arrived = arrived
        self.digest = None
        try:
            self.waiting = [(checked_digest(digest), int(length)) for digest, length in reversed(objects)]
        except (TypeError, ValueError):
            raise bad_request('The objects of a put are a list of digests with sizes.')
        if any(length < 0 for _, length in self.waiting) or sum(length for _, length in self.waiting) != size:
            raise bad_request('The objects of a put do not have the %d bytes of its body together.' % size)
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
            self.digest, self.wanted = digest_hex, _ = self.waiting.pop()
            try:
                # To look for each short one would cost more than to write again the few that another client has sent meanwhile.
                known = self.wanted > IN_MEMORY and has(digest_hex, self.wanted)
                self.receiver = Known() if known else Incoming(digest_hex, self.wanted)
            except OSError as error:
                self.error = self.error or without_frames(error)
                self.receiver = Known()
            if not self.wanted:
                self.end()

    def end(self):
        receiver, self.receiver = self.receiver, None
        try:
            receiver.finish()
            self.arrived(self.digest)
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


class Incoming:
    """One object on its way in: hashed as it arrives; a long one goes to a temporary file, a short one is written in one go."""

    def __init__(self, digest_hex, size):
        self.digest = digest_hex
        self.hash = sha256()
        self.parts = []
        self.temporary = None
        self.descriptor = None
        self.error = None
        if size > IN_MEMORY:
            self.open()

    def open(self):
        folder = os.path.dirname(object_path(self.digest))
        name = os.path.join(folder, passing_name())
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        try:
            self.descriptor = os.open(name, flags, READ_ONLY)
        except FileNotFoundError:
            make_folder(folder)
            self.descriptor = os.open(name, flags, READ_ONLY)
        self.temporary = name

    def write(self, data):
        self.hash.update(data)
        if self.descriptor is None:
            self.parts.append(bytes(data))
        elif self.error is None:
            try:
                write_all(self.descriptor, data)
            except OSError as error:
                self.error = without_frames(error)

    def finish(self):
        try:
            if self.error is not None:
                raise self.error
            if self.hash.hexdigest() != self.digest:
                raise CallError('OBJECT_CORRUPT', 'The content sent for sha256:%s has the digest sha256:%s.' % (self.digest, self.hash.hexdigest()))
            if self.descriptor is None:
                self.open()
                write_all(self.descriptor, b''.join(self.parts))
            if mask() & READ_ONLY:
                os.fchmod(self.descriptor, READ_ONLY)
            os.close(self.descriptor)
            self.descriptor = None
            os.rename(self.temporary, object_path(self.digest))
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


def passing_name():
    """Of a file that no other process and no other object has."""
    if not PASSING:
        PASSING.append('incoming.' + nonce())
        PASSING.append(0)
    PASSING[1] += 1
    return '%s.%d' % (PASSING[0], PASSING[1])


def mask():
    """Rights that files are made without."""
    if not MASK:
        MASK.append(os.umask(0o22))
        os.umask(MASK[0])
    return MASK[0]


def without_frames(error):
    """Its frames, and those of the error before it, hold a view of the input's buffer, which could not be shortened then."""
    error.__traceback__ = error.__context__ = None
    return error


def write_all(descriptor, data):
    view = memoryview(data)
    while len(view):
        view = view[os.write(descriptor, view):]


def call_put(server, params, body):
    """{digest, size} or {objects: [[digest, size]]}, and the contents as the body → {}; the work is done while the body comes in."""
    return {}


def call_adopt(server, params, body):
    """{directory} and [{digest, size}] as the body: takes objects of a store on this machine into this one → {linked: how many by a hard link}."""
    directory = params.get('directory')
    if not isinstance(directory, str) or not os.path.isabs(directory) or '\0' in directory:
        raise bad_request('The folder %r is not absolute.' % (directory,))
    linked = 0
    objects = json.loads(body.decode('utf-8')) if body else []
    if not isinstance(objects, list) or not all(isinstance(wanted, dict) for wanted in objects):
        raise bad_request('adopt needs a list of objects.')
    for wanted in objects:
        digest = checked_digest(wanted.get('digest'))
        source = os.path.join(os.fsencode(directory), digest[:2].encode('ascii'), digest.encode('ascii'))
        linked += adopt(source, digest, wanted.get('size'))
    return {'linked': linked}


def adopt(source, digest, size):
    if has(digest, size):
        return False
    status = os.stat(source)
    if size is not None and status.st_size != size:
        raise CallError('OBJECT_CORRUPT', 'sha256:%s of this machine has %d bytes, not %s.' % (digest, status.st_size, size))
    target = object_path(digest)
    make_folder(os.path.dirname(target))
    if status.st_mode & 0o222 == 0:
        try:
            os.link(source, os.fsencode(target))
            return True
        except FileExistsError:
            return False
        except OSError:
            pass
    copy_in(source, digest, status.st_size)
    return False


def copy_in(source, digest, size):
    receiver = Incoming(digest, max(size, IN_MEMORY + 1))
    try:
        with open(source, 'rb') as file:
            for chunk in iter(lambda: file.read(1 << 18), b''):
                receiver.write(chunk)
        receiver.finish()
    finally:
        receiver.abandon()
