"""Writes what the script prints to the log of the run, losing nothing while there is space, and saying so when there is none."""
import collections
import errno
import fcntl
import os
import struct
import termios
import time

from errand_agent.log_record import CONTROL, HEADER, LONGEST, MAGIC, records
from errand_agent.redaction import Redaction

RESERVE = 1 << 20
NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
TAIL_RECORDS = 64
RETRY_EVERY = 0.5
NEWLINE = 10
COALESCE_BELOW, COALESCE_WITHIN, COALESCE_FOR = 16384, 0.002, 0.0005


class Log:
    """The log file of one run. `full`: nothing more could be written, the last record waits in `pending`."""

    def __init__(self, folder, redaction=None):
        self.redaction = redaction or Redaction([])
        self.reserve = os.path.join(folder, 'reserve')
        self.descriptor = os.open(os.path.join(folder, 'log'), os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
        self.end = 0
        self.pending = collections.deque()
        self.starts = collections.deque(maxlen=TAIL_RECORDS)
        self.retry_at = 0.0
        self.reserved = False
        self.put([MAGIC])
        self.take_reserve()

    @property
    def full(self):
        return bool(self.pending)

    def take_reserve(self):
        """Space for the last records of a run whose script fills the disk; random, so that no file system packs it away."""
        try:
            with open(self.reserve, 'wb') as file:
                block = os.urandom(1 << 16)
                for _ in range(RESERVE // len(block)):
                    file.write(block)
            self.reserved = True
        except OSError:
            self.reserved = True
            self.free_reserve()

    def free_reserve(self):
        """True when there was one to free."""
        if not self.reserved:
            return False
        self.reserved = False
        try:
            os.unlink(self.reserve)
        except OSError:
            pass
        return True

    def put(self, buffers):
        """Writes the buffers at the end; False when there is no space, and then nothing of them stays."""
        size = sum(len(buffer) for buffer in buffers)
        while True:
            try:
                written = os.writev(self.descriptor, buffers)
            except OSError as error:
                if error.errno not in NO_SPACE:
                    raise
                written = 0
            if written == size:
                self.end += size
                return True
            os.ftruncate(self.descriptor, self.end)
            os.lseek(self.descriptor, self.end, os.SEEK_SET)
            if not self.free_reserve():
                return False

    def record(self, stream, data):
        """Adds one record of at most LONGEST bytes; when the disk is full it waits with those before it."""
        header = HEADER.pack(stream, int(time.time() * 1000000), len(data))
        if self.pending or not self.write(header, data):
            self.pending.append((header, bytes(data)))
            self.retry_at = self.retry_at or time.monotonic() + RETRY_EVERY

    def write(self, header, data):
        start = self.end
        if not self.put([header, data]):
            return False
        self.starts.append(start)
        return True

    def retry(self, now):
        """Tries again to write what waits; at most twice a second."""
        if not self.pending or now < self.retry_at:
            return
        self.retry_at = now + RETRY_EVERY
        while self.pending and self.write(*self.pending[0]):
            self.pending.popleft()
        if not self.pending:
            self.retry_at = 0.0
            self.take_reserve()

    def note(self, text):
        """One line of what was done for the run."""
        self.record(CONTROL, (self.redaction.text(text) + '\n').encode('utf-8', 'replace')[:LONGEST])

    def drop(self):
        """Gives up what waits → bytes lost."""
        lost = sum(len(data) for _, data in self.pending)
        self.pending.clear()
        return lost

    def tail(self, stream):
        """The last output on a stream, as text."""
        if not self.starts:
            return ''
        size = min(self.end - self.starts[0], 16 * LONGEST)
        data = os.pread(self.descriptor, size, self.starts[0])
        return b''.join(chunk for found, _, chunk in records(data) if found == stream)[-16384:].decode('utf-8', 'replace')


class Capture:
    """The two pipes of the script, read chunk by chunk into the log."""

    def __init__(self, log, streams):
        self.log = log
        self.streams = dict(streams)
        self.buffer = bytearray(LONGEST)
        self.view = memoryview(self.buffer)
        # By descriptor, what was read and not yet recorded: half a line whose rest is on its way, or what may become a secret.
        self.held = {}
        self.lost = 0
        self.last = (None, 0, 0.0)
        self.busy = False

    def read(self, descriptor):
        """Takes one chunk; False when there is none now. At the end of the stream its pipe is closed."""
        try:
            size = os.readv(descriptor, [self.buffer])
        except BlockingIOError:
            return False
        if size == 0:
            self.close(descriptor)
            return False
        self.take(descriptor, self.view[:size])
        before, self.last = self.last, (descriptor, size, time.monotonic())
        self.busy = before[0] == descriptor and size < COALESCE_BELOW and self.last[2] - before[2] < COALESCE_WITHIN
        return True

    def take(self, descriptor, data):
        """Records what is whole, so that neither the other stream's output nor a client's pause stands in the midst of a line."""
        held = self.held.pop(descriptor, None)
        redaction = self.log.redaction
        if held is None and redaction.pattern is None and data[-1] == NEWLINE:
            self.log.record(self.streams[descriptor], data)
            return
        whole = (held or b'') + bytes(data)
        end = len(whole)
        if data[-1] != NEWLINE and has_more(descriptor):
            lines = whole.rfind(b'\n') + 1
            if lines or end < LONGEST:
                end = lines
        ready, rest = redaction.split(whole[:end])
        if rest or end < len(whole):
            self.held[descriptor] = rest + whole[end:]
        self.store(descriptor, ready)

    def store(self, descriptor, data):
        for start in range(0, len(data), LONGEST):
            self.log.record(self.streams[descriptor], data[start:start + LONGEST])

    def store_held(self, descriptor):
        self.store(descriptor, self.log.redaction.replace(self.held.pop(descriptor, b'')))

    def coalesce(self):
        """One stream that comes in small pieces is given a moment to gather more: fewer records, and the script keeps its processor."""
        if self.busy:
            self.busy = False
            time.sleep(COALESCE_FOR)

    def close(self, descriptor):
        self.store_held(descriptor)
        os.close(descriptor)
        del self.streams[descriptor]

    def flush(self):
        """Records what is held: nothing more will come."""
        for descriptor in list(self.held):
            self.store_held(descriptor)

    def drain(self):
        """Takes what the pipes hold now, however much, as long as the log has space."""
        for descriptor in list(self.streams):
            while not self.log.full and descriptor in self.streams and self.read(descriptor):
                pass

    def discard(self):
        """Counts away what the pipes still hold, when the disk has no space for it; closes them."""
        for descriptor in list(self.streams):
            try:
                for data in iter(lambda: os.read(descriptor, LONGEST), b''):
                    self.lost += len(data)
            except BlockingIOError:
                pass
            self.close(descriptor)


def has_more(descriptor):
    """Whether the pipe holds bytes at this moment."""
    try:
        return struct.unpack('i', fcntl.ioctl(descriptor, termios.FIONREAD, b'\0\0\0\0'))[0] > 0
    except OSError:
        return False
