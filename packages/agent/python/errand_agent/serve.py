"""One client's connection: answers calls over stdin and stdout in one thread. It owns no run, so it may end at any moment."""
import os
import select
import sys
import time

# A handler returns a result, or (result, bytes), or a generator that returns one of those and yields before seconds to wait, progress, or
# (result, bytes) as a part of its answer.
CALLS = {
    'missing': 'objects', 'adopt': 'adopt', 'put': 'incoming',
    'begin': 'head_start', 'offer': 'head_start', 'holds': 'head_start', 'append': 'head_start', 'complete': 'head_start',
    'stage': 'stage', 'start': 'start', 'find': 'find',
    'status': 'follow', 'read': 'follow', 'cancel': 'follow',
    'collect': 'collect', 'fetch': 'collect',
    'storageLook': 'head_node', 'storageChange': 'head_node',
    'remove': 'remove', 'leftovers': 'leftovers', 'removeLeftover': 'leftovers',
}
WORK_SLICE = 0.05
# Of Linux, without a name in Python before 3.10.
F_SETPIPE_SZ = 1031
PIPE_SIZE = 1 << 20
WIDENED = set()


class Server:
    """The open calls of one client, and what it staged but never started."""

    def __init__(self, source, output):
        from errand_agent.protocol import Input
        self.source = source
        self.output = output
        self.input = Input(self.open_body, self.handle)
        self.open = []
        self.staged = set()
        # What is copied to the folder of a run as it comes, and contents that are not whole yet by path.
        self.filling = None
        self.growing = {}

    def arrived(self, digest_hex, data):
        from errand_agent.filling import arrived
        arrived(self, digest_hex, data)

    def abandon_growing(self):
        while self.growing:
            self.growing.popitem()[1].abandon()

    def open_body(self, header):
        from errand_agent.protocol import MemoryBody
        if header['call'] == 'put':
            from errand_agent.incoming import body_of_put
            widen(self.source)
            return body_of_put(header, self.arrived)
        if header['call'] == 'append':
            from errand_agent.head_start import body_of_append
            widen(self.source)
            return body_of_append(self, header)
        return MemoryBody()

    def handle(self, header, body):
        identifier = header.get('id')
        try:
            content = body.finish()
            outcome = self.handler(header['call'])(self, header, content)
        except Exception as error:
            self.fail(identifier, error)
            return
        if hasattr(outcome, 'send'):
            self.open.append([0, identifier, outcome])
        else:
            self.answer(identifier, outcome)

    def handler(self, call):
        from errand_agent.errors import bad_request
        if call not in CALLS:
            raise bad_request('There is no call %r.' % (call,))
        module = __import__('errand_agent.' + CALLS[call], fromlist=['*'])
        return getattr(module, 'call_' + call)

    def answer(self, identifier, outcome):
        result, body = outcome if isinstance(outcome, tuple) else (outcome, None)
        self.output.send({'id': identifier, 'result': result}, body)

    def fail(self, identifier, error):
        self.output.send({'id': identifier, 'error': describe(error)})

    def advance(self, entry):
        """Lets one open call work for a moment; True when it has answered."""
        identifier, work = entry[1], entry[2]
        until = time.monotonic() + WORK_SLICE
        try:
            while True:
                step = next(work)
                if not isinstance(step, (int, float)):
                    if isinstance(step, tuple):
                        self.output.send({'id': identifier, 'part': step[0]}, step[1])
                    else:
                        self.output.send({'id': identifier, 'progress': step})
                    step = 0
                if step > 0 or time.monotonic() >= until:
                    entry[0] = time.monotonic() + step
                    return False
        except StopIteration as end:
            self.answer(identifier, end.value)
        except OSError as error:
            self.fail(identifier, error)
        except Exception as error:
            from errand_agent.protocol import Disconnected
            if isinstance(error, Disconnected):
                raise
            self.fail(identifier, error)
        return True

    def run(self):
        while True:
            now = time.monotonic()
            for entry in [entry for entry in self.open if entry[0] <= now]:
                if self.advance(entry):
                    self.open.remove(entry)
            timeout = max(0, min(entry[0] for entry in self.open) - time.monotonic()) if self.open else None
            idle = self.filling is not None and self.filling.ready
            if select.select([self.source], [], [], 0 if idle else timeout)[0]:
                data = os.read(self.source, 1 << 18)
                if not data:
                    return
                self.input.feed(data)
            elif idle:
                from errand_agent.filling import advance
                advance(self)

    def close(self):
        self.input.abandon()
        self.abandon_growing()
        for entry in self.open:
            entry[2].close()
        if self.staged:
            from errand_agent.trees import give_back
            for name in self.staged:
                give_back(name)


def widen(descriptor):
    """A pipe that holds more is read in fewer and longer pieces; what can't be widened stays as it is."""
    if descriptor in WIDENED or not sys.platform.startswith('linux'):
        return
    WIDENED.add(descriptor)
    try:
        import fcntl
        fcntl.fcntl(descriptor, F_SETPIPE_SZ, PIPE_SIZE)
    except (OSError, ImportError):
        pass


def describe(error):
    from errand_agent.errors import CallError
    if isinstance(error, CallError):
        return error.to_json()
    if isinstance(error, OSError):
        import errno
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return {'code': 'NO_SPACE', 'message': 'No space is left at the place: %s.' % error, 'hint': 'Free space in the folder of the agent, or set ERRAND_HOME to a folder on another disk.'}
        return {'code': 'PLACE_ERROR', 'message': str(error)}
    import traceback
    return {'code': 'AGENT_ERROR', 'message': ''.join(traceback.format_exception(type(error), error, error.__traceback__)).strip()}


def keep_stdout_for_frames():
    """Nothing but frames may reach the client: whatever else prints, prints to stderr."""
    frames = os.dup(1)
    os.dup2(2, 1)
    return frames


def hello():
    """The first frame, without the json module: the client can work while the rest is imported."""
    try:
        from _json import encode_basestring_ascii as quoted
    except ImportError:
        from json import dumps as quoted
    from errand_agent.machine import boot_id, free_bytes, user_name
    system = os.uname()
    home = os.path.abspath(os.environ.get('ERRAND_HOME') or os.path.join(os.path.expanduser('~'), '.errand'))
    version = '.'.join(str(part) for part in sys.version_info[:3])
    free = free_bytes(home)
    line = '{"hello":{"protocol":1,"python":{"executable":%s,"version":%s,"prefix":%s},"home":%s,"platform":{"os":%s,"architecture":%s},' \
        '"hostname":%s,"user":%s,"bootId":%s,"pid":%d,"free":%s}}\n' % (
            quoted(sys.executable or ''), quoted(version), quoted(sys.prefix), quoted(home), quoted(sys.platform), quoted(system.machine),
            quoted(system.nodename), quoted(user_name()), quoted(boot_id()), os.getpid(),
            'null' if free is None else free)
    return line.encode('ascii')


def main():
    """Serves until the client closes its end; returns the exit code."""
    frames = keep_stdout_for_frames()
    try:
        os.write(frames, hello())
    except OSError:
        return 0
    from errand_agent.protocol import Disconnected, Output
    server = Server(0, Output(frames))
    try:
        server.run()
    except Disconnected:
        pass
    except KeyboardInterrupt:
        pass
    finally:
        server.close()
    return 0
