"""What wakes the supervisor: signals, told through a pipe, and the ends of its children."""
import os
import signal


def catch():
    """Signals only wake the loop → (read end of the pipe that they write to, the set of those that came)."""
    came = set()
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    for number in (signal.SIGUSR1, signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
        signal.signal(number, lambda received, frame: came.add(received))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    return reader, came


def drain(descriptor):
    """Reads away what signals have written into the pipe."""
    try:
        while os.read(descriptor, 512):
            pass
    except BlockingIOError:
        pass


def ended_child():
    """(pid, None) of a child that has ended and is still to be reaped; (pid, wait status) of one reaped here, where there is no looking first."""
    if hasattr(os, 'waitid'):
        found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        return None if found is None else (found.si_pid, None)
    pid, wait_status = os.waitpid(-1, os.WNOHANG)
    return (pid, wait_status) if pid else None
