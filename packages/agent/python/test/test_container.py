"""The main process of a container, and what a client says of a container that is gone."""
import json
import os
import signal
import subprocess
import sys
import unittest

from client import ENTRY, AgentTest, Refused, write_request
from errand_agent.processes import read_bytes


class Container(AgentTest):
    def main_process(self, run, **streams):
        process = subprocess.Popen([sys.executable, '-E', '-s', '-S', ENTRY, 'container', run], env=dict(os.environ, ERRAND_HOME=self.home), **streams)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def start_in_container(self, source, secrets=None, **more):
        """→ (run id, main process)."""
        client = self.connect(ERRAND_SUPERVISOR='main-process')
        run, staged = self.stage({'train.py': source.encode('utf-8')}, client=client)
        process = self.main_process(run)
        request = self.request(run, secretVariables=sorted(secrets or {}), **more)
        answer = client.call('start', request=request, staging=staged['staging'], variables=secrets or {})
        self.assertEqual(answer['reference'], {'run': run, 'pid': process.pid})
        return run, process

    def put_in_place(self, claimed):
        """The folder of a run whose container is gone; `claimed` as by a process that died."""
        run, staged = self.stage({'train.py': b''})
        folder = os.path.join(self.home, 'staging', staged['staging'])
        write_request(folder, self.request(run))
        with open(os.path.join(folder, 'variables'), 'w') as file:
            file.write('{"SECRET": "hush"}')
        os.makedirs(os.path.join(self.home, 'runs'), exist_ok=True)
        os.rename(folder, self.folder(run))
        if claimed:
            with open(self.folder(run, 'claim'), 'w') as file:
                file.write(json.dumps({'pid': 1, 'started': '1', 'bootId': 'x', 'hostname': 'gone', 'locked': True}))
            with open(self.folder(run, 'status.json'), 'w') as file:
                file.write(json.dumps({'state': 'running', 'startedAt': '2026-01-01T00:00:00.000000Z'}))
        return run

    def test_it_waits_for_its_run_and_ends_when_the_run_is_removed(self):
        run, process = self.start_in_container('print("hello")')
        status, out, _, _ = self.finish(run)
        self.assertEqual((status['state'], out), ('completed', b'hello\n'))
        self.assertIsNone(process.poll())
        self.client.call('remove', run=run)
        self.assertEqual(process.wait(), 0)

    def test_secrets_reach_the_script_through_a_file_that_is_gone_before_it_starts(self):
        source = 'import os; print(os.environ["SECRET"][::-1], os.path.exists(os.path.join(os.environ["ERRAND_RUN_FOLDER"], "variables")))'
        run, _ = self.start_in_container(source, secrets={'SECRET': 'hush'})
        self.assertEqual(self.finish(run)[1], b'hsuh False\n')

    def test_a_stop_from_outside_is_no_cancel(self):
        run, process = self.start_in_container('import time; print("ready", flush=True); time.sleep(60)')
        self.wait_for(lambda: b'ready' in read_bytes(self.folder(run, 'log')), 'the start of the script')
        process.send_signal(signal.SIGTERM)
        status = self.finish(run)[0]
        self.assertEqual((status['state'], status['cause']), ('failed', 'machine'))
        self.assertIn('stopped from outside', status['reason'])

    def test_a_cancel_is_one(self):
        run, _ = self.start_in_container('import time; print("ready", flush=True); time.sleep(60)')
        self.client.call('cancel', run=run)
        self.assertEqual(self.finish(run)[0]['state'], 'cancelled')

    def test_a_stop_before_the_run_has_come_ends_it(self):
        process = self.main_process(self.new_run())
        self.wait_for(lambda: b'container' in read_bytes('/proc/%d/cmdline' % process.pid), 'the start of the main process')
        self.wait_for(lambda: process.poll() is not None or process.send_signal(signal.SIGTERM), 'the end of the main process')

    def test_a_start_without_a_main_process_starts_nothing(self):
        run = self.put_in_place(claimed=False)
        other = self.connect(ERRAND_ENDED=json.dumps({'state': 'failed', 'reason': 'The container ended.'}))
        self.assertEqual(other.call('status', run=run)['state'], 'lost')
        old = 1.0
        os.utime(self.folder(run, 'request.json'), (old, old))
        self.assertEqual(other.call('find', run=run, projectId='project-a'), {'found': False})
        self.assertFalse(os.path.exists(self.folder(run, 'variables')))
        with self.assertRaises(Refused) as caught:
            self.client.call('start', request=self.request(run))
        self.assertEqual(caught.exception.code, 'RUN_REFUSED')

    def test_the_end_of_a_container_is_told_as_its_client_knows_it(self):
        run = self.put_in_place(claimed=True)
        ended = {'state': 'failed', 'cause': 'out-of-memory', 'reason': 'The container ran out of memory.'}
        status = self.finish(run, self.connect(ERRAND_ENDED=json.dumps(ended)))[0]
        self.assertEqual({key: status[key] for key in ended}, ended)
        self.assertIn('startedAt', status)
        self.assertEqual(self.client.call('status', run=run), status)

    def test_a_removed_container_is_lost_with_the_log_that_is_left(self):
        run = self.put_in_place(claimed=True)
        client = self.connect(ERRAND_ENDED=json.dumps({'state': 'lost', 'reason': 'The container was removed.'}))
        status = self.finish(run, client)[0]
        self.assertEqual((status['state'], status['reason']), ('lost', 'The container was removed.'))
        client.call('remove', run=run)
        self.assertFalse(os.path.exists(self.folder(run)))


if __name__ == '__main__':
    unittest.main()
