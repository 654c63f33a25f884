"""Finds out whether a run was started."""
import os
import time

from errand_agent import claim
from errand_agent.paths import checked_run, run_folder
from errand_agent.start import reference
from errand_agent.status import load

# Seconds for which a run that was sent may still be claimed.
FIND_WAITS = 10.0


def call_find(server, params, body):
    """{run, projectId} → {found, reference?}. A run that was sent but never claimed is refused for good, so that `no` stays true."""
    return finding(checked_run(params.get('run')), params.get('projectId'))


def finding(run, project_id):
    folder = run_folder(run)
    request = load(os.path.join(folder, 'request.json'))
    if request is None or request.get('projectId') != project_id:
        return {'found': False}
    while True:
        content = claim.read(folder)
        if content is None and age(folder) > FIND_WAITS:
            descriptor = claim.make(folder, claim.REFUSED)
            if descriptor is not None:
                os.close(descriptor)
                remove_variables(folder)
            content = claim.read(folder) or claim.REFUSED
        if content is not None:
            return {'found': False} if content.get('refused') else {'found': True, 'reference': reference(run, content)}
        yield 0.05


def remove_variables(folder):
    try:
        os.unlink(os.path.join(folder, 'variables'))
    except FileNotFoundError:
        pass


def age(folder):
    try:
        return max(0.0, time.time() - os.stat(os.path.join(folder, 'request.json')).st_mtime)
    except OSError:
        return FIND_WAITS + 1
