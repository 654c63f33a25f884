"""The files of a run in the cluster's storage: the project for Spark to read, and what the script and Spark have written."""
import json
import os

from errand_agent import collect, glob_pattern
from errand_agent.paths import encoded


def bring_project(storage, folder):
    """A copy for relative paths of Spark, which never look at the driver's own disk."""
    work = os.path.join(folder, 'work')
    for name in sorted(os.listdir(os.fsencode(work))):
        # Hadoop has no such names; the script itself finds its files all the same.
        if b':' not in name and is_text(name) and name != b'outputs':
            storage.upload(os.path.join(work, os.fsdecode(name)), 'work/')


def is_text(name):
    try:
        return bool(name.decode('utf-8'))
    except UnicodeDecodeError:
        return False


def snapshot_of(storage):
    """{path: (bytes, modified)} of the copy, to know later what Spark wrote."""
    return {path: (size, modified) for path, size, modified in storage.listing('work')}


def keep(storage, folder, run, known):
    """Brings what the run has written to the storage, and the list of it: the driver's disk goes with the driver."""
    include = ['**']
    listing = collect.call_collect(None, {'run': run, 'include': include}, None)
    files = []
    for number, file in enumerate(listing['files']):
        place = 'files/%d' % number
        copy(storage, folder, file['path'], place)
        files.append(dict(file, place=place))
    files += written_by_spark(storage, include, known, set(file['path'] for file in files))
    storage.put('files.json', json.dumps(dict(listing, files=files)).encode('ascii'))


def copy(storage, folder, path, place):
    """Through a link with a name of ours: Hadoop takes names as text, and not all of them."""
    link = os.path.join(folder, 'being-kept')
    os.symlink(os.path.join(os.fsencode(folder), b'work', encoded(path)), os.fsencode(link))
    try:
        storage.upload(link, place)
    finally:
        os.unlink(link)


def written_by_spark(storage, include, known, have):
    matches = glob_pattern.compiled([encoded(glob) for glob in include])
    for path, size, modified in storage.listing('work'):
        if path not in have and known.get(path) != (size, modified) and matches(encoded(path)) and not path.endswith('.crc'):
            yield {'path': path, 'size': size, 'mtime_ns': str(modified * 1000000), 'executable': False, 'place': 'work/' + path}
