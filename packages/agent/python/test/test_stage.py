"""Copies of the project: made from objects, and reused where nothing changed."""
import json
import os
import shutil
import time
import unittest

from client import AgentTest, Refused, digest_of, entries_of, snapshot_digest
from errand_agent import trees

FILES = {'train.py': b'print(1)', 'data/a.csv': b'1,2\n', 'data/deep/b.csv': b'', u'caf\xe9/\u4e2d.txt': b'x', 'same.csv': b'1,2\n'}


class Stage(AgentTest):
    def tree(self, name):
        """{path: content, link target or None for an empty folder} of a staged work folder."""
        root, found = os.path.join(os.fsencode(self.home), b'staging', name.encode('ascii'), b'work'), {}
        for folder, folders, names in os.walk(root):
            for entry in names + [entry for entry in folders if os.path.islink(os.path.join(folder, entry))]:
                path = os.path.join(folder, entry)
                if os.path.islink(path):
                    found[os.path.relpath(path, root)] = os.readlink(path)
                else:
                    with open(path, 'rb') as file:
                        found[os.path.relpath(path, root)] = file.read()
            if not names and not folders:
                found[os.path.relpath(folder, root)] = None
        return found

    def expected(self, files):
        return dict([(path.encode('utf-8', 'surrogateescape'), data) for path, data in files.items()] + [(b'outputs', None)])

    def finished(self, files):
        """A run of these files that is over and removed: its tree is kept."""
        run, staged = self.stage(files)
        self.client.call('start', request=self.request(run), staging=staged['staging'])
        self.finish(run)
        return run, staged

    def remove(self, run):
        self.client.call('remove', run=run)

    def test_makes_files_links_modes_and_empty_folders(self):
        files = dict(FILES)
        files[u'raw\udcff.bin'] = b'name that is no UTF-8'
        _, staged = self.stage(files, executable=['train.py'], links={'link': 'data/a.csv', 'data/out': '../..'}, directories=['empty/inner'])
        expected = self.expected(files)
        expected.update({b'link': b'data/a.csv', b'data/out': b'../..', b'empty/inner': None})
        self.assertEqual(self.tree(staged['staging']), expected)
        work = os.path.join(self.home, 'staging', staged['staging'], 'work')
        self.assertEqual(os.stat(os.path.join(work, 'train.py')).st_mode & 0o777, 0o755)
        self.assertEqual(os.stat(os.path.join(work, 'same.csv')).st_mode & 0o777, 0o644)
        self.assertEqual((staged['copied'], staged['reused'], staged['bytes']), (6, 0, sum(len(data) for data in files.values())))

    def test_asks_for_entries_then_for_objects(self):
        entries, run = entries_of(FILES), self.new_run()
        params = {'run': run, 'projectId': 'p', 'snapshot': {'digest': snapshot_digest(entries)}}
        self.assertEqual(self.client.call('stage', **params), {'state': 'entries'})
        answer = self.client.call('stage', json.dumps(entries).encode('ascii'), **params)
        self.assertEqual(answer['state'], 'missing')
        self.assertEqual(sorted(answer['missing']), sorted(set(digest_of(data) for data in FILES.values())))

    def begin(self, files, client=None):
        """Asks for a run of these files, of which nothing is there: → what the next call has to say."""
        entries = entries_of(files)
        params = {'run': self.new_run(), 'projectId': 'project-a', 'snapshot': {'digest': snapshot_digest(entries)}}
        answer = (client or self.client).call('stage', json.dumps(entries).encode('ascii'), **params)
        self.assertEqual((answer['state'], answer['begun']), ('missing', True))
        return params, answer['missing']

    def copies(self, files):
        return dict((path, data) for path, data in self.expected(files).items() if path != b'outputs')

    def staged_folders(self):
        return os.listdir(os.path.join(self.home, 'staging'))

    def test_what_is_missing_is_copied_as_it_arrives(self):
        params, missing = self.begin(FILES)
        self.put(FILES, missing)
        name, = self.staged_folders()
        self.wait_for(lambda: self.tree(name) == self.copies(FILES), 'the copies')
        path = os.path.join(self.home, 'staging', name, 'work', 'same.csv')
        before = os.stat(path).st_ino
        answer = self.client.call('stage', **params)
        self.assertEqual((answer['state'], answer['staging'], answer['copied']), ('staged', name, 5))
        self.assertEqual(self.tree(name), self.expected(FILES))
        self.assertEqual(os.stat(path).st_ino, before)

    def test_a_part_that_never_came_is_asked_for_again(self):
        params, missing = self.begin(FILES)
        self.put({'only': FILES['same.csv']}, missing)
        answer = self.client.call('stage', **params)
        self.assertEqual((answer['state'], sorted(answer['missing'])), ('missing', sorted(set(missing) - {digest_of(FILES['same.csv'])})))
        self.put(FILES, answer['missing'])
        answer = self.client.call('stage', **params)
        self.assertEqual((answer['state'], answer['copied']), ('staged', 5))
        self.assertEqual(self.tree(answer['staging']), self.expected(FILES))

    def test_what_was_begun_and_then_tidied_away_is_copied_anew(self):
        params, missing = self.begin(FILES)
        self.put(FILES, missing)
        name, = self.staged_folders()
        self.wait_for(lambda: self.tree(name) == self.copies(FILES), 'the copies')
        shutil.rmtree(os.path.join(self.home, 'staging', name))
        answer = self.client.call('stage', **params)
        self.assertEqual(self.tree(answer['staging']), self.expected(FILES))

    def test_what_was_begun_and_then_half_tidied_away_is_given_up(self):
        params, missing = self.begin(FILES)
        first = {'same.csv': FILES['same.csv']}
        self.put(first, missing)
        name, = self.staged_folders()
        work = os.path.join(self.home, 'staging', name, 'work')
        self.wait_for(lambda: all(os.path.exists(os.path.join(work, path)) for path in ('same.csv', 'data/a.csv')), 'the copies')
        # Behind the answer no copying is under way.
        self.client.call('missing', digests=[])
        shutil.rmtree(work)
        self.put(FILES, missing)
        self.wait_for(lambda: self.staged_folders() == [], 'the end of what was begun')
        self.assertEqual(self.client.call('stage', **params), {'state': 'entries'})
        self.assertEqual(self.tree(self.stage(FILES)[1]['staging']), self.expected(FILES))

    def test_what_was_begun_can_be_removed_by_another(self):
        params, missing = self.begin(FILES)
        self.put(FILES, missing)
        name, = self.staged_folders()
        self.wait_for(lambda: self.tree(name) == self.copies(FILES), 'the copies')
        path = os.path.join(self.home, 'staging', name)
        with self.assertRaises(Refused):
            self.connect().call('removeLeftover', leftover='staging:' + name)
        os.utime(path, (time.time() - 7200, time.time() - 7200))
        self.connect().call('removeLeftover', leftover='staging:' + name)
        self.assertEqual(self.staged_folders(), [])
        self.assertEqual(self.tree(self.client.call('stage', **params)['staging']), self.expected(FILES))

    def test_what_was_begun_goes_with_the_client_or_with_the_next_run(self):
        client = self.connect()
        self.begin(FILES, client)
        self.begin({'other': b'other'}, client)
        self.assertEqual(len(self.staged_folders()), 1)
        client.close()
        self.assertEqual(self.staged_folders(), [])

    def test_an_unchanged_project_is_not_copied_again(self):
        run, _ = self.finished(FILES)
        before = os.stat(self.folder(run, 'work', 'same.csv')).st_ino
        self.remove(run)
        digest = snapshot_digest(entries_of(FILES))
        answer = self.client.call('stage', run=self.new_run(), projectId='project-a', snapshot={'digest': digest})
        self.assertEqual((answer['state'], answer['copied'], answer['reused']), ('staged', 0, 5))
        self.assertEqual(self.tree(answer['staging']), self.expected(FILES))
        self.assertEqual(os.stat(os.path.join(self.home, 'staging', answer['staging'], 'work', 'same.csv')).st_ino, before)

    def test_a_changed_project_copies_what_changed(self):
        run, _ = self.finished(FILES)
        self.remove(run)
        files = dict(FILES, **{'train.py': b'print(2)', 'new/file': b'new'})
        del files['data/deep/b.csv']
        _, answer = self.stage(files, executable=['same.csv'])
        self.assertEqual((answer['copied'], answer['reused']), (3, 2))
        self.assertEqual(self.tree(answer['staging']), self.expected(files))

    def test_another_project_gets_no_tree_of_this_one(self):
        run, _ = self.finished(FILES)
        self.remove(run)
        self.assertEqual(self.stage(FILES, project='project-b')[1]['copied'], 5)

    def test_whatever_a_script_did_to_its_copy_is_undone(self):
        outside = os.path.join(self.home, 'outside')
        os.mkdir(outside)
        with open(os.path.join(outside, 'precious'), 'w') as file:
            file.write('keep me')

        def same_size_and_times(work):
            path = os.path.join(work, 'same.csv')
            times = os.stat(path)
            with open(path, 'r+b') as file:
                file.write(b'9')
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

        def replaced_by_link(work):
            shutil.rmtree(os.path.join(work, 'data'))
            os.symlink(outside, os.path.join(work, 'data'))

        tampering = [
            same_size_and_times, replaced_by_link,
            lambda work: os.unlink(os.path.join(work, 'train.py')),
            lambda work: os.chmod(os.path.join(work, 'train.py'), 0o777),
            lambda work: os.rename(os.path.join(work, 'data'), os.path.join(work, 'moved')),
            lambda work: (os.unlink(os.path.join(work, 'same.csv')), os.mkdir(os.path.join(work, 'same.csv'))),
            lambda work: os.chmod(os.path.join(work, 'data'), 0),
            lambda work: shutil.rmtree(work),
            lambda work: (shutil.rmtree(work), os.symlink(outside, work)),
            lambda work: os.mkfifo(os.path.join(work, 'pipe')),
            lambda work: shutil.copytree(os.path.join(work, 'data'), os.path.join(work, 'outputs', 'data')),
            lambda work: os.link(os.path.join(work, 'train.py'), os.path.join(outside, 'linked')),
        ]
        for tamper in tampering:
            run, _ = self.finished(FILES)
            tamper(self.folder(run, 'work'))
            self.remove(run)
            self.assertFalse(os.path.exists(self.folder(run)))
            run, answer = self.stage(FILES)
            self.assertEqual(self.tree(answer['staging']), self.expected(FILES))
            self.assertEqual(os.stat(os.path.join(self.home, 'staging', answer['staging'], 'work', 'train.py')).st_mode & 0o777, 0o644)
            self.client.call('start', request=self.request(run), staging=answer['staging'])
            self.finish(run)
            self.remove(run)
        self.assertIn('precious', os.listdir(outside))

    def test_a_damaged_object_is_asked_for_again(self):
        name = digest_of(b'1,2\n')[7:]
        path = os.path.join(self.home, 'objects', name[:2], name)
        entries = entries_of(FILES)
        for damage in (b'1', b'1;2\n'):
            self.stage(FILES)
            os.chmod(path, 0o644)
            with open(path, 'wb') as file:
                file.write(damage)
            params = {'run': self.new_run(), 'projectId': 'p', 'snapshot': {'digest': snapshot_digest(entries)}}
            answer = self.client.call('stage', json.dumps(entries).encode('ascii'), **params)
            self.assertEqual((answer['state'], answer['missing']), ('missing', ['sha256:' + name]))
            self.put(FILES, answer['missing'])
            self.assertEqual(self.tree(self.client.call('stage', **params)['staging']), self.expected(FILES))

    def test_an_object_that_was_touched_and_is_what_it_is_called_is_used(self):
        self.stage(FILES)
        for name in set(digest_of(data)[7:] for data in FILES.values()):
            os.utime(os.path.join(self.home, 'objects', name[:2], name), ns=(1, 1))
        self.assertEqual(self.tree(self.stage(FILES, project='p')[1]['staging']), self.expected(FILES))
        self.assertEqual(os.stat(os.path.join(self.home, 'objects', name[:2], name)).st_mtime_ns % 1000000000, 0)

    def test_an_object_that_is_found_damaged_while_it_is_copied_is_asked_for_and_the_copy_goes_on(self):
        self.stage(FILES, project='project-b')
        empty = digest_of(b'')[7:]
        path = os.path.join(self.home, 'objects', empty[:2], empty)
        os.unlink(path)
        # Of the right size, as a file whose writing is not over may be, and longer when it is read.
        os.symlink('/dev/zero', path)
        params, missing = self.begin(FILES)
        self.assertEqual(missing, ['sha256:' + empty])
        name, = [name for name in self.staged_folders() if name.startswith(params['run'])]
        before = os.stat(os.path.join(self.home, 'staging', name, 'work', 'same.csv')).st_ino
        self.put(FILES, missing)
        answer = self.client.call('stage', **params)
        self.assertEqual((answer['state'], answer['staging'], answer['copied']), ('staged', name, 5))
        self.assertEqual(self.tree(name), self.expected(FILES))
        self.assertEqual(os.stat(os.path.join(self.home, 'staging', name, 'work', 'same.csv')).st_ino, before)

    def test_two_stages_at_once_share_no_tree(self):
        run, _ = self.finished(FILES)
        self.remove(run)
        first, second = self.stage(FILES)[1], self.stage(FILES)[1]
        self.assertEqual((first['reused'], second['reused']), (5, 0))
        self.assertEqual(self.tree(first['staging']), self.tree(second['staging']))

    def test_a_staging_that_led_to_no_run_gives_its_tree_back(self):
        client = self.connect()
        self.stage(FILES, client=client)
        client.close()
        self.assertEqual(os.listdir(os.path.join(self.home, 'staging')), [])
        self.assertEqual(self.stage(FILES)[1]['reused'], 5)

    def test_folders_deeper_than_any_path_are_removed(self):
        dive = 'import os\nos.chdir(%r)\nfor _ in range(3000):\n    os.mkdir("a")\n    os.chmod("a", 0o700)\n    os.chdir("a")\nopen("end", "w").close()\nos.chmod("..", 0o500)'
        for folder in ('outputs', '.'):
            run = self.start(dive % folder, {'data.csv': b'1'})
            self.assertEqual(self.finish(run)[0]['state'], 'completed')
            self.client.call('collect', run=run, include=['outputs/**'])
            self.client.call('remove', run=run)
            self.assertEqual(os.listdir(os.path.join(self.home, 'staging')), [])
        # The kept tree of the second has them still.
        self.assertEqual(self.tree(self.stage({'data.csv': b'1'})[1]['staging']), self.expected({'data.csv': b'1'}))

    def test_at_most_three_trees_of_a_project_are_kept(self):
        runs = []
        for number in range(5):
            runs.append(self.finished(dict(FILES, number=str(number).encode('ascii')))[0])
        for run in runs:
            self.remove(run)
        self.assertEqual(len([name for name in os.listdir(os.path.join(self.home, 'trees')) if name.endswith('.json')]), 3)

    def test_refuses_entries_that_leave_the_folder(self):
        file = entries_of({'a': b'1'})[0]
        bad = [[dict(file, path=path)] for path in ('../a', '/a', 'a//b', './a', 'a/../b', '', 'a\0b')]
        bad += [[{'kind': 'link', 'path': 'l', 'to': '/tmp'}, dict(file, path='l/a')], [file, dict(file, path='a/b')], [file, file], [{'kind': 'device', 'path': 'x'}], [{'kind': 'file', 'path': 'x'}]]
        for entries in bad:
            with self.assertRaises(Refused, msg=entries) as caught:
                self.client.call('stage', run='r1', projectId='p', snapshot={'digest': digest_of(b''), 'entries': entries})
            self.assertEqual(caught.exception.code, 'BAD_REQUEST')

    def test_abandoned_staging_folders_are_tidied(self):
        path = os.path.join(self.home, 'staging', 'old.1')
        os.makedirs(os.path.join(path, 'work'))
        os.utime(path, (time.time() - 90000, time.time() - 90000))
        self.stage(FILES)
        self.assertFalse(os.path.exists(path))


class Trees(AgentTest):
    """Kept work trees, as the functions that move them see it."""

    def setUp(self):
        AgentTest.setUp(self)
        before = os.environ.get('ERRAND_HOME')
        os.environ['ERRAND_HOME'] = self.home
        self.addCleanup(lambda: os.environ.pop('ERRAND_HOME') if before is None else os.environ.update(ERRAND_HOME=before))

    def test_a_manifest_whose_tree_is_gone_is_not_left_for_another(self):
        run, staged = self.stage({'a': b'a'})
        folder = os.path.join(self.home, 'staging', staged['staging'])
        self.assertTrue(trees.keep(folder))
        name = [name for name in os.listdir(os.path.join(self.home, 'trees')) if not name.endswith('.json')][0]
        shutil.rmtree(os.path.join(self.home, 'trees', name))
        self.assertIsNone(trees.take('project-a', 'sha256:' + '0' * 64, folder))
        self.assertEqual([found for found in os.listdir(folder) if found == 'tree.json'], [])

    def test_a_tree_that_does_not_fit_into_its_place_is_not_left_without_its_manifest(self):
        run, staged = self.stage({'a': b'a'})
        folder = os.path.join(self.home, 'staging', staged['staging'])
        self.assertTrue(trees.keep(folder))
        os.makedirs(os.path.join(folder, 'work', 'full'))
        self.assertIsNone(trees.take('project-a', 'sha256:' + '0' * 64, folder))
        self.assertEqual((os.listdir(os.path.join(self.home, 'trees')), os.listdir(folder)), ([], ['work']))


if __name__ == '__main__':
    unittest.main()
