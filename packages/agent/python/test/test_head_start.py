"""Files that are offered and sent before the snapshot is known."""
import json
import os
import unittest

from client import AgentTest, Refused, digest_of, entries_of, snapshot_digest

LONG = os.urandom(3 << 20)
FILES = {'train.py': b'print(1)', 'data/a.csv': b'1,2\n', 'data/deep/b.csv': b'', u'caf\xe9/\u4e2d.txt': b'x', 'same.csv': b'1,2\n', 'data/long': LONG}


class HeadStart(AgentTest):
    def setUp(self):
        AgentTest.setUp(self)
        self.run_id = self.new_run()

    def begin(self, project='project-a'):
        self.client.call('begin', run=self.run_id, projectId=project)

    def offer(self, files, executable=()):
        body = json.dumps([[path, digest_of(data), len(data), path in executable] for path, data in files.items()])
        return self.client.call('offer', body.encode('ascii'))['missing']

    def append(self, path, data, executable=False):
        for offset in range(0, len(data), 1 << 20):
            self.client.call('append', data[offset:offset + (1 << 20)], path=path, executable=executable)

    def stage_all(self, files, project='project-a', **entry_options):
        entries = entries_of(files, **entry_options)
        params = {'run': self.run_id, 'projectId': project, 'snapshot': {'digest': snapshot_digest(entries)}}
        return self.client.call('stage', json.dumps(entries).encode('ascii'), **params)

    def work(self, *names):
        name, = os.listdir(os.path.join(self.home, 'staging'))
        return os.path.join(self.home, 'staging', name, 'work', *names)

    def contents(self):
        root, found = os.fsencode(self.work()), {}
        for folder, _, names in os.walk(root):
            for name in names:
                with open(os.path.join(folder, name), 'rb') as file:
                    found[os.path.relpath(file.name, root).decode('utf-8')] = file.read()
        return found

    def stored(self):
        return sorted(name for _, _, names in os.walk(os.path.join(self.home, 'objects')) for name in names)

    def test_what_was_offered_and_sent_is_in_the_folder_of_the_run_when_the_snapshot_comes(self):
        self.begin()
        missing = self.offer(FILES, executable=['train.py'])
        self.assertEqual(sorted(missing), sorted(set(digest_of(data) for data in FILES.values())))
        self.put(FILES, missing)
        self.wait_for(lambda: len(self.contents()) == len(FILES), 'the copies')
        before = os.stat(self.work('same.csv')).st_ino
        answer = self.stage_all(FILES, executable=['train.py'], links={'link': 'train.py'}, directories=['empty'])
        self.assertEqual((answer['state'], answer['copied']), ('staged', 6))
        self.assertEqual(os.stat(self.work('same.csv')).st_ino, before)
        self.assertEqual(os.readlink(self.work('link')), 'train.py')
        os.unlink(self.work('link'))
        self.assertEqual(self.contents(), FILES)
        self.assertEqual([os.stat(self.work(name)).st_mode & 0o777 for name in ('train.py', 'same.csv')], [0o755, 0o644])
        self.assertEqual(sorted(os.listdir(self.work())), sorted(['train.py', 'data', u'caf\xe9', 'same.csv', 'empty', 'outputs']))

    def test_a_long_content_grows_without_its_digest(self):
        self.begin()
        self.assertEqual(self.client.call('holds', size=len(LONG)), {'holds': False})
        self.append('data/long', LONG, True)
        self.client.call('complete', path='data/long', digest=digest_of(LONG))
        before = os.stat(self.work('data', 'long')).st_ino
        self.assertEqual(self.stored(), [digest_of(LONG)[7:]])
        answer = self.stage_all({'data/long': LONG}, executable=['data/long'])
        self.assertEqual((answer['state'], answer['copied'], answer['bytes']), ('staged', 1, len(LONG)))
        self.assertEqual((self.contents(), os.stat(self.work('data', 'long')).st_ino), ({'data/long': LONG}, before))
        self.assertEqual(os.stat(self.work('data', 'long')).st_mode & 0o777, 0o755)

    def test_a_long_content_that_may_be_here_is_named(self):
        self.put({'long': LONG}, [digest_of(LONG)])
        self.assertEqual([self.client.call('holds', size=size)['holds'] for size in (len(LONG), len(LONG) + 1)], [True, False])

    def test_a_long_content_that_never_ended_or_turned_out_another_leaves_nothing(self):
        self.begin()
        self.append('changed', LONG)
        with self.assertRaises(Refused) as caught:
            self.client.call('complete', path='changed', digest=digest_of(b'what it is now'))
        self.assertEqual(caught.exception.code, 'OBJECT_CORRUPT')
        self.append('given up', LONG)
        answer = self.stage_all(FILES)
        self.assertEqual((answer['state'], answer['begun']), ('missing', True))
        self.assertEqual((self.stored(), self.contents()), ([], {}))
        self.put(FILES, answer['missing'])
        self.assertEqual(self.stage_all(FILES)['state'], 'staged')
        self.assertEqual(self.contents(), FILES)

    def test_no_folder_stays_of_a_long_content_that_never_ended(self):
        for files in (FILES, {'gone': b'a file now'}):
            self.begin()
            self.append('gone/deep/long', LONG)
            self.put(files, self.offer(files))
            answer = self.stage_all(files)
            if answer['state'] == 'missing':
                self.put(files, answer['missing'])
                answer = self.stage_all(files)
            self.assertEqual(answer['state'], 'staged')
            self.assertEqual(os.path.isdir(self.work('gone')), False)
            self.client.close()
            self.client = self.connect()
            self.run_id = self.new_run()

    def test_a_long_content_begins_anew_with_the_next_head_start(self):
        self.begin()
        self.append('data/long', LONG[:1 << 20])
        self.begin()
        self.append('data/long', LONG)
        self.client.call('complete', path='data/long', digest=digest_of(LONG))
        self.assertEqual(self.stage_all({'data/long': LONG})['state'], 'staged')

    def test_a_long_content_that_is_cut_off_leaves_nothing(self):
        client = self.connect()
        client.call('begin', run=self.run_id, projectId='project-a')
        client.call('append', LONG, path='data/long', executable=False)
        client.close()
        self.assertEqual((self.stored(), os.listdir(os.path.join(self.home, 'staging'))), ([], []))

    def test_the_snapshot_decides_whatever_was_offered(self):
        for other in ({'train.py': b'print(2)'}, {'no longer there': b'old'}, {'data': b'a file'}):
            self.begin()
            self.put(other, self.offer(other))
            self.put(FILES, self.offer({'same.csv': FILES['same.csv']}))
            answer = self.stage_all(FILES)
            if answer['state'] == 'missing':
                self.put(FILES, answer['missing'])
                answer = self.stage_all(FILES)
            self.assertEqual(answer['state'], 'staged')
            self.assertEqual(self.contents(), FILES)
            self.client.close()
            self.client = self.connect()
            self.run_id = self.new_run()

    def test_one_file_has_another_mode_in_the_snapshot(self):
        self.begin()
        self.put(FILES, self.offer(FILES, executable=['train.py']))
        answer = self.stage_all(FILES)
        self.assertEqual((answer['state'], os.stat(self.work('train.py')).st_mode & 0o777), ('staged', 0o644))

    def test_contents_are_kept_where_a_tree_of_the_project_is_reused(self):
        run = self.start('print(1)', FILES)
        self.finish(run)
        self.client.call('remove', run=run)
        self.begin()
        files = dict(FILES, more=b'more')
        missing = self.offer(files)
        self.assertEqual(missing, [digest_of(b'more')])
        self.put(files, missing)
        answer = self.stage_all(files)
        self.assertEqual((answer['state'], answer['copied'], answer['reused']), ('staged', 1, len(FILES)))

    def test_refuses_what_leads_elsewhere(self):
        self.begin()
        digest = digest_of(b'x')
        bad = [('begin', None, {'run': '../x', 'projectId': 'p'}), ('begin', None, {'run': 'r'}), ('complete', None, {'path': 'never came', 'digest': digest}),
               ('append', b'x', {'path': '../x'}), ('append', b'x', {}), ('offer', b'7', {}), ('offer', b'[["a"]]', {}),
               ('offer', json.dumps([['../a', digest, 1, False]]).encode('ascii'), {}), ('offer', json.dumps([['a', 'sha256:../a', 1, False]]).encode('ascii'), {})]
        for call, body, params in bad:
            with self.assertRaises(Refused, msg=(call, body, params)) as caught:
                self.client.call(call, body, **params)
            self.assertEqual(caught.exception.code, 'BAD_REQUEST', (call, body, params))


if __name__ == '__main__':
    unittest.main()
