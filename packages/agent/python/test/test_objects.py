"""hello, frames, and the store of file contents."""
import json
import os
import resource
import subprocess
import sys
import unittest

from client import ENTRY, AgentTest, Refused, digest_of


class Frames(AgentTest):
    def test_hello_says_who_and_where(self):
        hello = self.client.hello
        self.assertEqual(hello['protocol'], 1)
        self.assertEqual(hello['home'], self.home)
        self.assertEqual(hello['python']['version'], '%d.%d.%d' % sys.version_info[:3])
        self.assertEqual(set(hello), {'protocol', 'python', 'home', 'platform', 'hostname', 'user', 'bootId', 'pid', 'free'})
        self.assertGreater(hello['free'], 0)

    def test_unknown_calls_and_broken_frames_are_answered_and_survived(self):
        with self.assertRaises(Refused) as caught:
            self.client.call('nonsense', b'a body that is read away')
        self.assertEqual(caught.exception.code, 'BAD_REQUEST')
        self.client.process.stdin.write(b'this is no JSON\n')
        self.client.process.stdin.flush()
        self.assertEqual(self.client.receive()[0]['error']['code'], 'BAD_REQUEST')
        self.assertEqual(self.client.call('missing', digests=[]), {'missing': []})

    def test_a_poll_that_waits_does_not_hold_up_other_calls(self):
        run = self.start('import time; time.sleep(30)')
        self.read_until_running(run)
        size = os.path.getsize(self.folder(run, 'log')) - 8
        waiting = self.client.send('read', run=run, log=8 + size, metrics=0, wait=30, state='running')
        other = self.client.send('missing', digests=[])
        self.assertEqual(self.client.receive()[0]['id'], other)
        cancel = self.client.send('cancel', run=run, grace=1)
        self.assertEqual({self.client.receive()[0]['id'], self.client.receive()[0]['id']}, {waiting, cancel})

    def read_until_running(self, run):
        self.wait_for(lambda: 'python' in self.client.call('status', run=run), 'the start of the script')

    def test_the_agent_ends_quietly_when_the_client_goes(self):
        process = subprocess.Popen([sys.executable, '-E', '-s', '-S', ENTRY, 'serve'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdout.readline()
        out, err = process.communicate()
        self.assertEqual((process.returncode, out, err), (0, b'', b''))

    def test_the_agent_ends_quietly_when_nobody_reads(self):
        process = subprocess.Popen([sys.executable, '-E', '-s', '-S', ENTRY, 'serve'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdout.readline()
        process.stdout.close()
        process.stdin.write(b'{"id":1,"call":"missing","digests":[]}\n')
        process.stdin.flush()
        self.assertEqual((process.wait(), process.stderr.read()), (0, b''))
        process.stdin.close()
        process.stderr.close()


class Objects(AgentTest):
    @unittest.skipUnless(hasattr(resource, 'prlimit'), 'needs Linux to take room away from another process')
    def test_an_object_that_does_not_fit_is_refused_and_the_next_call_is_answered(self):
        data = os.urandom(4 << 20)
        resource.prlimit(self.client.process.pid, resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
        with self.assertRaises(Refused):
            self.client.call('put', data, digest=digest_of(data), size=len(data))
        self.assertEqual(self.client.call('missing', digests=[digest_of(data)]), {'missing': [digest_of(data)]})

    def test_stores_what_is_missing_once_and_unchangeable(self):
        data, large = b'some bytes\0\n', b'x' * (3 << 20)
        digests = [digest_of(data), digest_of(large)]
        self.assertEqual(self.client.call('missing', digests=digests), {'missing': digests})
        for content in (data, large, data):
            self.client.call('put', content, digest=digest_of(content), size=len(content))
        self.assertEqual(self.client.call('missing', json.dumps(digests).encode('ascii')), {'missing': []})
        name = digest_of(large)[7:]
        path = os.path.join(self.home, 'objects', name[:2], name)
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o444)
        with open(path, 'rb') as file:
            self.assertEqual(file.read(), large)

    def put_all(self, contents, digests=None):
        objects = [[digest, len(content)] for digest, content in zip(digests or map(digest_of, contents), contents)]
        return self.client.call('put', b''.join(contents), objects=objects)

    def test_takes_several_contents_in_one_call(self):
        contents = [b'', b'one', os.urandom(300000), b'two', b'', os.urandom(3 << 20), b'one', b'']
        self.put_all([b'two'])
        self.assertEqual(self.put_all(contents), {})
        self.assertEqual(self.put_all([b'']), {})
        for content in contents:
            name = digest_of(content)[7:]
            with open(os.path.join(self.home, 'objects', name[:2], name), 'rb') as file:
                self.assertEqual(file.read(), content)

    def test_one_content_that_can_not_be_stored_keeps_no_other_away(self):
        with self.assertRaises(Refused) as caught:
            self.put_all([b'first', b'wrong', b'third'], [digest_of(b'first'), digest_of(b'right'), digest_of(b'third')])
        self.assertEqual(caught.exception.code, 'OBJECT_CORRUPT')
        self.assertEqual(self.client.call('missing', digests=[digest_of(b'first'), digest_of(b'right'), digest_of(b'third')]), {'missing': [digest_of(b'right')]})

    def test_a_folder_that_can_not_be_made_is_said_and_the_next_call_is_answered(self):
        for content in (b'short', os.urandom(2 << 20)):
            name = digest_of(content)[7:]
            os.makedirs(os.path.join(self.home, 'objects'), exist_ok=True)
            os.symlink('nowhere', os.path.join(self.home, 'objects', name[:2]))
            with self.assertRaises(Refused) as caught:
                self.put_all([content])
            self.assertEqual(caught.exception.code, 'PLACE_ERROR')
            self.assertEqual(self.client.call('missing', digests=[digest_of(content)]), {'missing': [digest_of(content)]})

    def test_refuses_a_list_of_contents_that_is_none(self):
        for objects in (7, [7], [[digest_of(b'x')]], [[digest_of(b'x'), 2]], [[digest_of(b'x'), -1], [digest_of(b'y'), 2]], [['sha256:../x', 1]], []):
            with self.assertRaises(Refused) as caught:
                self.client.call('put', b'x', objects=objects)
            self.assertEqual(caught.exception.code, 'BAD_REQUEST')
        self.assertEqual(self.client.call('missing', digests=[digest_of(b'x')]), {'missing': [digest_of(b'x')]})

    def test_refuses_content_that_has_another_digest(self):
        for size in (10, 2 << 20):
            with self.assertRaises(Refused) as caught:
                self.client.call('put', b'y' * size, digest=digest_of(b'other'), size=size)
            self.assertEqual(caught.exception.code, 'OBJECT_CORRUPT')
        self.assertEqual(self.client.call('missing', digests=[digest_of(b'other')])['missing'], [digest_of(b'other')])
        left = [name for _, _, names in os.walk(os.path.join(self.home, 'objects')) for name in names]
        self.assertEqual(left, [])

    def test_an_upload_that_breaks_off_leaves_nothing(self):
        client = self.connect()
        client.process.stdin.write(json.dumps({'id': 1, 'call': 'put', 'digest': digest_of(b'z'), 'size': 4 << 20, 'bytes': 4 << 20}).encode('ascii') + b'\n' + b'z' * (2 << 20))
        client.close()
        left = [name for _, _, names in os.walk(os.path.join(self.home, 'objects')) for name in names]
        self.assertEqual(left, [])

    def test_adopts_objects_of_a_store_on_this_machine(self):
        contents, store = [b'adopted', b'writable', b'ADOPTED'], os.path.join(self.home, 'store')
        for content in contents:
            name = digest_of(content)[7:]
            os.makedirs(os.path.join(store, name[:2]), exist_ok=True)
            with open(os.path.join(store, name[:2], name), 'wb') as file:
                file.write(content)
            os.utime(file.name, (1, 1))
            os.chmod(file.name, 0o644 if content == b'writable' else 0o444)
        wanted = [{'digest': digest_of(content), 'size': len(content)} for content in contents]
        body = json.dumps(wanted).encode('ascii')
        self.assertEqual(self.client.call('adopt', body, directory=store), {'linked': 2})
        self.assertEqual(self.client.call('missing', digests=[digest_of(content) for content in contents]), {'missing': []})
        self.assertEqual(self.client.call('adopt', body, directory=store), {'linked': 0})

    def test_adopts_no_object_that_is_not_what_it_is_called(self):
        for content, mode in ((b'another', 0o644), (b'written into', 0o444)):
            name = digest_of(content)[7:]
            path = os.path.join(self.home, 'store', name[:2], name)
            os.makedirs(os.path.dirname(path))
            with open(path, 'wb') as file:
                file.write(content.upper())
            os.chmod(path, mode)
            with self.assertRaises(Refused) as caught:
                self.client.call('adopt', json.dumps([{'digest': 'sha256:' + name, 'size': len(content)}]).encode('ascii'), directory=os.path.join(self.home, 'store'))
            self.assertEqual(caught.exception.code, 'OBJECT_CORRUPT')

    def test_refuses_names_that_lead_elsewhere(self):
        bad = [('put', {'digest': 'sha256:../../x', 'size': 0}), ('status', {'run': '../x'}), ('status', {'run': 'a/b'}), ('remove', {'run': ''}),
               ('missing', {'digests': ['sha256:' + 'A' * 64]}), ('fetch', {'run': 'a', 'path': '../request.json'}), ('fetch', {'run': 'a', 'path': '/etc/passwd'}),
               ('adopt', {'directory': 'relative'}), ('read', {'run': 'a', 'log': -1}), ('removeLeftover', {'leftover': 'tree:../x'})]
        for call, params in bad:
            with self.assertRaises(Refused, msg=call) as caught:
                self.client.call(call, **params)
            self.assertEqual(caught.exception.code, 'BAD_REQUEST', (call, params))


if __name__ == '__main__':
    unittest.main()
