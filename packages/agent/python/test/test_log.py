"""What a script prints: all of it, in order, whatever the script does to its streams."""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

from client import SLOW_TESTS, AgentTest, Refused, records
from errand_agent.capture import Capture
from errand_agent.redaction import Redaction
from errand_agent.script_process import output_pipe


class Log(AgentTest):
    def test_a_hundred_thousand_lines_from_any_cursor(self):
        run = self.start('import sys\nfor i in range(100000):\n    (sys.stderr if i % 1000 == 999 else sys.stdout).write("line %d\\n" % i)')
        status, found, _ = self.read_all(run)
        self.assertEqual(status['state'], 'completed')
        lines = b''.join(data for stream, _, data in found if stream != 3).decode('ascii').splitlines()
        self.assertEqual(sorted(int(line[5:]) for line in lines), list(range(100000)))
        offsets = [8]
        for _, _, data in found:
            offsets.append(offsets[-1] + 13 + len(data))
        for index in range(0, len(found), max(1, len(found) // 20)):
            again = self.read_all(run, log=offsets[index], limit=5000)[1]
            self.assertEqual(again, found[index:])
        with self.assertRaises(Refused) as caught:
            self.client.call('read', run=run, log=offsets[-1] + 1, metrics=0)
        self.assertEqual(caught.exception.code, 'BAD_CURSOR')
        with self.assertRaises(Refused) as caught:
            self.client.call('read', run=run, log=9, metrics=0)
        self.assertEqual(caught.exception.code, 'BAD_CURSOR')

    def test_the_order_between_the_streams_is_kept(self):
        run = self.start('import sys\nfor i in range(60):\n    print(i, file=sys.stderr if i % 3 else sys.stdout)\n    sys.stdout.buffer.write(b".\\n")')
        found = self.read_all(run)[1]
        lines = b''.join(data for stream, _, data in found if stream != 3).decode('ascii').split()
        self.assertEqual([line for line in lines if line != '.'], [str(i) for i in range(60)])

    def test_no_line_is_cut_by_the_other_stream(self):
        run = self.start('import os\nfor i in range(20000):\n    os.write(1, b"out %06d of a line that fills some space\\n" % i)\n    os.write(2, b"err %06d of a line\\n" % i)')
        found = self.read_all(run)[1]
        for line in b''.join(data for stream, _, data in found if stream != 3).splitlines():
            self.assertRegex(line, br'^(out \d{6} of a line that fills some space|err \d{6} of a line)$')

    def test_no_line_is_cut_where_more_waits_than_is_read_at_once(self):
        class Kept:
            redaction = Redaction([])
            taken = b''

            def record(self, stream, data):
                self.taken += bytes(data)

        pipes, log = [output_pipe(), output_pipe()], Kept()
        capture = Capture(log, {reader: stream for stream, (reader, _) in enumerate(pipes, 1)})
        for _, writer in pipes:
            os.set_blocking(writer, False)
        for index in range(9000 if sys.platform == 'linux' else 200):
            os.write(pipes[0][1], b'out %06d of a line that fills some space\n' % index)
            os.write(pipes[1][1], b'err %06d of a line\n' % index)
        for _, writer in pipes:
            os.close(writer)
        while capture.streams:
            for reader in list(capture.streams):
                capture.read(reader)
        lines = log.taken.splitlines()
        self.assertEqual(len(lines), 2 * (index + 1))
        for line in lines:
            self.assertRegex(line, br'^(out \d{6} of a line that fills some space|err \d{6} of a line)$')

    def test_half_a_line_is_shown_at_once(self):
        run = self.start('import sys, time\nsys.stdout.write("whole\\nhalf"); sys.stdout.flush(); time.sleep(60)')
        self.wait_for(lambda: b'half' in self.client.call_with_body('read', run=run, log=0, metrics=0)[1], 'the half line')
        self.client.call('cancel', run=run, grace=0)
        self.finish(run)

    def test_a_secret_in_the_output_is_replaced_in_both_streams_and_in_the_reason(self):
        source = 'import os, sys, time\nvalue = os.environ["SECRET"]\nsys.stdout.write("a " + value[:6]); sys.stdout.flush(); time.sleep(0.2)\nprint(value[6:] + " b"); print(value, file=sys.stderr); raise ValueError(value)'
        run = self.start(source, secrets={'SECRET': 'open-sesame'})
        status, out, err, control = self.finish(run)
        self.assertEqual(out, b'a *** b\n')
        self.assertNotIn('open-sesame', repr((status, err, control)))
        self.assertIn('ValueError: ***', status['reason'])

    def test_bytes_that_are_no_text_arrive_as_they_are(self):
        data = bytes(range(256)) * 3
        _, out, _, _ = self.outcome('import sys; sys.stdout.buffer.write(bytes(range(256)) * 3)')
        self.assertEqual(out, data)

    def test_children_are_in_the_log_and_there_is_no_stdin(self):
        _, out, err, _ = self.outcome('import os, subprocess, sys\nprint(repr(sys.stdin.read()))\nsubprocess.call("echo child; echo error >&2", shell=True)\nos.system("echo system")')
        self.assertEqual((out, err), (b"''\nchild\nsystem\n", b'error\n'))

    def test_a_script_that_closes_its_streams_runs_on(self):
        status = self.outcome('import os, sys, time\nos.close(1); os.close(2)\ntime.sleep(0.5)\nopen("outputs/done", "w").write("x")\nos._exit(4)')[0]
        self.assertEqual((status['cause'], status['exitCode']), ('exit', 4))
        self.assertLess(status['processorTime'], 2)
        self.assertTrue(os.path.exists(self.folder(self.run_id, 'work', 'outputs', 'done')))

    def test_a_very_long_line(self):
        size = (100 << 20) if SLOW_TESTS else (5 << 20)
        run = self.start('import sys; sys.stdout.write("x" * %d)' % size)
        status, found, _ = self.read_all(run)
        self.assertEqual(status['state'], 'completed')
        self.assertEqual(sum(len(data) for stream, _, data in found if stream == 1), size)
        self.assertLessEqual(max(len(data) for _, _, data in found), 262144)

    def test_a_script_that_deletes_its_folder_or_leaves_it(self):
        status, out, _, lines = self.outcome('import os, shutil\nos.makedirs("gone")\nos.chdir("/")\nprint(os.listdir(os.environ["AZUREML_OUTPUT_DIRECTORY"]))\nopen(os.environ["AZUREML_OUTPUT_DIRECTORY"] + "/kept", "w").write("x")')
        self.assertEqual((status['state'], out), ('completed', b'[]\n'))
        self.assertEqual([file['path'] for file in self.client.call('collect', run=self.run_id, include=['outputs/**'])['files']], ['outputs/kept'])
        status = self.outcome('import os, shutil\nshutil.rmtree(os.getcwd())\nprint("bye")')[0]
        self.assertEqual(status['state'], 'completed')
        self.assertEqual(self.client.call('collect', run=self.run_id, include=['**']), {'files': [], 'directories': [], 'links': [], 'unreadable': [], 'tooLong': []})
        self.client.call('remove', run=self.run_id)

    def test_an_answer_in_parts_may_be_asked_for_before_the_run_and_ends_with_the_list_of_its_files(self):
        source = b'import os, time\nprint("one", flush=True)\nwhile not os.path.exists("go"): time.sleep(0.01)\nprint("two")\nopen("outputs/model", "w").write("m")'
        run, starter = self.new_run(), self.connect()
        reading = self.client.send('read', run=run, log=8, metrics=0, limit=1 << 20, wait=120, parts=True, starting=True, collect=['outputs/**'])
        _, staged = self.stage({'train.py': source}, run, client=starter)
        starter.call('start', request=self.request(run), staging=staged['staging'])
        log = b''
        while b'one' not in log:
            header, body = self.client.receive()
            self.assertEqual((header['id'], header['part']['end'], 'collected' in header['part']), (reading, False, False))
            log += body[:header['part']['log']]
        open(self.folder(run, 'work', 'go'), 'w').close()
        while 'result' not in header:
            header, body = self.client.receive()
            log += body[:header.get('part', header.get('result'))['log']]
        self.assertEqual((header['result']['status']['state'], header['result']['end']), ('completed', True))
        self.assertEqual(header['result']['collected'], self.client.call('collect', run=run, include=['outputs/**']))
        self.assertEqual(b''.join(data for stream, _, data in records(log) if stream == 1), b'one\ntwo\n')

    def receive_parts(self):
        """(the last answer, the bytes of all)."""
        header, size = {}, 0
        while 'result' not in header:
            self.assertNotIn('error', header)
            header, body = self.client.receive()
            size += len(body)
        return header['result'], size

    def test_an_answer_in_parts_is_no_longer_than_its_limit_and_waits_no_longer_than_asked(self):
        run = self.start('import time\nprint("x" * 5000, end="", flush=True)\ntime.sleep(0.02)\nprint(flush=True)\ntime.sleep(60)')
        self.client.send('read', run=run, log=8, metrics=0, limit=1000, wait=120, parts=True)
        size = self.receive_parts()[1]
        self.assertGreater(size, 5000)
        # The end of the line may be a record of its own, which comes when it comes.
        self.client.send('read', run=run, log=8 + size, metrics=0, wait=0.1, parts=True, state='running')
        self.assertFalse(self.receive_parts()[0]['end'])
        self.client.send('read', run=self.new_run(), log=8, metrics=0, wait=0.1, parts=True, starting=True)
        self.assertEqual(self.receive_parts(), ({'log': 0, 'metrics': 0, 'status': None, 'end': False}, 0))
        self.client.call('cancel', run=run, grace=0)
        self.finish(run)

    def test_a_limit_that_ends_in_the_header_of_a_record_is_not_the_end_of_the_log(self):
        run = self.start('import os\nfor i in range(50):\n    os.write(1 + i % 2, b"%d\\n" % i)')
        found = self.read_all(run)[1]
        size, first = os.path.getsize(self.folder(run, 'log')) - 8, sum(13 + len(data) for _, _, data in found[:2])
        self.assertGreater(size, first + 26)
        for limit in range(1, first + 26):
            self.assertTrue(self.client.call('read', run=run, log=8, metrics=0, limit=limit)['log'])
            self.client.send('read', run=run, log=8, metrics=0, limit=limit, wait=120, parts=True)
            answer, taken = self.receive_parts()
            self.assertEqual(answer['end'], taken == size, (limit, taken, size))

    def test_a_reader_of_a_run_that_was_removed_is_told_that_it_is_lost(self):
        self.outcome('print("x" * 100)')
        self.client.call('remove', run=self.run_id)
        for cursor in ({'log': 0, 'metrics': 0}, {'log': 120, 'metrics': 0}, {'log': 120, 'metrics': 50}):
            answer, body = self.client.call_with_body('read', run=self.run_id, wait=20, **cursor)
            self.assertEqual((answer['log'], answer['metrics'], answer['status']['state'], answer['end'], body), (0, 0, 'lost', True, b''))


@unittest.skipUnless(sys.platform.startswith('linux') and hasattr(os, 'geteuid') and os.geteuid() == 0, 'needs root to make a small disk')
class FullDisk(AgentTest):
    def setUp(self):
        disk = tempfile.mkdtemp(prefix='errand-disk-')
        if subprocess.call(['mount', '-t', 'tmpfs', '-o', 'size=8m', 'errand-test', disk], stderr=subprocess.DEVNULL):
            os.rmdir(disk)
            self.skipTest('a small disk can not be mounted here')
        self.disk = disk
        self.addCleanup(shutil.rmtree, disk, True)
        self.addCleanup(subprocess.call, ['umount', '-l', disk])
        AgentTest.setUp(self)

    def connect(self, **environment):
        self.home = os.path.join(self.disk, 'home')
        return AgentTest.connect(self, **environment)

    def test_a_script_that_fills_the_disk_and_fails_keeps_its_exit_code_and_log(self):
        source = 'import os, sys\nprint("before")\ntry:\n    with open("big", "wb", 0) as f:\n        while True: f.write(b"x" * 65536)\nexcept OSError:\n    print("full")\n    sys.stdout.write("y" * 200000)\n    sys.exit(7)'
        status, out, _, _ = self.outcome(source)
        self.assertEqual((status['state'], status['exitCode']), ('failed', 7))
        self.assertTrue(out.startswith(b'before\nfull\nyyy'))

    @unittest.skipUnless(SLOW_TESTS, 'waits ten seconds for space: runs on one interpreter')
    def test_a_log_without_space_is_said_and_the_run_has_an_end(self):
        source = 'import os, sys\ntry:\n    with open("big", "wb", 0) as f:\n        while True: f.write(b"x" * 4096)\nexcept OSError: pass\nos.write(1, b"z" * 1900000)\nprint("never read")\n'
        status = self.outcome(source)[0]
        self.assertEqual((status['state'], status['cause'], status['exitCode']), ('failed', 'machine', 0))
        self.assertRegex(status['reason'], r'^The disk is full: \d+ bytes of the log were lost')

    def test_a_script_waits_for_space_and_can_be_cancelled_meanwhile(self):
        source = 'import os, sys\ntry:\n    with open("big", "wb", 0) as f:\n        while True: f.write(b"x" * 4096)\nexcept OSError: pass\nwhile True: os.write(1, b"z" * 65536)\n'
        run = self.start(source)
        self.wait_for(lambda: os.path.exists(self.folder(run, 'work', 'big')) and not os.path.exists(self.folder(run, 'reserve')), 'the full disk')
        self.client.call('cancel', run=run, grace=1)
        os.truncate(self.folder(run, 'work', 'big'), 0)
        status, found, _ = self.read_all(run)
        self.assertEqual(status['state'], 'cancelled')


if __name__ == '__main__':
    unittest.main()
