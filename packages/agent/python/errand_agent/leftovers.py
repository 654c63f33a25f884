"""What the agent left at its place, and how to get rid of it."""
import os
import time

from errand_agent import claim, status, trees
from errand_agent.errors import CallError, bad_request
from errand_agent.folders import list_folder
from errand_agent.machine import iso_time, user_name
from errand_agent.manifest import MANIFEST, load_manifest
from errand_agent.paths import RUN_ID, below, object_path, run_folder

UNUSED_OBJECTS_AFTER = 3600


def call_leftovers(server, params, body):
    """{} → {leftovers: [{id, kind, bytes, lastUsed, runId?, project?, owner, inUse}]}."""
    return listing()


def listing():
    found = []
    for name in sorted(list_folder(below('runs'))):
        if RUN_ID.match(name):
            found.append(of_run(name))
            yield 0
    for name in sorted(list_folder(below('trees'))):
        if name.endswith('.json'):
            found.append(entry('tree:' + name[:-5], 'cache', below('trees', name[:-5]), last_used(below('trees', name))))
            yield 0
    for name in sorted(list_folder(below('staging'))):
        found.append(entry('staging:' + name, 'cache', below('staging', name), last_used(below('staging', name)), inUse=recent(below('staging', name))))
        yield 0
    objects = entry('objects', 'objects', below('objects'), last_used(below('objects')))
    if objects['bytes']:
        found.append(objects)
    return {'leftovers': found}


def entry(identifier, kind, path, used, **more):
    return dict({'id': identifier, 'kind': kind, 'bytes': bytes_of(path), 'lastUsed': iso_time(used), 'owner': user_name(), 'inUse': False}, **more)


def of_run(name):
    folder = run_folder(name)
    request = status.load(os.path.join(folder, 'request.json')) or {}
    content = claim.read(folder)
    alive = not status.is_final(status.current(folder)) and content is not None and claim.is_held(folder, content)
    found = entry('run:' + name, 'run', folder, newest(folder), inUse=alive, runId=name)
    if request.get('project'):
        found['project'] = request['project']
    return found


def newest(folder):
    return max(last_used(os.path.join(folder, name)) for name in ('', 'log', 'status.json', 'request.json'))


def last_used(path):
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0


def recent(path):
    return last_used(path) > time.time() - UNUSED_OBJECTS_AFTER


def bytes_of(path):
    """Bytes that the files below take, each counted once."""
    total, pending = 0, [os.fsencode(path)]
    while pending:
        try:
            entries = list(os.scandir(pending.pop()))
        except OSError:
            continue
        for found in entries:
            try:
                if found.is_dir(follow_symlinks=False):
                    pending.append(found.path)
                else:
                    total += found.stat(follow_symlinks=False).st_size
            except OSError:
                continue
    return total


def call_removeLeftover(server, params, body):
    """{leftover: id} → {}. Safe to repeat; what is in use is refused."""
    identifier = params.get('leftover')
    if not isinstance(identifier, str):
        raise bad_request('removeLeftover needs the id of a leftover.')
    kind, _, name = identifier.partition(':')
    if kind == 'run':
        from errand_agent.remove import removing
        return removing(run_folder(name), name)
    if kind == 'tree' and plain(name):
        trees.remove_tree(name)
        return {}
    if kind == 'staging' and plain(name):
        if recent(below('staging', name)):
            raise CallError('LEFTOVER_IN_USE', 'The folder %s was made less than an hour ago.' % name)
        trees.remove_staged(name)
        return {}
    if identifier == 'objects':
        return removing_objects()
    raise bad_request('There is no leftover %r.' % (identifier,))


def plain(name):
    from errand_agent.paths import checked_staging
    return bool(checked_staging(name))


def removing_objects():
    needed = set()
    for folder in ['runs', 'staging']:
        for name in list_folder(below(folder)):
            needed |= digests_of(below(folder, name), MANIFEST)
            yield 0
    for name in list_folder(below('trees')):
        if name.endswith('.json'):
            needed |= digests_of(below('trees'), name)
            yield 0
    removed = 0
    for prefix in list_folder(below('objects')):
        for name in list_folder(below('objects', prefix)):
            path = object_path(name) if len(name) == 64 else below('objects', prefix, name)
            if name not in needed and not recent(path):
                try:
                    size = os.stat(path).st_size
                    os.unlink(path)
                    removed += size
                except OSError:
                    pass
        yield 0
    return {'bytes': removed}


def digests_of(folder, name):
    manifest = load_manifest(folder, name)
    return set(manifest.digest_at(index) for index in range(len(manifest.paths))) if manifest else set()
