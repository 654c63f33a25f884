"""Work trees of removed runs, kept so that the next run of the project need not copy what did not change."""
import os
import time

from errand_agent.folders import list_folder, remove_folder
from errand_agent.manifest import MANIFEST, load_manifest
from errand_agent.paths import below, encoded, make_folder, nonce

KEPT_FOR_EACH_PROJECT = 3
ABANDONED_AFTER = 24 * 3600


def tree_name(project_id, digest):
    from errand_agent.objects import sha256
    project = sha256()
    project.update(encoded(project_id))
    return '%s-%s-%s' % (project.hexdigest()[:16], digest[-64:][:16], nonce())


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


def remove_abandoned():
    """Deletes staging folders whose client died long ago."""
    for name in list_folder(below('staging')):
        path = below('staging', name)
        try:
            if os.stat(path).st_mtime < time.time() - ABANDONED_AFTER:
                give_back(name)
        except OSError:
            pass
