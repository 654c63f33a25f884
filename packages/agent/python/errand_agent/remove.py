"""Deletes a run that is over, keeping its work tree for the next run of the project."""
import os

from errand_agent import status, trees
from errand_agent.errors import CallError
from errand_agent.folders import remove_folder
from errand_agent.manifest import load_manifest
from errand_agent.paths import below, make_folder, nonce, run_folder


def call_remove(server, params, body):
    """{run} → {}. Only when final; safe to repeat."""
    return removing(run_folder(params.get('run')), params['run'])


def removing(folder, run):
    if not os.path.isdir(folder):
        return {}
    found = yield from status.settled(folder)
    if not status.is_final(found) and found['state'] != 'lost':
        raise CallError('RUN_NOT_FINAL', 'The run %s is %s.' % (run, found['state']), 'Cancel it first, or wait for its end.')
    gone = os.path.join(make_folder(below('staging')), '%s.%s' % (run, nonce()))
    try:
        os.rename(folder, gone)
    except FileNotFoundError:
        return {}
    manifest = load_manifest(gone)
    outputs = os.path.join(gone, 'work', 'outputs')
    if manifest is not None and b'outputs' not in manifest.directories and not os.path.islink(os.path.join(gone, 'work')):
        if not os.path.islink(outputs):
            remove_folder(outputs)
    trees.keep(gone, manifest)
    remove_folder(gone)
    return {}
