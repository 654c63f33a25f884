"""Work trees of removed runs, kept so that the next run of the project need not copy what did not change.

A tree's manifest records what every file looked like just after it was written: size, modification and change time, inode, mode. No
program can set the change time, so a file with the same five was not written since, and is never read to find out.
"""
import json
import os
import time

from errand_agent.paths import below, decoded, encoded, make_folder, nonce

MANIFEST = 'tree.json'
KEPT_FOR_EACH_PROJECT = 3
ABANDONED_AFTER = 24 * 3600
# Bytes. With one more name it is still a path for every system; macOS takes 1024.
LONG_PATH = 700


def signature(status):
    return (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_mode)


def tree_name(project_id, digest):
    from errand_agent.objects import sha256
    project = sha256()
    project.update(encoded(project_id))
    return '%s-%s-%s' % (project.hexdigest()[:16], digest[-64:][:16], nonce())


def write_manifest(folder, project_id, digest, entries, directories, links):
    """`entries`: (path bytes, digest hex, executable, signature)."""
    paths, digests, executables, columns = [], [], [], ([], [], [], [], [])
    for path, digest_hex, executable, values in entries:
        paths.append(path)
        digests.append(digest_hex)
        executables.append('1' if executable else '0')
        for column, value in zip(columns, values):
            column.append(value)
    manifest = {
        'version': 1, 'projectId': project_id, 'digest': digest,
        # Paths hold no NUL and digests one length: two long strings parse several times faster than two long lists.
        'paths': decoded(b'\0'.join(paths)), 'digests': ''.join(digests), 'executables': ''.join(executables),
        'size': columns[0], 'mtime': columns[1], 'ctime': columns[2], 'inode': columns[3], 'mode': columns[4],
        'directories': decoded(b'\0'.join(sorted(directories))), 'links': [[decoded(path), decoded(to)] for path, to in links],
    }
    temporary = os.path.join(folder, MANIFEST + '.' + nonce())
    with open(temporary, 'w') as file:
        file.write(json.dumps(manifest, separators=(',', ':')))
    os.rename(temporary, os.path.join(folder, MANIFEST))


class Manifest:
    """What a tree held when it was written."""

    def __init__(self, data):
        self.project_id = data['projectId']
        self.digest = data['digest']
        self.paths = split(data['paths'])
        self.digests = data['digests']
        self.executables = data['executables']
        self.columns = (data['size'], data['mtime'], data['ctime'], data['inode'], data['mode'])
        self.directories = split(data['directories'])
        self.links = [(encoded(path), encoded(to)) for path, to in data['links']]

    def signatures(self):
        """{path: signature}."""
        return dict(zip(self.paths, zip(*self.columns)))

    def digest_at(self, index):
        return self.digests[index * 64:index * 64 + 64]

    def entries(self):
        """[(path, digest hex, executable, size)]."""
        sizes = self.columns[0]
        return [(path, self.digest_at(index), self.executables[index] == '1', sizes[index]) for index, path in enumerate(self.paths)]

    def coarse(self):
        """A file system that counts whole seconds proves nothing: a write in the same second leaves no trace."""
        return bool(self.paths) and all(changed % 1000000000 == 0 for changed in self.columns[2])


def split(text):
    return encoded(text).split(b'\0') if text else []


def load_manifest(folder, name=MANIFEST):
    """The manifest, or None when there is none that can be used."""
    try:
        with open(os.path.join(folder, name), 'r') as file:
            return Manifest(json.load(file))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def candidates(project_id, digest):
    """Names of the project's trees: those of the same digest first, then the newest."""
    from errand_agent.objects import sha256
    project = sha256()
    project.update(encoded(project_id))
    prefix = project.hexdigest()[:16] + '-'
    found = []
    for name in list_folder(below('trees')):
        if name.startswith(prefix) and name.endswith('.json'):
            try:
                age = -os.stat(below('trees', name)).st_mtime
            except OSError:
                continue
            found.append((name.split('-')[1] != digest[-64:][:16], age, name[:-5]))
    return [name for _, _, name in sorted(found)]


def list_folder(path):
    try:
        return os.listdir(path)
    except OSError:
        return []


def take(project_id, digest, folder):
    """Moves the best tree of the project into `folder` as `work`; its manifest, or None. A rename decides who gets it."""
    for name in candidates(project_id, digest):
        try:
            os.rename(below('trees', name + '.json'), os.path.join(folder, MANIFEST))
        except OSError:
            continue
        try:
            os.rename(below('trees', name), os.path.join(folder, 'work'))
        except OSError:
            os.unlink(os.path.join(folder, MANIFEST))
            remove_folder(below('trees', name))
            continue
        manifest = load_manifest(folder)
        if manifest is not None and manifest.project_id == project_id and not manifest.coarse():
            return manifest
        os.unlink(os.path.join(folder, MANIFEST))
        remove_folder(os.path.join(folder, 'work'))
    return None


def keep(folder, manifest=None):
    """Moves the work tree of `folder` to the kept ones. False when there is nothing to keep."""
    work = os.path.join(folder, 'work')
    manifest = manifest or load_manifest(folder)
    if manifest is None or manifest.coarse() or os.path.islink(work) or not os.path.isdir(work):
        return False
    trees = make_folder(below('trees'))
    name = tree_name(manifest.project_id, manifest.digest)
    try:
        os.rename(work, os.path.join(trees, name))
        os.rename(os.path.join(folder, MANIFEST), os.path.join(trees, name + '.json'))
        os.utime(os.path.join(trees, name + '.json'))
    except OSError:
        return False
    for old in candidates(manifest.project_id, '')[KEPT_FOR_EACH_PROJECT:]:
        remove_tree(old)
    return True


def remove_tree(name):
    """The manifest goes first: without one nobody takes the tree."""
    try:
        os.unlink(below('trees', name + '.json'))
    except OSError:
        return
    remove_folder(below('trees', name))


def give_back(name):
    """Undoes a staging that led to no run. A start that comes at the same moment gets all of it or nothing: a rename decides."""
    folder = put_aside(name)
    if folder is not None:
        keep(folder)
        remove_folder(folder)


def remove_staged(name):
    """In one step for whoever still copies into it: a folder that is half gone would be taken for a whole one."""
    folder = put_aside(name)
    if folder is not None:
        remove_folder(folder)


def put_aside(name):
    """The staged folder under a name that nobody else knows; None when it is gone."""
    folder = below('staging', '%s.%s' % (name.split('.')[0], nonce()))
    try:
        os.rename(below('staging', name), folder)
    except OSError:
        return None
    return folder


def remove_folder(path):
    """Deletes a folder whatever modes its content has and however deep it is; nothing when it is gone. What can't be deleted stays."""
    root = os.fsencode(path)
    if os.path.islink(root) or not os.path.isdir(root):
        return unlocked(os.unlink, root)
    pending, emptied = [root], []
    while pending:
        folder = pending.pop()
        emptied.append(folder)
        for entry in unlocked(lambda place: list(os.scandir(place)), folder) or ():
            if not entry.is_dir(follow_symlinks=False):
                unlocked(os.unlink, entry.path)
            elif len(entry.path) < LONG_PATH:
                pending.append(entry.path)
            else:
                # Up to where its path is short: what lies below could have none otherwise.
                short = root + b'/.' + nonce().encode('ascii')
                unlocked(lambda place: os.rename(place, short), entry.path)
                pending.append(short)
    for folder in reversed(emptied):
        unlocked(os.rmdir, folder)


def unlocked(action, path):
    """What the action answers, also where modes are in its way; None when it can't be done."""
    for last in (False, True):
        try:
            return action(path)
        except FileNotFoundError:
            return None
        except OSError:
            if last:
                return None
        for place in (os.path.dirname(path), path):
            try:
                if not os.path.islink(place):
                    os.chmod(place, 0o700)
            except OSError:
                pass


def remove_abandoned():
    """Deletes staging folders whose client died long ago."""
    for name in list_folder(below('staging')):
        path = below('staging', name)
        try:
            if os.stat(path).st_mtime < time.time() - ABANDONED_AFTER:
                give_back(name)
        except OSError:
            pass
