"""File contents by their SHA-256, shared by all snapshots, never changed once written."""
import json
import os
import time

from errand_agent.errors import bad_request
from errand_agent.paths import checked_digest, object_path

# An object that was asked for counts as used; noted at most this often (seconds).
NOTE_USE_AFTER = 1800
CHUNK = 1 << 18
# Asked for with each file; found once.
MASK = []


def sha256(data=b''):
    import hashlib
    return hashlib.sha256(data)


def mark_untouched(file):
    """Path or descriptor. A stored content has the modification time of a whole second: whoever writes into it later leaves a fraction."""
    now = int(time.time())
    try:
        os.utime(file, (now, now))
    except OSError:
        pass


def is_untouched(status):
    return status.st_mtime_ns % 1000000000 == 0


def has(digest_hex, size=None, note_use=True):
    """Whether the object is stored (and, when known, of that size); an object in use stays young.

    One that was touched is read, and is none when it is another content than it is called.
    """
    path = object_path(digest_hex)
    try:
        status = os.stat(path)
    except OSError:
        return False
    if size is not None and status.st_size != size:
        # Damaged, or just being written by another: whoever stores it replaces it.
        return False
    touched = not is_untouched(status)
    if touched and not is_called(path, digest_hex, status.st_size):
        return False
    if note_use and (touched or status.st_mtime < time.time() - NOTE_USE_AFTER):
        mark_untouched(path)
    return True


def is_called(path, digest_hex, size):
    digest = sha256()
    try:
        with open(path, 'rb') as file:
            while size > 0:
                chunk = file.read(min(size, CHUNK))
                if not chunk:
                    return False
                digest.update(chunk)
                size -= len(chunk)
    except OSError:
        return False
    return digest.hexdigest() == digest_hex


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


def mask():
    """Rights that files are made without."""
    if not MASK:
        MASK.append(os.umask(0o22))
        os.umask(MASK[0])
    return MASK[0]


def write_all(descriptor, data):
    view = memoryview(data)
    while len(view):
        view = view[os.write(descriptor, view):]
