"""Starts the script's process: own process group, no stdin, its output in two pipes."""
import fcntl
import os
import signal

from errand_agent.errors import CannotStart
from errand_agent.processes import end_with_parent

F_SETPIPE_SZ = 1031
PIPE_SIZE = 1 << 20


def output_pipe():
    """(read end without blocking, write end) of a pipe as large as the system allows."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    try:
        fcntl.fcntl(reader, F_SETPIPE_SZ, PIPE_SIZE)
    except OSError:
        pass
    return reader, writer


def spawn(command, variables, folder):
    """→ (pid, stdout's read end, stderr's read end). CannotStart when the program can't be executed."""
    stdout, stdout_writer = output_pipe()
    stderr, stderr_writer = output_pipe()
    failure, failure_writer = os.pipe()
    null = os.open(os.devnull, os.O_RDONLY)
    supervisor = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            become_script(command, variables, folder, supervisor, (null, stdout_writer, stderr_writer))
        except BaseException as error:
            os.write(failure_writer, (getattr(error, 'strerror', None) or str(error) or type(error).__name__).encode('utf-8', 'replace'))
        finally:
            os._exit(127)
    for descriptor in (null, stdout_writer, stderr_writer, failure_writer):
        os.close(descriptor)
    text = os.read(failure, 4096)
    os.close(failure)
    if text:
        os.waitpid(pid, 0)
        os.close(stdout)
        os.close(stderr)
        raise CannotStart('%s could not be started: %s.' % (os.fsdecode(command[0]), text.decode('utf-8', 'replace')))
    return pid, stdout, stderr


def become_script(command, variables, folder, supervisor, streams):
    os.setpgid(0, 0)
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGCHLD, signal.SIGPIPE, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    for name in ('SIGXFSZ', 'SIGXFZ'):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_DFL)
    end_with_parent()
    if os.getppid() != supervisor:
        os._exit(127)
    for target, descriptor in enumerate(streams):
        os.dup2(descriptor, target)
    os.chdir(os.path.join(folder, 'work'))
    variables[b'PWD'] = os.getcwdb()
    os.execve(command[0], command, variables)
