"""Makes a folder equal to a snapshot, touching only what differs. All names are bytes: the locale has no say in them."""
import errno
import os
import stat
import sys

from errand_agent.errors import bad_request
from errand_agent.manifest import signature
from errand_agent.objects import mask, write_all
from errand_agent.paths import checked_digest, checked_entry_path, encoded, object_path

COPY_CHUNK = 1 << 20
FICLONE = 0x40049409
# What a system or a file system says that does not copy from file to file.
CAN_NOT = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOTSOCK, errno.EBADF)


class Content:
    """What a work tree has to hold: files as (path, digest hex, executable, size), all directories, links as (path, to)."""

    def __init__(self, files, directories, links):
        self.files = files
        self.directories = directories
        self.links = links


def content_of_manifest(manifest):
    return Content(manifest.entries(), set(manifest.directories), manifest.links)


def content_of_entries(entries):
    """Checks what a client sent: no path may leave the tree, and none may pass through a link or a file."""
    if not isinstance(entries, list):
        raise bad_request('The entries of a snapshot are a list.')
    files, directories, links, leaves = [], set(), [], set()
    try:
        for entry in entries:
            path, kind = checked_entry_path(entry['path']), entry['kind']
            if kind == 'file':
                files.append((encoded(path), checked_digest(entry['digest']), entry['executable'] is True, int(entry['size'])))
                leaves.add(path)
            elif kind == 'link':
                links.append((encoded(path), encoded(entry['to'])))
                leaves.add(path)
            elif kind == 'directory':
                directories.add(path)
            else:
                raise bad_request('An entry of a snapshot is a file, a directory or a link, not %r.' % (kind,))
    except (KeyError, TypeError) as error:
        raise bad_request('An entry of the snapshot is incomplete: %r.' % error)
    directories |= parents(leaves | directories)
    clash = directories & leaves
    if clash or len(leaves) != len(files) + len(links):
        raise bad_request('The snapshot has two entries for one path%s.' % (': ' + repr(sorted(clash)[0]) if clash else ''))
    return Content(files, set(encoded(path) for path in directories), links)


def parents(paths):
    found = set()
    for path in paths:
        end = path.rfind('/')
        while end > 0 and path[:end] not in found:
            found.add(path[:end])
            end = path.rfind('/', 0, end)
    return found


def walk_unchanged(root, directories, signatures, links):
    """Walks a reused tree → (unchanged paths with signature, existing directories). What does not belong is removed on the way."""
    unchanged, existing, pending = {}, set(), [b'']
    kept_links = dict(links)
    while pending:
        folder = pending.pop()
        place = root + b'/' + folder if folder else root
        prefix = folder + b'/' if folder else b''
        for entry in list(os.scandir(place)):
            path = prefix + entry.name
            if entry.is_dir(follow_symlinks=False):
                if path in directories:
                    existing.add(path)
                    pending.append(path)
                    open_folder(entry)
                else:
                    remove_any(entry.path)
                continue
            if path in kept_links and entry.is_symlink() and os.readlink(entry.path) == kept_links[path]:
                unchanged[path] = None
                continue
            expected = signatures.get(path)
            found = entry.stat(follow_symlinks=False)
            if expected is not None and (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_mode) == expected:
                unchanged[path] = expected
            else:
                remove_any(entry.path)
    return unchanged, existing


def open_folder(entry):
    """A script may have closed a folder to its owner, or opened it to everybody."""
    mode = stat.S_IMODE(entry.stat(follow_symlinks=False).st_mode)
    if mode & 0o700 != 0o700:
        os.chmod(entry.path, 0o755)


def remove_any(path):
    try:
        os.unlink(path)
    except OSError as error:
        if error.errno not in (errno.EISDIR, errno.EPERM, errno.EACCES):
            raise
        from errand_agent.folders import remove_folder
        if os.path.isdir(path) and not os.path.islink(path):
            remove_folder(path)
        else:
            raise


def make_directories(root, directories, existing):
    for path in sorted(directories - existing):
        os.mkdir(root + b'/' + path)


def create(path, executable):
    """→ descriptor of a new file of a work tree."""
    mode = 0o755 if executable else 0o644
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    if mode & mask():
        os.fchmod(descriptor, mode)
    return descriptor


class Copier:
    """Copies objects into work trees; with a copy-on-write clone where the file system has one."""

    def __init__(self):
        self.clone = True
        self.kernel = sys.platform.startswith('linux')

    def copy(self, digest_hex, target, executable, size):
        """→ signature of the new file; None when the object is missing or damaged."""
        try:
            source = os.open(object_path(digest_hex), os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            descriptor = create(target, executable)
            try:
                copied = self.content(source, descriptor, size)
                return signature(os.fstat(descriptor)) if copied == size else None
            finally:
                os.close(descriptor)
        finally:
            os.close(source)

    def content(self, source, descriptor, size):
        if size > COPY_CHUNK and self.clone:
            try:
                import fcntl
                fcntl.ioctl(descriptor, FICLONE, source)
                return os.fstat(descriptor).st_size
            except (OSError, ImportError):
                self.clone = False
        copied = self.within_kernel(source, descriptor, size) if size > COPY_CHUNK else 0
        while copied <= size:
            wanted = min(COPY_CHUNK, size - copied + 1)
            data = os.read(source, wanted)
            write_all(descriptor, data)
            copied += len(data)
            # One byte more was asked for than there may be: a short answer is the end, and need not be asked for once more.
            if not data or copied == size and len(data) < wanted:
                break
        return copied

    def within_kernel(self, source, descriptor, size):
        """→ how many bytes Linux has copied from file to file by itself. Both files then stand behind them."""
        copied = 0
        while self.kernel and copied < size:
            try:
                sent = os.sendfile(descriptor, source, copied, size - copied)
            except OSError as error:
                if error.errno not in CAN_NOT:
                    raise
                self.kernel = False
                break
            if not sent:
                break
            copied += sent
        os.lseek(source, copied, os.SEEK_SET)
        return copied
