"""A client of the agent for its tests: one `serve` process, its calls as functions, and runs in a home of their own."""
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
import uuid

SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ENTRY = os.path.join(SOURCE, 'errand_agent_main.py')
# Tests that take long or much space run on one interpreter only.
SLOW_TESTS = bool(os.environ.get('ERRAND_SLOW_TESTS'))

sys.path.insert(0, SOURCE)

from errand_agent.log_record import records  # noqa: E402
from errand_agent.start import write_request  # noqa: E402


class Refused(Exception):
    """The agent answered a call with an error."""

    def __init__(self, error):
        Exception.__init__(self, '%s: %s' % (error['code'], error['message']))
        self.code = error['code']
        self.message = error['message']


class Client:
    """Speaks frames with a `serve` process."""

    def __init__(self, home, python=sys.executable, entry=ENTRY, before=None, **environment):
        variables = dict(os.environ, ERRAND_HOME=home, **environment)
        self.process = subprocess.Popen([python, '-E', '-s', '-S', entry, 'serve'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=variables, preexec_fn=before)
        self.hello = json.loads(self.process.stdout.readline().decode('utf-8'))['hello']
        self.next_id = 0
        self.progress = []

    def send(self, call, body=None, **params):
        self.next_id += 1
        header = dict(params, id=self.next_id, call=call)
        if body is not None:
            header['bytes'] = len(body)
        self.process.stdin.write(json.dumps(header).encode('ascii') + b'\n' + (body or b''))
        self.process.stdin.flush()
        return self.next_id

    def receive(self):
        """The next frame: (header, body)."""
        line = self.process.stdout.readline()
        if not line:
            raise EOFError('the agent is gone')
        header = json.loads(line.decode('utf-8'))
        return header, self.process.stdout.read(header['bytes']) if header.get('bytes') else b''

    def call(self, call, body=None, **params):
        return self.call_with_body(call, body, **params)[0]

    def call_with_body(self, call, body=None, **params):
        identifier = self.send(call, body, **params)
        while True:
            header, content = self.receive()
            if 'progress' in header:
                self.progress.append(header['progress'])
                continue
            if header['id'] != identifier:
                raise AssertionError('an answer to another call: %r' % header)
            if 'error' in header:
                raise Refused(header['error'])
            return header['result'], content

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def digest_of(data):
    return 'sha256:' + hashlib.sha256(data).hexdigest()


def entries_of(files, executable=(), links=None, directories=()):
    """Entries of a snapshot from {path: bytes}."""
    found = [{'kind': 'file', 'path': path, 'size': len(data), 'executable': path in executable, 'digest': digest_of(data)} for path, data in sorted(files.items())]
    found += [{'kind': 'link', 'path': path, 'to': to} for path, to in sorted((links or {}).items())]
    return found + [{'kind': 'directory', 'path': path} for path in directories]


def snapshot_digest(entries):
    return digest_of(json.dumps(entries, sort_keys=True).encode('ascii'))


POWER_OVER_MODES = (1, 2, 3)
POWER_TO_KILL = (5,)


def without(capabilities):
    """For `before`: root as any other user, whom modes of files or owners of processes bind (Linux)."""
    def drop():
        import ctypes
        drop_from_bounding_set = 24
        for capability in capabilities:
            ctypes.CDLL(None).prctl(drop_from_bounding_set, capability, 0, 0, 0)
    return drop


class AgentTest(unittest.TestCase):
    """A home, a client, and the usual way from files to the end of a run."""

    def setUp(self):
        self.home = tempfile.mkdtemp(prefix='errand-agent-')
        self.addCleanup(shutil.rmtree, self.home, True)
        self.client = self.connect()
        self.addCleanup(self.end_runs)

    def end_runs(self):
        """A test that failed half-way leaves no process."""
        client = Client(self.home)
        for run in os.listdir(os.path.join(self.home, 'runs')) if os.path.isdir(os.path.join(self.home, 'runs')) else ():
            client.call('cancel', run=run, grace=0)
            until = time.monotonic() + 15
            while client.call('status', run=run)['state'] in ('queued', 'running') and time.monotonic() < until and os.path.exists(self.folder(run, 'claim')):
                time.sleep(0.01)
        client.close()

    def connect(self, **environment):
        client = Client(self.home, **environment)
        self.addCleanup(client.close)
        return client

    def new_run(self):
        return 'run_' + uuid.uuid4().hex

    def stage(self, files, run=None, project='project-a', client=None, **entry_options):
        """The three-step dance → (run id, answer of stage)."""
        client, run = client or self.client, run or self.new_run()
        entries = entries_of(files, **entry_options)
        snapshot = {'digest': snapshot_digest(entries)}
        answer = client.call('stage', run=run, projectId=project, snapshot=snapshot)
        while answer['state'] != 'staged':
            if answer['state'] == 'missing':
                self.put(files, answer['missing'], client)
            answer = client.call('stage', json.dumps(entries).encode('ascii'), run=run, projectId=project, snapshot=snapshot)
        return run, answer

    def put(self, files, missing, client=None):
        for data in files.values():
            if digest_of(data) in missing:
                (client or self.client).call('put', data, digest=digest_of(data), size=len(data))

    def request(self, run, script='train.py', project='project-a', **more):
        agent = dict({'python': sys.executable}, **more.pop('agent', {}))
        base = {'runId': run, 'runNumber': 7, 'project': 'a', 'projectId': project, 'framework': 'python', 'script': script, 'arguments': [], 'variables': {}, 'secretVariables': []}
        return dict(base, agent=agent, **more)

    def start(self, source, files=None, variables=None, secrets=None, client=None, **more):
        """Stages a script (text) with files, starts it → run id."""
        files = dict(files or {})
        files[more.get('script', 'train.py')] = source if isinstance(source, bytes) else source.encode('utf-8')
        run, staged = self.stage(files, client=client)
        answer = (client or self.client).call('start', request=self.request(run, variables=variables or {}, secretVariables=sorted(secrets or {}), **more), staging=staged['staging'], variables=secrets or {})
        self.assertFalse(answer['existed'])
        return run

    def folder(self, run, *names):
        return os.path.join(self.home, 'runs', run, *names)

    def read_all(self, run, client=None, log=0, metrics=0, limit=1 << 20):
        """Everything until the end → (status, log records, metric lines)."""
        log, found, lines = max(log, 8), [], []
        while True:
            answer, body = (client or self.client).call_with_body('read', run=run, log=log, metrics=metrics, limit=limit, wait=20)
            found += records(body[:answer['log']])
            lines += [json.loads(line.decode('utf-8')) for line in body[answer['log']:].splitlines()]
            log, metrics = log + answer['log'], metrics + answer['metrics']
            if answer['end']:
                return answer['status'], found, lines

    def finish(self, run, client=None):
        """→ (status, stdout, stderr, metric lines); control text in `self.control`."""
        status, found, lines = self.read_all(run, client)
        streams = [b''.join(data for stream, _, data in found if stream == number) for number in (1, 2, 3)]
        self.control = streams[2].decode('utf-8')
        return status, streams[0], streams[1], lines

    def outcome(self, source, **more):
        """Starts a script and waits for its end → as `finish`; the run id in `self.run_id`."""
        self.run_id = self.start(source, **more)
        return self.finish(self.run_id, more.get('client'))

    def wait_for(self, condition, what, seconds=120):
        until = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > until:
                self.fail('%s did not happen in %s seconds' % (what, seconds))
            time.sleep(0.01)
