"""What a run made: lists the files to bring back, and hands out their content. No symbolic link is followed out of the work folder."""
import errno
import os
import stat

from errand_agent import glob_pattern
from errand_agent.errors import CallError, bad_request
from errand_agent.manifest import load_manifest, signature
from errand_agent.paths import checked_entry_path, decoded, encoded, run_folder

LONGEST_PIECE = 4 << 20


def call_collect(server, params, body):
    """{run, include, have?: {path: [size, mtime_ns]}} → {files, directories, links, unreadable, tooLong}; what came with the snapshot unchanged is left out."""
    include = params.get('include')
    if not isinstance(include, list) or not include:
        raise bad_request('collect needs a list of globs.')
    folder = run_folder(params.get('run'))
    globs = [encoded(glob) for glob in include]
    manifest = load_manifest(folder)
    listing = Listing(os.fsencode(os.path.join(folder, 'work')), glob_pattern.compiled(globs), manifest, params.get('have') or {})
    for top in outermost(set(glob_pattern.fixed_folder(glob) for glob in globs)):
        if b'..' not in top.split(b'/') and not top.startswith(b'/'):
            listing.walk(top)
    for name in ('files', 'links'):
        listing.result[name].sort(key=lambda found: found['path'])
    return listing.result


def outermost(folders):
    return [folder for folder in sorted(folders) if not any(other != folder and (other == b'' or folder.startswith(other + b'/')) for other in folders)]


class Listing:
    """Walks a work folder as it is. What vanishes on the way is not in the list; what can't be read, and what has a longer path than there may be, is in lists of its own."""

    def __init__(self, root, matches, manifest, have):
        self.root = root
        self.matches = matches
        self.known = manifest.signatures() if manifest else {}
        self.known_links = set(path for path, _ in manifest.links) if manifest else set()
        self.known_directories = set(manifest.directories) if manifest else set()
        self.have = have
        self.result = {'files': [], 'directories': [], 'links': [], 'unreadable': [], 'tooLong': []}

    def walk(self, top):
        path = b''
        for part in top.split(b'/') if top else ():
            if not self.opened(path, stat.S_ISDIR):
                return
            path = path + b'/' + part if path else part
        self.folder(path)

    def opened(self, path, is_kind):
        """Whether it is a folder (or file) that can be read, after its owner took back, if need be, the mode that keeps it out."""
        place = self.root + b'/' + path if path else self.root
        access = os.R_OK | os.X_OK if is_kind is stat.S_ISDIR else os.R_OK
        try:
            mode = os.lstat(place).st_mode
            if not is_kind(mode):
                return False
            if not os.access(place, access):
                os.chmod(place, stat.S_IMODE(mode) | access << 6)
            if os.access(place, access):
                return True
        except FileNotFoundError:
            return False
        except OSError as error:
            if self.too_long(path, error):
                return False
        if decoded(path) not in self.result['unreadable']:
            self.result['unreadable'].append(decoded(path))
        return False

    def too_long(self, path, error):
        if error.errno != errno.ENAMETOOLONG:
            return False
        self.result['tooLong'].append(decoded(path))
        return True

    def folder(self, folder):
        pending = [folder]
        while pending:
            folder = pending.pop()
            if not self.opened(folder, stat.S_ISDIR):
                continue
            try:
                entries = list(os.scandir(self.root + b'/' + folder if folder else self.root))
            except OSError:
                continue
            if not entries and folder and self.matches(folder + b'/x') and folder not in self.known_directories:
                self.result['directories'].append(decoded(folder))
            for entry in entries:
                path = folder + b'/' + entry.name if folder else entry.name
                try:
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(path)
                    elif self.matches(path):
                        self.leaf(path, entry)
                except OSError as error:
                    self.too_long(path, error)

    def leaf(self, path, entry):
        if entry.is_symlink():
            to = os.readlink(entry.path)
            if path not in self.known_links and stays_inside(self.root, path, to):
                self.result['links'].append({'path': decoded(path), 'to': decoded(to)})
            return
        found = entry.stat(follow_symlinks=False)
        if not stat.S_ISREG(found.st_mode) or self.known.get(path) == signature(found):
            return
        name = decoded(path)
        if [str(value) for value in self.have.get(name) or ()] != [str(found.st_size), str(found.st_mtime_ns)]:
            if not self.opened(path, stat.S_ISREG):
                return
            self.result['files'].append({
                'path': name, 'size': found.st_size, 'mtime_ns': str(found.st_mtime_ns), 'executable': bool(found.st_mode & 0o100)})


def stays_inside(root, path, to):
    """Whether a link at `path` points to something inside the work folder: by its text, and through all links on the way."""
    if to.startswith(b'/'):
        return False
    target = os.path.normpath(os.path.join(os.path.dirname(path), to))
    real_root = os.path.realpath(root)
    real_target = os.path.realpath(root + b'/' + path)
    return target != b'..' and not target.startswith(b'../') and (real_target == real_root or real_target.startswith(real_root + b'/'))


def call_fetch(server, params, body):
    """{run, path, offset?, limit?} → {size, end} and a piece of the file."""
    folder = run_folder(params.get('run'))
    path = checked_entry_path(params.get('path'))
    offset, limit = params.get('offset') or 0, min(params.get('limit') or LONGEST_PIECE, LONGEST_PIECE)
    if not isinstance(offset, int) or not isinstance(limit, int) or offset < 0 or limit < 0:
        raise bad_request('offset and limit are numbers of bytes.')
    work = os.path.realpath(os.fsencode(os.path.join(folder, 'work')))
    place = work + b'/' + encoded(path)
    if os.path.realpath(os.path.dirname(place)) != os.path.dirname(place):
        raise CallError('FILE_UNKNOWN', 'The run has no file %s.' % path)
    try:
        descriptor = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise CallError('FILE_UNKNOWN', 'The file %s of the run can not be read: %s.' % (path, error.strerror))
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise CallError('FILE_UNKNOWN', '%s is not a regular file.' % path)
        data = os.pread(descriptor, limit, offset)
        return {'size': found.st_size, 'end': offset + len(data) >= found.st_size or not data and limit > 0}, data
    finally:
        os.close(descriptor)
