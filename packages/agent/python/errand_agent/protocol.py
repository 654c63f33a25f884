"""Frames over a pair of pipes: one line of JSON, then `bytes` raw bytes when the line says so."""
import errno
import json
import os

from errand_agent.errors import CallError, bad_request

LONGEST_HEADER = 64 << 20
CHUNK = 1 << 18


class Disconnected(Exception):
    """The client is gone."""


class Output:
    """Writes whole frames to a file descriptor."""

    def __init__(self, descriptor):
        self.descriptor = descriptor

    def send(self, header, body=None):
        """`body`: bytes, or None."""
        if body is not None:
            header['bytes'] = len(body)
        self.write(json.dumps(header, separators=(',', ':')).encode('ascii') + b'\n')
        if body:
            self.write(body)

    def write(self, data):
        view = memoryview(data)
        while len(view):
            try:
                view = view[os.write(self.descriptor, view[:1 << 20]):]
            except OSError as error:
                if error.errno in (errno.EPIPE, errno.ECONNRESET, errno.EBADF):
                    raise Disconnected()
                raise


class MemoryBody:
    """Collects a body in memory."""

    def __init__(self):
        self.parts = []

    def write(self, data):
        self.parts.append(bytes(data))

    def finish(self):
        return b''.join(self.parts)

    def abandon(self):
        self.parts = []


class Input:
    """Takes bytes as they come and hands on whole requests; a long body goes to its receiver piece by piece."""

    def __init__(self, open_body, handle):
        self.open_body = open_body
        self.handle = handle
        self.buffer = bytearray()
        self.header = None
        self.body = None
        self.wanted = 0

    def feed(self, data):
        if self.wanted and not self.buffer:
            data = self.feed_body(data)
        self.buffer += data
        while self.step():
            pass

    def feed_body(self, data):
        """What comes of a body while nothing waits before it is handed on without being copied first → the rest."""
        with memoryview(data) as view:
            taken = min(self.wanted, len(view))
            self.body.write(view[:taken])
        self.wanted -= taken
        return data[taken:]

    def step(self):
        if self.header is None:
            return self.read_header()
        taken = min(self.wanted, len(self.buffer))
        if taken:
            with memoryview(self.buffer) as view:
                self.body.write(view[:taken])
            del self.buffer[:taken]
            self.wanted -= taken
        if self.wanted:
            return False
        header, body = self.header, self.body
        self.header = self.body = None
        self.handle(header, body)
        return True

    def read_header(self):
        end = self.buffer.find(b'\n')
        if end < 0:
            if len(self.buffer) > LONGEST_HEADER:
                raise Disconnected()
            return False
        line = bytes(self.buffer[:end])
        del self.buffer[:end + 1]
        try:
            header = json.loads(line.decode('utf-8', 'surrogateescape'))
            if not isinstance(header, dict) or not isinstance(header.get('call'), str):
                raise ValueError('not an object with a call')
            wanted = int(header.get('bytes') or 0)
            if wanted < 0:
                raise ValueError('a body of %d bytes' % wanted)
            self.wanted = wanted
        except ValueError as error:
            self.handle({'id': None, 'call': ''}, Refused(bad_request('A frame could not be read: %s.' % error)))
            return True
        self.header = header
        try:
            self.body = self.open_body(header)
        except (CallError, OSError) as error:
            self.body = Refused(error)
        return True

    def abandon(self):
        if self.body is not None:
            self.body.abandon()


class Refused:
    """Reads a body away and then fails with the error that was found before it came."""

    def __init__(self, error):
        self.error = error

    def write(self, data):
        pass

    def finish(self):
        raise self.error

    def abandon(self):
        pass
