"""A run id starts once, whatever happens around it."""
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import unittest

from client import ENTRY, SOURCE, AgentTest, Refused, write_request

COUNT = 'import os; open(os.path.join(os.environ["HOME_OF_TEST"], "started"), "a").write("x")'


class Start(AgentTest):
    def setUp(self):
        AgentTest.setUp(self)
        self.variables = {'HOME_OF_TEST': self.home}

    def starts(self):
        path = os.path.join(self.home, 'started')
        return os.path.getsize(path) if os.path.exists(path) else 0

    def put_in_place(self):
        """A run folder as a client leaves it that dies between the rename and the launch."""
        run, staged = self.stage({'train.py': COUNT.encode('ascii')})
        source = os.path.join(self.home, 'staging', staged['staging'])
        write_request(source, self.request(run, variables=self.variables))
        os.makedirs(os.path.join(self.home, 'runs'), exist_ok=True)
        os.rename(source, self.folder(run))
        return run

    def test_a_second_start_finds_the_first(self):
        run = self.start(COUNT, variables=self.variables)
        first = self.client.call('find', run=run, projectId='project-a')
        _, staged = self.stage({'train.py': COUNT.encode('ascii')}, run=run)
        answer = self.client.call('start', request=self.request(run), staging=staged['staging'])
        self.assertEqual(answer, {'existed': True, 'reference': first['reference']})
        self.assertEqual(self.finish(run)[0]['state'], 'completed')
        self.assertEqual(self.starts(), 1)

    def test_eight_starts_at_once_are_one_run(self):
        run, clients, sent = self.new_run(), [], []
        for _ in range(8):
            client = self.connect()
            _, staged = self.stage({'train.py': COUNT.encode('ascii')}, run=run, client=client)
            clients.append(client)
            sent.append(staged['staging'])
        for client, staging in zip(clients, sent):
            client.send('start', request=self.request(run, variables=self.variables), staging=staging)
        answers = [client.receive()[0]['result'] for client in clients]
        self.assertEqual(sorted(answer['existed'] for answer in answers), [False] + [True] * 7)
        self.assertEqual(len(set(answer['reference']['pid'] for answer in answers)), 1)
        self.assertEqual(self.finish(run)[0]['state'], 'completed')
        self.assertEqual(self.starts(), 1)
        self.assertEqual(os.listdir(os.path.join(self.home, 'staging')), [])

    def test_a_run_that_was_never_launched_is_launched_by_the_next_start(self):
        run = self.put_in_place()
        self.assertEqual(self.client.call('status', run=run), {'state': 'queued'})
        _, staged = self.stage({'train.py': COUNT.encode('ascii')}, run=run)
        self.assertTrue(self.client.call('start', request=self.request(run), staging=staged['staging'])['existed'])
        self.assertEqual(self.finish(run)[0]['state'], 'completed')
        self.assertEqual(self.starts(), 1)

    def test_supervisors_that_race_for_a_claim_start_one_script(self):
        run = self.put_in_place()
        supervisors = [subprocess.Popen([sys.executable, '-E', '-s', '-S', ENTRY, 'supervise', self.folder(run)]) for _ in range(5)]
        self.assertEqual(sorted(process.wait() for process in supervisors), [0, 1, 1, 1, 1])
        self.assertEqual(self.finish(run)[0]['state'], 'completed')
        self.assertEqual(self.starts(), 1)

    def test_find_refuses_for_good_a_run_that_was_never_launched(self):
        run = self.put_in_place()
        old = time.time() - 60
        os.utime(self.folder(run, 'request.json'), (old, old))
        self.assertEqual(self.client.call('find', run=run, projectId='project-a'), {'found': False})
        with self.assertRaises(Refused) as caught:
            self.client.call('start', request=self.request(run))
        self.assertEqual(caught.exception.code, 'RUN_REFUSED')
        self.assertEqual(self.client.call('status', run=run)['state'], 'lost')
        self.assertEqual(self.starts(), 0)
        self.client.call('remove', run=run)
        self.assertFalse(os.path.exists(self.folder(run)))

    def test_find_waits_for_a_run_that_is_just_starting(self):
        run = self.put_in_place()
        self.client.send('find', run=run, projectId='project-a')
        other = self.connect()
        other.call('start', request=self.request(run))
        self.assertTrue(self.client.receive()[0]['result']['found'])
        self.finish(run)

    def test_find_knows_no_run_of_another_project(self):
        run = self.start('pass')
        self.assertEqual(self.client.call('find', run=run, projectId='another'), {'found': False})
        self.assertEqual(self.client.call('find', run=self.new_run(), projectId='project-a'), {'found': False})
        _, staged = self.stage({'train.py': b''}, run=run, project='another')
        with self.assertRaises(Refused) as caught:
            self.client.call('start', request=self.request(run, project='another'), staging=staged['staging'])
        self.assertEqual(caught.exception.code, 'RUN_ID_TAKEN')
        self.finish(run)

    def test_a_run_outlives_the_agent_that_started_it(self):
        client = self.connect()
        run = self.start('import time; time.sleep(0.3); print("done")', client=client)
        os.kill(client.process.pid, signal.SIGKILL)
        status, out, _, _ = self.finish(run)
        self.assertEqual((status['state'], out), ('completed', b'done\n'))

    def test_a_supervisor_in_the_foreground_takes_the_secrets_from_their_file_once(self):
        run, staged = self.stage({'train.py': b'import os; print(os.environ["SECRET"][::-1])'})
        folder = os.path.join(self.home, 'staging', staged['staging'])
        with open(os.path.join(folder, 'variables'), 'w') as file:
            json.dump({'SECRET': 'hush'}, file)
        write_request(folder, self.request(run))
        os.makedirs(os.path.join(self.home, 'runs'), exist_ok=True)
        os.rename(folder, self.folder(run))
        self.assertEqual(subprocess.call([sys.executable, '-E', '-s', '-S', ENTRY, 'supervise', self.folder(run)]), 0)
        self.assertEqual(self.finish(run)[1], b'hsuh\n')
        self.assertFalse(os.path.exists(self.folder(run, 'variables')))

    def test_a_supervisor_that_comes_second_leaves_the_secrets_to_the_first(self):
        run = self.put_in_place()
        with open(self.folder(run, 'variables'), 'w') as file:
            json.dump({'SECRET': 'hush'}, file)
        with open(self.folder(run, 'claim'), 'w') as file:
            json.dump({'refused': True}, file)
        self.assertEqual(subprocess.call([sys.executable, '-E', '-s', '-S', ENTRY, 'supervise', self.folder(run)]), 1)
        self.assertTrue(os.path.exists(self.folder(run, 'variables')))

    def test_a_staged_folder_that_was_given_back_half_way_starts_nothing(self):
        run, staged = self.stage({'train.py': COUNT.encode('ascii')})
        shutil.rmtree(os.path.join(self.home, 'staging', staged['staging'], 'work'))
        with self.assertRaises(Refused) as caught:
            self.client.call('start', request=self.request(run), staging=staged['staging'])
        self.assertEqual(caught.exception.code, 'STAGING_UNKNOWN')
        self.assertFalse(os.path.exists(self.folder(run)))

    def test_a_run_goes_on_when_its_starter_died_before_the_claim(self):
        run = self.put_in_place()
        source = 'import os, sys; sys.path.insert(0, sys.argv[1]); from errand_agent import supervise; reader, writer = os.pipe(); os.close(reader); supervise.detached(sys.argv[2], {}, writer)'
        subprocess.check_call([sys.executable, '-c', source, SOURCE, self.folder(run)])
        self.assertEqual(self.finish(run)[0]['state'], 'completed')
        self.assertEqual(self.starts(), 1)

    def test_secrets_are_in_no_file_of_the_run(self):
        run = self.start('import os; assert os.environ["SECRET"] == "hush-hush"', secrets={'SECRET': 'hush-hush'})
        self.assertEqual(self.finish(run)[0]['state'], 'completed')
        for folder, _, names in os.walk(self.folder(run)):
            for name in names:
                with open(os.path.join(folder, name), 'rb') as file:
                    content = file.read()
                self.assertTrue(name == 'train.py' or b'hush-hush' not in content, name)


if __name__ == '__main__':
    unittest.main()
