"""status.json: replaced whole; and final.json: made once by whoever finds the end, so that two never disagree."""
import json
import os

from errand_agent import claim, processes
from errand_agent.machine import boot_id, iso_time
from errand_agent.paths import nonce

FINAL_STATES = ('completed', 'cancelled', 'failed')
RESERVED = 4096
TERMINATE_FOR = 2.0
KILL_FOR = 10.0


def load(path):
    try:
        with open(path, 'rb') as file:
            found = json.loads(file.read().decode('utf-8', 'surrogateescape'))
        return found if isinstance(found, dict) else None
    except (OSError, ValueError):
        return None


def current(folder):
    """The status as it is written, or None before the first one."""
    return load(os.path.join(folder, 'final.json')) or load(os.path.join(folder, 'status.json'))


def is_final(status):
    return status is not None and status.get('state') in FINAL_STATES


def write(folder, status):
    temporary = os.path.join(folder, 'status.json.' + nonce())
    try:
        with open(temporary, 'wb') as file:
            file.write(json.dumps(status).encode('ascii'))
        os.rename(temporary, os.path.join(folder, 'status.json'))
    except OSError:
        try:
            os.unlink(temporary)
        except OSError:
            pass
        raise


def reserve(folder):
    """Takes the space of the final status while there is some → the path of the file that holds it."""
    path = os.path.join(folder, 'final.reserve')
    with open(path, 'wb') as file:
        file.write(b' ' * (RESERVED - 1) + b'\n')
    return path


def write_final(folder, status, reserved=None):
    """Settles the end of the run → the final status, which is another's when another was first."""
    temporary = reserved or os.path.join(folder, 'final.json.' + nonce())
    data = json.dumps(status).encode('ascii')
    if len(data) > RESERVED:
        status = dict(status, reason=status.get('reason', '')[:200] + ' ...')
        data = json.dumps(status).encode('ascii')
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, data.ljust(RESERVED - 1) + b'\n')
    finally:
        os.close(descriptor)
    final = os.path.join(folder, 'final.json')
    try:
        os.link(temporary, final)
    except FileExistsError:
        os.unlink(temporary)
        return load(final) or status
    except OSError:
        os.rename(temporary, final)
        return status
    # The same file under its other name: needs no space.
    os.rename(temporary, os.path.join(folder, 'status.json'))
    return status


def settled(folder):
    """Generator → the true status of the run in this folder: a dead supervisor's run is ended and written down first."""
    if not os.path.isdir(folder):
        return {'state': 'lost', 'reason': 'The place does not know this run.'}
    status = current(folder)
    if is_final(status):
        return status
    content, ended = claim.read(folder), told_end()
    if content is None:
        return dict(ended, state='lost', reason='The run never started. ' + ended['reason']) if ended else status or {'state': 'queued'}
    if content.get('refused'):
        return {'state': 'lost', 'reason': 'The run never started.'}
    if claim.is_held(folder, content):
        return status or {'state': 'queued'}
    status = current(folder)
    if is_final(status):
        return status
    if ended.get('state') == 'lost':
        return dict(status or {}, **ended)
    yield from end_processes(folder, TERMINATE_FOR)
    if ended and os.path.exists(os.path.join(folder, 'cancel')):
        # Whoever asked for the end of a run in a container has nothing alive of it any more.
        return write_final(folder, dict(status or {}, state='cancelled', endedAt=iso_time()))
    return write_final(folder, dict(machine_failure(status or {}, content), **ended))


def told_end():
    """What the client knows of the end of the container that the run was in, as a status; empty where the run's machine is this one."""
    try:
        found = json.loads(os.environ.get('ERRAND_ENDED') or '{}')
        return found if isinstance(found, dict) else {}
    except ValueError:
        return {}


def machine_failure(status, content):
    restarted = content.get('bootId') and boot_id() and content['bootId'] != boot_id()
    reason = 'The machine was restarted.' if restarted else 'The supervisor of the run was killed.'
    return dict(status, state='failed', cause='machine', reason=reason, endedAt=iso_time())


def end_processes(folder, grace):
    """Generator: ends what is alive of a run without a supervisor: TERM, `grace` seconds, KILL, until none is left that can be ended.

    A process of another user can't be, nor can one that waits in the kernel for a disk that does not answer: the run's end does not wait for them.
    """
    mark, waited, asked, denied = processes.mark_of(folder), 0.0, set(), set()
    group = group_of_script(folder)
    while waited < grace + KILL_FOR:
        alive = (processes.of_run(mark) | (processes.of_group(*group) if group else set())) - denied
        if not alive:
            return
        if waited >= grace:
            denied |= processes.send(alive, 9)
        else:
            denied |= processes.send(alive - asked, 15)
            asked |= alive
        waited += 0.05
        yield 0.05


def group_of_script(folder):
    """(group, session) of the script and of what it started with an environment of its own, which has no mark; None where that is not known."""
    content = claim.read(folder) or {}
    script = (((current(folder) or {}).get('processes') or {}).get('script') or {}).get('pid')
    if not script or not content.get('session') or not claim.counted_here(content):
        return None
    return script, content['session']
