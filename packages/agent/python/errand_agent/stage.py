"""Builds the folder of a run: a copy of the project in which a reused tree saves the copying."""
import json
import os
import time

from errand_agent import trees, work_tree
from errand_agent.errors import bad_request
from errand_agent.filling import Filling
from errand_agent.folders import remove_folder
from errand_agent.manifest import write_manifest
from errand_agent.objects import has, remove_damaged
from errand_agent.paths import below, checked_digest, checked_run, make_folder, nonce, object_path

PROGRESS_EVERY = 0.1


def call_stage(server, params, body):
    """{run, projectId, snapshot: {digest, entries?}, start?} (entries also as the body) → {state: entries | missing | staged, …}.

    What is `missing` is copied to its place as it arrives; `begun` says so, and that the next call need not bring the entries.
    With the parameters of `start`, what is staged is started as well, and the answer holds that of `start`: one round trip for both.
    """
    run, project_id = checked_run(params.get('run')), params.get('projectId')
    snapshot = params.get('snapshot')
    if not isinstance(snapshot, dict) or not isinstance(project_id, str):
        raise bad_request('stage needs a snapshot and a projectId.')
    checked_digest(snapshot.get('digest'))
    digest = snapshot['digest']
    server.abandon_growing()
    filling = server.filling if server.filling is not None and server.filling.key == (run, project_id) else None
    if filling is not None and filling.digest == digest:
        content = filling.content
    else:
        entries = json.loads(body.decode('utf-8', 'surrogateescape')) if body else snapshot.get('entries')
        content = None if entries is None else work_tree.content_of_entries(entries)
        if content is None and filling is not None:
            return {'state': 'entries'}
    work = staging(server, run, project_id, digest, content)
    return work if params.get('start') is None else staged_and_started(server, work, params['start'])


def staged_and_started(server, work, params):
    from errand_agent.start import call_start
    result = yield from work
    if result['state'] == 'staged':
        started = yield from call_start(server, dict(params, staging=result['staging']), b'')
        result.update(started)
    return result


def staging(server, run, project_id, digest, content):
    trees.remove_abandoned()
    begun = take_begun(server, (run, project_id), content)
    name = '%s.%s' % (run, nonce()) if begun is None else begun.name
    folder = make_folder(below('staging', name))
    server.staged.add(name)
    keep = False
    try:
        manifest = None if begun is not None else trees.take(project_id, digest, folder)
        if content is None and manifest is not None and manifest.digest == digest:
            content = work_tree.content_of_manifest(manifest)
        if content is None:
            return {'state': 'entries'}
        filling = Filling(name, (run, project_id)) if begun is None and manifest is None else begun
        result = yield from fill(folder, project_id, digest, content, manifest, filling)
        if result['state'] == 'missing' and filling is not None:
            go_on(server, filling, digest, content, result['missing'])
            keep = result['begun'] = True
        if result['state'] == 'staged':
            keep = True
            result['staging'] = name
        return result
    finally:
        if not keep:
            server.staged.discard(name)
            trees.give_back(name)


def go_on(server, filling, digest, content, missing):
    """Copies what is missing as it comes, and the rest in moments in which nothing else is to be done."""
    filling.digest, filling.content = digest, content
    filling.offer(content.files, set(wanted[-64:] for wanted in missing))
    server.filling = filling


def take_begun(server, key, content):
    """What was copied while the contents came, where all of it is of this snapshot; whatever else was begun is given up."""
    from errand_agent import filling
    begun = server.filling
    if begun is None or begun.key != key or not os.path.isdir(begun.work) or not begun.holds_only(content):
        filling.drop(server)
        return None
    server.filling = None
    return begun


def fill(folder, project_id, digest, content, manifest, filling):
    """Either a tree with its manifest is there to be changed, or what has been copied of a filling."""
    written = {} if filling is None else filling.written
    needed = [entry for entry in differing(content, manifest) if entry[0] not in written]
    missing = lacking(needed)
    if missing:
        return {'state': 'missing', 'missing': missing}
    work = os.fsencode(os.path.join(folder, 'work'))
    unchanged, existing = {}, set() if filling is None else filling.existing
    if manifest is not None:
        try:
            unchanged, existing = reuse(work, content, manifest, needed)
        except OSError:
            # A tree that can't be tidied (immutable files, a mount) is no help.
            remove_folder(os.path.join(folder, 'work'))
            unchanged, existing = {}, set()
        needed = [entry for entry in content.files if entry[0] not in unchanged]
        missing = lacking(needed)
        if missing:
            return {'state': 'missing', 'missing': missing}
    if not os.path.isdir(work):
        os.mkdir(work)
    work_tree.make_directories(work, content.directories, existing)
    existing.update(content.directories)
    copied = sum(size for path, _, _, size in content.files if path in written)
    damaged = []
    copier, shown = work_tree.Copier(), time.monotonic()
    for index, (path, digest_hex, executable, size) in enumerate(needed):
        values = copier.copy(digest_hex, work + b'/' + path, executable, size)
        if values is None:
            remove_damaged(object_path(digest_hex))
            remove_damaged(work + b'/' + path)
            damaged.append('sha256:' + digest_hex)
            continue
        written[path] = values
        copied += size
        if time.monotonic() - shown > PROGRESS_EVERY:
            shown = time.monotonic()
            yield {'message': 'Copying the project', 'done': index + 1, 'total': len(needed), 'unit': 'files'}
    if damaged:
        return {'state': 'missing', 'missing': damaged}
    for path, to in content.links:
        if path not in unchanged:
            os.symlink(to, work + b'/' + path)
    if written or manifest is None or manifest.digest != digest:
        record(folder, project_id, digest, content, unchanged, written)
    # Change times have the grain of the kernel's clock: a script that starts later than this can't write unseen.
    yield 0.004
    outputs = work + b'/outputs'
    if not os.path.isdir(outputs):
        os.mkdir(outputs)
    return {'state': 'staged', 'reused': len(content.files) - len(written), 'copied': len(written), 'bytes': copied}


def differing(content, manifest):
    """Files that the tree's own record does not have, or has with other content."""
    if manifest is None:
        return content.files
    known = {}
    for index, path in enumerate(manifest.paths):
        known[path] = (manifest.digest_at(index), manifest.executables[index] == '1')
    return [entry for entry in content.files if known.get(entry[0]) != (entry[1], entry[2])]


def lacking(files):
    missing, seen = [], set()
    for _, digest_hex, _, size in files:
        if digest_hex not in seen:
            seen.add(digest_hex)
            if not has(digest_hex, size):
                missing.append('sha256:' + digest_hex)
    return missing


def reuse(work, content, manifest, needed):
    """→ (unchanged, existing directories) of a tree from which everything else was removed."""
    signatures = manifest.signatures()
    wanted = set(entry[0] for entry in content.files)
    wanted.difference_update(entry[0] for entry in needed)
    for path in set(signatures) - wanted:
        del signatures[path]
    return work_tree.walk_unchanged(work, content.directories, signatures, content.links)


def record(folder, project_id, digest, content, unchanged, written):
    entries = []
    for path, digest_hex, executable, _ in content.files:
        entries.append((path, digest_hex, executable, written.get(path) or unchanged[path]))
    write_manifest(folder, project_id, digest, entries, content.directories, content.links)
