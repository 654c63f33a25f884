"""Keeps the order in which a script writes to stdout and stderr, although they are two pipes.

Before a stream is written to right after the other, the other's pipe is given a moment to be read empty. Only a change of stream costs
anything: the stream written to last has a raw file whose `write` is the built-in one; the other's raw file has the one below.
"""
import io
import os
import stat
import sys
import time

FIONREAD = 0x541B
# Normally the reader needs some 50 microseconds; on a machine at its limit it may need much longer before it gets its turn.
LONGEST_WAIT = 0.5
MOST_WAITS_A_SECOND = 200


class LastWritten(io.FileIO):
    """The stream that was written to last."""


class WrittenBefore(io.FileIO):
    """The stream that was not: its next write finds out how far the other is, and changes places with it."""

    def write(self, data):
        other = self.other
        self.__class__, other.__class__ = LastWritten, WrittenBefore
        wait_until_read(other.fileno(), self.budget)
        return self.write(data)


def wait_until_read(descriptor, budget):
    """At most half a second, and at most 200 times in one second; `budget` is [second, waits in it]."""
    now = time.monotonic()
    second = int(now)
    if budget[0] != second:
        budget[:] = [second, 0]
    budget[1] += 1
    if budget[1] > MOST_WAITS_A_SECOND:
        return
    from fcntl import ioctl
    pause = 0.00002
    try:
        while ioctl(descriptor, FIONREAD, b'\0\0\0\0') != b'\0\0\0\0' and time.monotonic() - now < LONGEST_WAIT:
            time.sleep(pause)
            pause = min(pause * 2, 0.0005)
    except OSError:
        pass


def keep_order():
    """Exchanges the two text streams of this process, when both write to pipes of their own."""
    try:
        first, second = os.fstat(1), os.fstat(2)
        apart = stat.S_ISFIFO(first.st_mode) and stat.S_ISFIFO(second.st_mode) and first.st_ino != second.st_ino
        if not apart or sys.stdout.fileno() != 1 or sys.stderr.fileno() != 2:
            return
    except (OSError, AttributeError, ValueError):
        return
    budget = [0, 0]
    raw_out, raw_err = LastWritten(1, 'w', closefd=False), LastWritten(2, 'w', closefd=False)
    raw_err.__class__ = WrittenBefore
    raw_out.other, raw_err.other = raw_err, raw_out
    raw_out.budget = raw_err.budget = budget
    for name, raw in (('stdout', raw_out), ('stderr', raw_err)):
        old = getattr(sys, name)
        raw.name = '<%s>' % name
        stream = io.TextIOWrapper(raw, encoding=old.encoding, errors=old.errors, newline='\n', write_through=True)
        stream.mode = 'w'
        setattr(sys, name, stream)
        setattr(sys, '__%s__' % name, stream)
