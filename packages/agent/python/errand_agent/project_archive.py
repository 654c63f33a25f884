"""The project as it travels through a cluster's storage: gzip of one line of JSON (entries, and the digest and size of each content) and the contents."""
import gzip
import json

from errand_agent.errors import CallError
from errand_agent.incoming import receiver_of
from errand_agent.paths import checked_digest

CHUNK = 1 << 20


def unpack(path):
    """Puts the contents into this place's objects → the entries of the snapshot. What does not have its digest is refused."""
    try:
        with gzip.open(path, 'rb') as file:
            header = json.loads(file.readline().decode('utf-8', 'surrogateescape'))
            for digest, size in header['objects']:
                take(file, checked_digest(digest), size)
            return header['entries']
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise CallError('PROJECT_CORRUPT', 'The archive of the project in the storage of the cluster is damaged: %s.' % error)


def take(file, digest, size):
    incoming = receiver_of(digest, size)
    try:
        while size:
            chunk = file.read(min(size, CHUNK))
            if not chunk:
                raise EOFError('it ends early')
            size -= len(chunk)
            incoming.write(chunk)
        incoming.finish()
    finally:
        incoming.abandon()
