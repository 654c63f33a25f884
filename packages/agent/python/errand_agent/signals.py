"""What wakes the supervisor: output, signals, told through a pipe, and the ends of its children."""
import os
import select
import signal


class Wakeup:
    """Signals only wake whoever waits here. `came`: those that did."""

    def __init__(self):
        self.came = set()
        self.reader, writer = os.pipe()
        os.set_blocking(self.reader, False)
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer)
        for number in (signal.SIGUSR1, signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, lambda received, frame: self.came.add(received))
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self.poller, self.watched = select.poll(), set()
        self.poller.register(self.reader, select.POLLIN)

    def told_to_stop(self):
        return signal.SIGTERM in self.came or signal.SIGINT in self.came

    def wait(self, descriptors, seconds):
        """Until a signal comes, one of the descriptors can be read, or the time is over → (whether a signal came, the descriptors that can be read)."""
        wanted = set(descriptors)
        for descriptor in self.watched - wanted:
            self.poller.unregister(descriptor)
        for descriptor in wanted - self.watched:
            self.poller.register(descriptor, select.POLLIN)
        self.watched = wanted
        ready = [descriptor for descriptor, _ in self.poller.poll(max(0, seconds) * 1000 + 0.5)]
        if self.reader not in ready:
            return False, ready
        self.drain()
        ready.remove(self.reader)
        return True, ready

    def drain(self):
        try:
            while os.read(self.reader, 512):
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
