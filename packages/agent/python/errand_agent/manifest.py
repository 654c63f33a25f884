"""What the files of a work tree looked like just after they were written: a later look tells which of them are the same.

Noted are size, modification and change time, inode and mode. No program can set the change time, so a file with the same five was not
written since, and is never read to find out.
"""
import json
import os

from errand_agent.paths import decoded, encoded, nonce

MANIFEST = 'tree.json'


def signature(status):
    return (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_mode)


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
