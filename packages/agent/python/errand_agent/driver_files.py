"""The files of a run that Spark has in the cluster's storage: the project to read, and what it has written."""
import os

from errand_agent import glob_pattern
from errand_agent.paths import encoded

AT_ONCE = 8


def bring_project(storage, folder):
    """A copy for relative paths of Spark, which never look at the driver's own disk. Small files wait for the network: several go at once."""
    from concurrent.futures import ThreadPoolExecutor
    work = os.fsencode(os.path.join(folder, 'work'))
    with ThreadPoolExecutor(AT_ONCE) as threads:
        for done in [threads.submit(bring_entry, storage, work, name) for name in spark_names(work, b'', ())]:
            done.result()


def bring_entry(storage, work, name):
    source, place = os.path.join(work, name), 'work/' + name.decode('utf-8')
    if os.path.isdir(source):
        storage.make_folder(place)
    else:
        storage.upload(os.fsdecode(source), place)


def spark_names(work, folder, above):
    """Files and empty folders below `work`, links followed. Hadoop has no names with a colon; the script itself finds such files all the same."""
    path = os.path.join(work, folder)
    real = os.path.realpath(path)
    if real in above:
        return
    names = [name for name in sorted(os.listdir(path)) if b':' not in name and is_text(name)]
    if folder and not names:
        yield folder
    for name in names:
        below = os.path.join(folder, name)
        if os.path.isdir(os.path.join(work, below)):
            if below != b'outputs':
                for found in spark_names(work, below, above + (real,)):
                    yield found
        elif os.path.isfile(os.path.join(work, below)):
            yield below


def is_text(name):
    try:
        return bool(name.decode('utf-8'))
    except UnicodeDecodeError:
        return False


def snapshot_of(storage):
    """{path: (bytes, modified)} of the copy, to know later what Spark wrote."""
    return {path: (size, modified) for path, size, modified in storage.listing('work')}


def written_by_spark(storage, include, known, have):
    matches = glob_pattern.compiled([encoded(glob) for glob in include])
    for path, size, modified in storage.listing('work'):
        if path not in have and known.get(path) != (size, modified) and matches(encoded(path)) and not path.endswith('.crc'):
            yield {'path': path, 'size': size, 'mtime_ns': str(modified * 1000000), 'executable': False, 'place': 'work/' + path}
