"""A lock on a folder that is being made: held by the whole process tree of its maker, and taken over when the maker is dead."""
import errno
import fcntl
import json
import os
import signal
import time


def acquire(path, waiting):
    """Waits until the lock is ours → its descriptor. `waiting(text)` is told once for whom."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    told = False
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        if locked(descriptor, path):
            if is_current(descriptor, path):
                write_holder(descriptor)
                return descriptor
            os.close(descriptor)
            continue
        holder = read_holder(descriptor)
        os.close(descriptor)
        if holder is not None and is_dead(holder):
            end_orphans(holder)
        elif not told:
            told = True
            waiting('waiting for process %s, which makes the same' % ('?' if holder is None else holder['pid']))
        time.sleep(0.1)


def try_acquire(path):
    """The descriptor, or None when somebody holds the lock."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    if locked(descriptor, path) and is_current(descriptor, path):
        write_holder(descriptor)
        return descriptor
    os.close(descriptor)
    return None


def locked(descriptor, path):
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False
    except OSError as error:
        os.close(descriptor)
        reason = 'the file system of %s has no locks; set ERRAND_HOME to a folder on another one' % path
        raise OSError(error.errno, reason)


def is_current(descriptor, path):
    """False when the file was removed with its environment while we waited."""
    try:
        found = os.stat(path)
    except OSError:
        return False
    mine = os.fstat(descriptor)
    return (found.st_dev, found.st_ino) == (mine.st_dev, mine.st_ino)


def write_holder(descriptor):
    content = {'pid': os.getpid(), 'group': os.getpgrp(), 'started': start_time(os.getpid()), 'hostname': os.uname().nodename}
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(content).encode('ascii'), 0)


def read_holder(descriptor):
    try:
        content = json.loads(os.pread(descriptor, 4096, 0).decode('ascii'))
    except ValueError:
        return None
    return content if isinstance(content, dict) and 'pid' in content else None


def is_dead(holder):
    """Only ever true of a process of this machine."""
    return holder.get('hostname') == os.uname().nodename and start_time(holder['pid']) != holder.get('started')


def end_orphans(holder):
    """What a dead maker started holds the lock for it: nobody will use what they make."""
    group = holder.get('group')
    if not isinstance(group, int) or group <= 1 or group == os.getpgrp():
        return
    try:
        os.killpg(group, signal.SIGKILL)
    except OSError as error:
        if error.errno not in (errno.ESRCH, errno.EPERM):
            raise


def start_time(pid):
    """Text that differs for two processes of one number; None when there is no such process."""
    try:
        with open('/proc/%d/stat' % pid, 'rb') as file:
            fields = file.read().rpartition(b')')[2].split()
        return None if fields[0] in (b'Z', b'X') else fields[19].decode('ascii')
    except (OSError, IndexError):
        if os.path.exists('/proc/self/stat'):
            return None
    import subprocess
    try:
        return subprocess.check_output(['ps', '-o', 'lstart=', '-p', str(pid)]).decode('ascii', 'replace').strip() or None
    except (OSError, subprocess.CalledProcessError):
        return None
