"""How a run ends, for every way in which a script can end or be ended."""
import os
import select
import signal
import subprocess
import sys
import unittest

from client import POWER_TO_KILL, AgentTest, records, without
from errand_agent import ending
from errand_agent.memory_events import MemoryEvents


def alive(pid):
    try:
        with open('/proc/%d/stat' % pid) as file:
            return file.read().rpartition(')')[2].split()[0] != 'Z'
    except (OSError, IOError):
        return False


ENDLESS_APPETITE = 'import os\nx = []\nwhile True: x.append(bytearray(os.urandom(1 << 20)))'


def enter(group, pid=0):
    """Puts a process, or this one, into the control group of that file."""
    with open(group, 'w') as file:
        file.write(str(pid))


def removed(group):
    """Whether a control group is gone now: it can be removed when its last process has ended."""
    try:
        os.rmdir(group)
    except (OSError, IOError):
        pass
    return not os.path.exists(group)


class Endings(AgentTest):
    def failed(self, source, cause, **more):
        status, out, err, _ = self.outcome(source, **more)
        self.assertEqual((status['state'], status.get('cause')), ('failed', cause), (status, err))
        return status

    def test_completed_runs_say_when_and_how_much(self):
        for source in ('pass', 'import sys; sys.exit()', 'import sys; sys.exit(0)'):
            status = self.outcome(source)[0]
            self.assertEqual(status['state'], 'completed')
        self.assertLessEqual(status['queuedAt'], status['startedAt'])
        self.assertLess(status['startedAt'], status['endedAt'])
        self.assertRegex(status['endedAt'], r'^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$')
        self.assertGreater(status['peakMemory'], 1 << 20)
        self.assertGreater(status['processorTime'], 0)
        self.assertEqual(status['python']['version'], '%d.%d.%d' % sys.version_info[:3])

    def test_exit_codes_are_kept(self):
        status = self.failed('import sys; sys.exit(3)', 'exit')
        self.assertEqual((status['exitCode'], status['reason']), (3, 'The script ended with exit code 3.'))
        self.assertEqual(self.failed('import os; os._exit(255)', 'exit')['exitCode'], 255)
        status = self.failed('import sys; sys.exit("no data")', 'exit')
        self.assertEqual((status['exitCode'], status['reason']), (1, 'The script ended with exit code 1: no data'))

    def test_exceptions_are_the_reason(self):
        status = self.failed('raise ValueError("first\\nsecond")', 'exit')
        self.assertEqual((status['exitCode'], status['reason']), (1, 'The script ended with exit code 1: ValueError: first'))
        self.assertIn('`nativeSharedDirectory`', self.failed('import os; os.environ["AZUREML_NATIVE_SHARE_DIRECTORY"]', 'exit')['reason'])
        self.assertIn('module "not_there"', self.failed('import not_there.part', 'exit')['reason'].replace("'", '"'))
        self.assertIn('SyntaxError', self.failed('x = = 1', 'exit')['reason'])

    def test_a_traceback_of_a_child_is_the_reason_when_there_is_no_other(self):
        status = self.failed('import subprocess, sys\nsys.exit(subprocess.call([sys.executable, "-c", "1/0"]))', 'exit')
        self.assertIn('ZeroDivisionError: division by zero', status['reason'])

    @unittest.skipUnless(sys.platform.startswith('linux') and os.geteuid() == 0, 'needs root to start a process of another user')
    def test_a_process_that_may_not_be_ended_does_not_keep_a_run_without_supervisor_from_its_end(self):
        run = self.new_run()
        os.makedirs(self.folder(run))
        with open(self.folder(run, 'claim'), 'w') as file:
            file.write('{"locked": true}')
        environment = dict(os.environ, ERRAND_RUN_FOLDER=self.folder(run))
        other = subprocess.Popen(['sleep', '600'], env=environment, preexec_fn=lambda: os.setuid(12345), cwd='/')
        self.addCleanup(other.wait)
        self.addCleanup(other.kill)
        client = self.connect(before=without(POWER_TO_KILL))
        client.send('status', run=run)
        self.assertTrue(select.select([client.process.stdout], [], [], 60)[0])
        self.assertEqual(client.receive()[0]['result']['cause'], 'machine')
        self.assertIsNone(other.poll())

    def test_a_time_limit_of_one_second_is_not_one_seconds(self):
        reasons = [ending.told_to_end('time-limit', limit)['reason'] for limit in (1, 1.5, 90)]
        self.assertEqual(reasons, ['The run reached its time limit of %s.' % limit for limit in ('1 second', '1.5 seconds', '90 seconds')])

    def test_signals_are_said_in_words(self):
        for number, name, words in ((signal.SIGSEGV, 'SIGSEGV', 'segmentation fault'), (signal.SIGKILL, 'SIGKILL', 'killed'), (signal.SIGABRT, 'SIGABRT', 'aborted')):
            status = self.failed('import os; os.kill(os.getpid(), %d)' % number, 'signal')
            self.assertEqual(status['signal'], name)
            self.assertIn(words, status['reason'])

    def test_a_memory_limit_of_the_process_is_a_memory_error(self):
        source = 'import resource\nresource.setrlimit(resource.RLIMIT_AS, (300 << 20, 300 << 20))\nx = bytearray(1 << 30)'
        status = self.failed(source, 'exit')
        self.assertIn('MemoryError', status['reason'])

    def memory_group(self, limit):
        """A memory control group of this test → its file of processes."""
        name = 'errand-test-%d' % os.getpid()
        for folder, setting in (('/sys/fs/cgroup/memory/' + name, 'memory.limit_in_bytes'), ('/sys/fs/cgroup/' + name, 'memory.max')):
            try:
                os.mkdir(folder)
                self.addCleanup(self.wait_for, lambda: removed(folder), 'the end of all processes in the control group')
                with open(os.path.join(folder, setting), 'w') as file:
                    file.write(str(limit))
                return os.path.join(folder, 'cgroup.procs')
            except (OSError, IOError):
                pass
        self.skipTest('no memory control group can be made here')

    def test_a_memory_limit_of_the_control_group_is_out_of_memory(self):
        group = self.memory_group(256 << 20)
        client = self.connect(before=lambda: enter(group))
        status = self.failed(ENDLESS_APPETITE, 'out-of-memory', client=client)
        self.assertEqual(status['signal'], 'SIGKILL')

    def test_a_control_group_that_the_script_entered_is_looked_at_too(self):
        group = self.memory_group(64 << 20)
        script = subprocess.Popen([sys.executable, '-c', 'input()\n' + ENDLESS_APPETITE], stdin=subprocess.PIPE)
        events = MemoryEvents()
        events.begin(script.pid)
        enter(group, script.pid)
        events.look(script.pid)
        self.assertFalse(events.risen())
        script.communicate(b'\n')
        self.assertEqual(script.returncode, -signal.SIGKILL)
        self.assertTrue(events.risen())

    def test_what_can_not_start_says_so(self):
        status = self.failed('pass', 'start', agent={'python': 'no-such-python', 'pythonFallback': ['nor-this']})
        self.assertEqual(status['reason'], 'No Python interpreter "no-such-python" or "nor-this" was found in PATH.')
        self.assertIn('/no/python', self.failed('pass', 'start', agent={'python': '/no/python'})['reason'])
        path = os.path.join(self.home, 'not-executable')
        open(path, 'w').close()
        self.assertIn('is not executable', self.failed('pass', 'start', agent={'python': path})['reason'])
        os.chmod(path, 0o755)
        with open(path, 'w') as file:
            file.write('#!/no/such/interpreter\n')
        self.assertIn('could not be started', self.failed('pass', 'start', agent={'python': path})['reason'])
        blocked = os.path.join(path, 'below-a-file')
        self.assertIn('nativeSharedDirectory', self.failed('pass', 'start', agent={'sharedDirectory': blocked})['reason'])

    def test_an_old_python_is_named(self):
        old = os.path.expanduser('~/.pyenv/versions/2.7.18/bin/python')
        if not os.path.exists(old):
            self.skipTest('there is no Python 2.7 here')
        status = self.failed('pass', 'start', agent={'python': old})
        self.assertIn('is Python 2.7.18; a run needs Python 3.5 or newer', status['reason'])

    def test_the_first_interpreter_that_exists_is_taken(self):
        status = self.outcome('pass', agent={'python': 'no-such-python', 'pythonFallback': [sys.executable]})[0]
        self.assertEqual(status['state'], 'completed')

    def test_the_time_limit_ends_a_run(self):
        status = self.failed('import time; time.sleep(60)', 'time-limit', timeLimit=0.5)
        self.assertIn('time limit of 0.5 seconds', status['reason'])

    def test_a_daemon_that_outlives_the_script_is_ended(self):
        source = '\n'.join([
            'import os, sys, time',
            'if os.fork() == 0:',
            '    os.setsid()',
            '    if os.fork() == 0:',
            '        os.execve(sys.executable, [sys.executable, "-c", "import os,time; open(%r,\'w\').write(str(os.getpid())); time.sleep(60)" % os.environ["PID_FILE"]], {})',
            '    os._exit(0)',
            'while not os.path.exists(os.environ["PID_FILE"]) or not open(os.environ["PID_FILE"]).read(): time.sleep(0.01)',
            'print("over")',
        ])
        path = os.path.join(self.home, 'pid')
        status, out, err, _ = self.outcome(source, variables={'PID_FILE': path})
        self.assertEqual((status['state'], out), ('completed', b'over\n'), err)
        with open(path) as file:
            self.assertFalse(alive(int(file.read())))
        self.assertIn('The script left 1 process running', self.control)

    STUBBORN = '\n'.join([
        'import os, signal, sys, time',
        'signal.signal(signal.SIGTERM, signal.SIG_IGN)',
        'pids = [os.getpid()]',
        'for _ in range(2):',
        '    pid = os.fork()',
        '    if pid == 0:',
        '        os.setsid()',
        '        while True: time.sleep(1)',
        '    pids.append(pid)',
        'print(" ".join(map(str, pids)))',
        'while True: time.sleep(1)',
    ])

    def pids_of(self, run):
        """The pids that the script printed."""
        found = []

        def printed():
            answer, body = self.client.call_with_body('read', run=run, log=8, metrics=0)
            text = b''.join(data for stream, _, data in records(body[:answer['log']]) if stream == 1)
            found[:] = text.split() if text.endswith(b'\n') else []
            return found
        self.wait_for(printed, 'the output of the script')
        return [int(pid) for pid in found]

    def kill_supervisor(self, run):
        pid = self.client.call('status', run=run)['processes']['supervisor']['pid']
        os.kill(pid, signal.SIGKILL)
        self.wait_for(lambda: not alive(pid), 'the death of the supervisor')

    def test_cancel_ends_a_script_that_ignores_it_and_its_children(self):
        run = self.start(self.STUBBORN)
        pids = self.pids_of(run)
        self.assertTrue(all(alive(pid) for pid in pids))
        for _ in range(3):
            self.client.call('cancel', run=run, grace=0.3)
        status = self.finish(run)[0]
        self.assertEqual(status['state'], 'cancelled')
        self.assertEqual([pid for pid in pids if alive(pid)], [])
        self.client.call('cancel', run=run)
        self.assertEqual(self.client.call('status', run=run), status)

    def test_a_script_may_tidy_up_when_cancelled(self):
        source = 'import signal, sys, time\ndef end(*_):\n    open("outputs/end", "w").write("tidy")\n    sys.exit(0)\nsignal.signal(signal.SIGTERM, end)\nprint("ready")\nwhile True: time.sleep(1)'
        run = self.start(source)
        self.wait_for(lambda: b'ready' in self.client.call_with_body('read', run=run, log=8, metrics=0)[1], 'the output')
        self.client.call('cancel', run=run)
        self.assertEqual(self.finish(run)[0]['state'], 'cancelled')
        self.assertTrue(os.path.exists(self.folder(run, 'work', 'outputs', 'end')))

    def test_cancel_before_the_script_starts(self):
        run, staged = self.stage({'train.py': b'print("started")'})
        with open(os.path.join(self.home, 'staging', staged['staging'], 'cancel'), 'w') as file:
            file.write('{}')
        self.client.call('start', request=self.request(run), staging=staged['staging'])
        status, out, _, _ = self.finish(run)
        self.assertEqual((status['state'], out), ('cancelled', b''))

    def test_a_killed_supervisor_leaves_no_process_and_a_true_status(self):
        run = self.start(self.STUBBORN)
        pids = self.pids_of(run)
        self.kill_supervisor(run)
        clients = [self.connect() for _ in range(3)]
        for client in clients:
            client.send('status', run=run)
        answers = [client.receive()[0]['result'] for client in clients]
        self.assertEqual((answers[0]['state'], answers[0]['cause'], answers[0]['reason']), ('failed', 'machine', 'The supervisor of the run was killed.'))
        self.assertEqual(answers[1:], answers[:1] * 2)
        self.assertEqual([pid for pid in pids if alive(pid)], [])
        self.assertTrue(self.read_all(run)[1])

    def test_a_killed_supervisor_leaves_no_process_with_an_environment_of_its_own(self):
        source = 'import subprocess, sys, time\nprint(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], env={}).pid, flush=True)\ntime.sleep(600)'
        run = self.start(source)
        pids = self.pids_of(run)
        self.kill_supervisor(run)
        self.assertEqual(self.client.call('status', run=run)['cause'], 'machine')
        self.assertEqual([pid for pid in pids if alive(pid)], [])

    def test_cancel_ends_what_a_killed_supervisor_left(self):
        run = self.start(self.STUBBORN)
        pids = self.pids_of(run)
        self.kill_supervisor(run)
        self.client.call('cancel', run=run, grace=0.2)
        self.assertEqual([pid for pid in pids if alive(pid)], [])
        self.assertEqual(self.client.call('status', run=run)['cause'], 'machine')

    def test_a_restart_of_the_machine_is_told_from_a_killed_supervisor(self):
        run = self.start('import time; time.sleep(60)')
        self.wait_for(lambda: self.client.call('status', run=run)['state'] == 'running', 'the start')
        self.kill_supervisor(run)
        with open(self.folder(run, 'claim')) as file:
            text = file.read()
        with open(self.folder(run, 'claim'), 'w') as file:
            file.write(text.replace(self.client.hello['bootId'], 'another-boot'))
        self.assertEqual(self.client.call('status', run=run)['reason'], 'The machine was restarted.')

    def test_only_a_final_run_is_removed(self):
        run = self.start('import time; time.sleep(60)')
        with self.assertRaisesRegex(Exception, 'RUN_NOT_FINAL'):
            self.client.call('remove', run=run)
        self.client.call('cancel', run=run, grace=1)
        self.finish(run)
        self.client.call('remove', run=run)
        self.client.call('remove', run=run)
        self.assertEqual(self.client.call('status', run=run)['state'], 'lost')


if __name__ == '__main__':
    unittest.main()
