"""Who may run a run: the one process that made the file `claim`. It holds a lock on it for as long as it lives."""
import fcntl
import json
import os

from errand_agent.machine import boot_id, process_namespace
from errand_agent.paths import nonce

# How long a claim that was refused by `find` keeps its reason.
REFUSED = {'refused': True}


def make(folder, content):
    """Creates the claim with this content, locked → its descriptor, or None when another was first."""
    temporary = os.path.join(folder, 'claim.' + nonce())
    target = os.path.join(folder, 'claim')
    descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        content = dict(content, locked=lock(descriptor, fcntl.LOCK_EX))
        os.write(descriptor, json.dumps(content, sort_keys=True).encode('ascii'))
        os.link(temporary, target)
        return descriptor
    except FileExistsError:
        os.close(descriptor)
        return None
    except OSError:
        os.close(descriptor)
        return make_without_link(target, content)
    finally:
        os.unlink(temporary)


def make_without_link(target, content):
    """For file systems without hard links."""
    try:
        descriptor = os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError:
        return None
    content['locked'] = lock(descriptor, fcntl.LOCK_EX)
    os.write(descriptor, json.dumps(content, sort_keys=True).encode('ascii'))
    return descriptor


def lock(descriptor, kind):
    """False where the file system has no locks; BlockingIOError when another process has it."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        raise
    except OSError:
        return False


def of_this_process():
    from errand_agent.processes import start_time
    return {'pid': os.getpid(), 'session': os.getsid(0), 'started': start_time(os.getpid()), 'bootId': boot_id(), 'hostname': os.uname().nodename, 'namespace': process_namespace()}


def read(folder):
    """The claim's content, or None when nobody claimed the run."""
    try:
        with open(os.path.join(folder, 'claim'), 'r') as file:
            text = file.read()
    except OSError:
        return None
    try:
        content = json.loads(text)
        return content if isinstance(content, dict) else {}
    except ValueError:
        # Created this moment on a file system without links.
        return {'locked': True}


def is_held(folder, content):
    """Whether the supervisor that made the claim lives."""
    if content.get('refused'):
        return False
    if not content.get('locked'):
        return same_process(content)
    try:
        descriptor = os.open(os.path.join(folder, 'claim'), os.O_RDONLY)
    except OSError:
        return False
    try:
        return not lock(descriptor, fcntl.LOCK_SH)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)


def same_process(content):
    """Whether the pid of the claim means, from here, the process that made it."""
    from errand_agent.processes import start_time
    pid = content.get('pid')
    return isinstance(pid, int) and counted_here(content) and start_time(pid) == content.get('started')


def counted_here(content):
    """Whether numbers of processes in the claim are those of this machine since its start."""
    return content.get('bootId') == boot_id() and content.get('namespace') == process_namespace()
