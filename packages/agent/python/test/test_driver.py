"""What the agent does in a Spark driver, with a folder of this machine in place of the cluster's storage. The real one is tested with Livy."""
import contextlib
import gzip
import hashlib
import io
import json
import mmap
import os
import shutil
import sys
import tarfile
import tempfile
import unittest
from unittest import mock

from client import SOURCE  # noqa: F401
from errand_agent import driver, driver_environment, driver_files, driver_outputs, mirror, outage, paths, project_archive
from errand_agent.errors import CallError
from errand_agent.log_record import HEADER, MAGIC, START, records


class FolderStorage:
    """The methods of a cluster's storage on a folder."""

    def __init__(self, root):
        self.root = root

    def path(self, name):
        path = os.path.join(self.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return path

    def put(self, name, data):
        if os.path.exists(self.path(name)):
            return False
        return self.create(name, data)

    def create(self, name, data, overwrite=False):
        with open(self.path(name), 'wb') as file:
            file.write(data)
        return True

    def length(self, name):
        return os.path.getsize(self.path(name))

    def delete(self, name):
        if os.path.exists(self.path(name)):
            os.unlink(self.path(name))

    def make_folder(self, name):
        os.makedirs(os.path.join(self.root, name))

    def download(self, name, target):
        shutil.copyfile(self.path(name), target)

    def upload(self, source, name):
        shutil.copyfile(source, self.path(name))

    def upload_in_pieces(self, source, name, tell):
        self.upload(source, name)
        for written in range(1, os.path.getsize(source) + 1):
            tell(written)

    def listing(self, name):
        top = os.path.join(self.root, name)
        for folder, _, names in os.walk(top):
            for file in names:
                path = os.path.join(folder, file)
                yield os.path.relpath(path, top), os.path.getsize(path), int(os.path.getmtime(path) * 1000)


class DriverTest(unittest.TestCase):
    def setUp(self):
        self.home = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.home)
        before = os.environ.get('ERRAND_HOME')
        os.environ['ERRAND_HOME'] = os.path.join(self.home, 'home')
        self.addCleanup(lambda: os.environ.pop('ERRAND_HOME') if before is None else os.environ.update(ERRAND_HOME=before))
        self.storage = FolderStorage(os.path.join(self.home, 'storage'))

    def test_spark_gets_a_copy_of_all_that_hadoop_has_names_for(self):
        work = os.path.join(self.home, 'run', 'work')
        for name in ('a.csv', 'data/b.csv', 'data/12:30.csv', 'outputs/own.txt', 'data/outputs/c.csv'):
            os.makedirs(os.path.dirname(os.path.join(work, name)), exist_ok=True)
            with open(os.path.join(work, name), 'w') as file:
                file.write(name)
        os.mkdir(os.path.join(work, 'empty'))
        os.symlink('data', os.path.join(work, 'linked'))
        os.symlink('..', os.path.join(work, 'data', 'circle'))
        os.symlink('nowhere', os.path.join(work, 'broken'))
        driver_files.bring_project(self.storage, os.path.join(self.home, 'run'))
        copied = sorted(path for path, _, _ in self.storage.listing('work'))
        self.assertEqual(copied, ['a.csv', 'data/b.csv', 'data/outputs/c.csv', 'linked/b.csv', 'linked/outputs/c.csv'])
        self.assertTrue(os.path.isdir(os.path.join(self.storage.root, 'work', 'empty')))

    def test_segments_hold_whole_records_and_are_named_by_their_offset(self):
        folder = os.path.join(self.home, 'run')
        os.mkdir(folder)
        reflection = mirror.Mirror(self.storage, folder)
        written = [(1, b'first\n'), (2, b'x' * 100000), (1, b'last')]
        data = b''.join(HEADER.pack(stream, 5, len(text)) + text for stream, text in written)
        with open(os.path.join(folder, 'log'), 'wb') as file:
            file.write(MAGIC + data[:30])
        reflection.step()
        with open(os.path.join(folder, 'log'), 'ab') as file:
            file.write(data[30:])
        reflection.finish()
        offset, found = START, b''
        while os.path.exists(self.storage.path('log/%016d' % offset)):
            with open(self.storage.path('log/%016d' % offset), 'rb') as file:
                segment = file.read()
            self.assertTrue(list(records(segment)))
            offset, found = offset + len(segment), found + segment
        self.assertEqual(found, data)
        self.assertEqual([(stream, text) for stream, _, text in records(found)], written)

    def test_a_segment_whose_answer_was_lost_counts_with_what_it_had(self):
        folder = os.path.join(self.home, 'run')
        os.mkdir(folder)
        with open(os.path.join(folder, 'metrics.ndjson'), 'wb') as file:
            file.write(b'{"a": 1}\n{"b": 2}\n')
        self.storage.put('metrics/%016d' % 0, b'{"a": 1}\n')
        reflection = mirror.Mirror(self.storage, folder)
        reflection.finish()
        found = [(name, size) for name, size, _ in self.storage.listing('metrics')]
        self.assertEqual(sorted(found), [('%016d' % 0, 9), ('%016d' % 9, 9)])

    def test_a_claim_is_ones_own_by_its_content(self):
        self.storage.create = lambda name, data: False
        self.storage.read = lambda name: b'mine'
        self.assertTrue(driver.claimed(self.storage, b'mine'))
        self.assertFalse(driver.claimed(self.storage, b"another's"))

    def test_an_environment_is_where_the_cluster_has_unpacked_it(self):
        wanted = {'unpacked': 'environment', 'environment': {'COLOUR': 'blue', 'CONDA_PREFIX': 'own'}}
        agent = driver_environment.in_environment(wanted, None, 'yarn')
        prefix = os.path.join(os.getcwd(), 'environment')
        self.assertEqual([agent['pathPrepend'], agent['activate']], [[os.path.join(prefix, 'bin')], prefix])
        self.assertEqual([agent['environment'][name] for name in ('COLOUR', 'CONDA_PREFIX', 'AZUREML_CONDA_ENVIRONMENT_PATH')], ['blue', 'own', prefix])
        self.assertEqual(agent['python'], sys.executable)
        self.assertEqual(driver_environment.in_environment({'environment': {}}, None, None), {'environment': {}, 'python': sys.executable})

    def test_a_driver_on_the_machine_of_livy_unpacks_the_environment_itself(self):
        with tarfile.open(self.storage.path('environments/key/environment-lock.tar.gz'), 'w:gz') as archive:
            link = tarfile.TarInfo('bin/python')
            link.type, link.linkname = tarfile.SYMTYPE, sys.executable
            archive.addfile(link)
        wanted = {'unpacked': 'environment', 'archive': '/home/environments/key/environment-lock.tar.gz', 'environmentKey': 'key', 'deployMode': 'client'}
        prefix = os.path.join(self.home, 'environment')
        python = os.path.join(prefix, 'bin', 'python')
        for master, executors in (('local[1]', python), ('yarn', './environment/bin/python')):
            agent = driver_environment.in_environment(wanted, self.storage, master)
            self.assertEqual([agent['python'], agent['activate'], agent['environment']['PYSPARK_PYTHON']], [python, prefix, executors])
            self.assertTrue(os.path.samefile(python, sys.executable))
            shutil.rmtree(prefix)
        self.assertEqual(os.listdir(paths.home()), [])

    def test_an_archive_gives_its_contents_or_is_refused(self):
        text = b'content'
        digest = 'sha256:' + hashlib.sha256(text).hexdigest()
        entries = [{'kind': 'file', 'path': 'a', 'size': len(text), 'executable': False, 'digest': digest}]
        header = json.dumps({'objects': [[digest, len(text)]], 'entries': entries}).encode() + b'\n'
        path = os.path.join(self.home, 'archive')

        def unpacked(data):
            with open(path, 'wb') as file:
                file.write(data)
            return project_archive.unpack(path)

        self.assertEqual(unpacked(gzip.compress(header + text)), entries)
        with open(paths.object_path(digest[7:]), 'rb') as file:
            self.assertEqual(file.read(), text)
        for damaged in (gzip.compress(header + b'CONTENT'), gzip.compress(header + b'cont'), gzip.compress(header + text)[:40], b'no archive', b''):
            with self.assertRaises(CallError):
                unpacked(damaged)

    def test_the_folder_of_a_run_is_made_of_the_archive_of_its_project(self):
        text = b"print('hello')"
        digest = 'sha256:' + hashlib.sha256(text).hexdigest()
        entries = [{'kind': 'file', 'path': 'main.py', 'size': len(text), 'executable': False, 'digest': digest}]
        header = json.dumps({'objects': [[digest, len(text)]], 'entries': entries}).encode() + b'\n'
        self.storage.create('projects/' + 'a' * 64, gzip.compress(header + text))
        jvm = mock.Mock()
        jvm.java.lang.System.getProperty.return_value = 'yarn'
        request = {'projectId': 'p', 'snapshot': {'digest': 'sha256:' + 'a' * 64}, 'script': 'main.py'}
        folder = driver.build(jvm, self.storage, 'p_1', request, b'{"SECRET": "x"}')
        with open(os.path.join(folder, 'work', 'main.py'), 'rb') as file:
            self.assertEqual(file.read(), text)
        self.assertEqual(os.stat(os.path.join(folder, 'variables')).st_mode & 0o777, 0o600)

    def test_files_of_spark_are_kept_where_they_are_and_the_copy_of_the_project_is_not(self):
        self.storage.create('work/data/in.csv', b'1')
        known = driver_files.snapshot_of(self.storage)
        self.storage.create('work/outputs/table/part-0', b'22')
        self.storage.create('work/outputs/mine', b'spark')
        found = list(driver_files.written_by_spark(self.storage, ['**'], known, set(['outputs/mine'])))
        self.assertEqual([(file['path'], file['size'], file['place']) for file in found], [('outputs/table/part-0', 2, 'work/outputs/table/part-0')])

    def write(self, path, text):
        path = os.path.join(paths.run_folder('p_1'), 'work', path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w') as file:
            file.write(text)

    def content(self, name):
        with open(self.storage.path(name)) as file:
            return file.read()

    def stored(self, name):
        return {file['path']: self.content(file['place']) for file in json.loads(self.content(name))['files']}

    def outputs(self, settled):
        """`settled`: seconds."""
        before, driver_outputs.SETTLED = driver_outputs.SETTLED, settled
        self.addCleanup(lambda: setattr(driver_outputs, 'SETTLED', before))
        self.storage.uploads, upload = [], self.storage.upload
        self.storage.upload = lambda source, place: self.storage.uploads.append(place) or upload(source, place)
        return driver_outputs.Outputs(self.storage, paths.run_folder('p_1'), 'p_1', ['outputs/**'])

    def test_outputs_are_brought_while_the_script_runs_and_what_is_unchanged_at_its_end_is_not_brought_again(self):
        outputs = self.outputs(-1e9)
        self.write('outputs/model', 'first')
        self.write('outputs/same', 'same')
        self.write('scratch', 'no output')
        outputs.look()
        self.assertEqual(self.stored('kept/1.json'), {'outputs/model': 'first', 'outputs/same': 'same'})
        outputs.look()
        self.assertEqual(sorted(name for name, _, _ in self.storage.listing('kept')), ['1.json'])
        self.write('outputs/model', 'second one')
        outputs.look()
        self.assertEqual(self.stored('kept/2.json'), {'outputs/model': 'second one', 'outputs/same': 'same'})
        self.assertEqual(sorted(name for name, _, _ in self.storage.listing('kept')), ['2.json'])
        self.assertEqual(sorted(size for _, size, _ in self.storage.listing('files')), [4, 10])
        outputs.finish({})
        self.assertEqual(self.stored('files.json'), {'outputs/model': 'second one', 'outputs/same': 'same', 'scratch': 'no output'})
        self.assertEqual(len(self.storage.uploads), 4)

    def test_who_waits_for_much_at_the_end_is_told_how_far_it_is(self):
        outputs = self.outputs(-1e9)
        for name, much in (('MUCH', 3), ('TELL_EVERY', -1)):
            self.addCleanup(setattr, driver_outputs, name, getattr(driver_outputs, name))
            setattr(driver_outputs, name, much)
        told, create = [], self.storage.create
        self.storage.create = lambda name, data, overwrite=False: told.append((name, json.loads(data.decode('ascii')))) or create(name, data, overwrite)
        self.write('outputs/a', 'one')
        self.write('outputs/b', 'other')
        outputs.finish({})
        told = [value for name, value in told if name == 'bringing.json']
        # Of a file that is large by itself each piece.
        self.assertEqual([value['done'] for value in told], [0, 3, 4, 5, 6, 7, 8, 8])
        self.assertEqual({value['total'] for value in told}, {8})

    def test_what_is_written_through_a_mapping_into_memory_is_brought_at_the_end(self):
        outputs = self.outputs(-1e9)
        self.write('outputs/array', 'first')
        with open(outputs.source('outputs/array'), 'r+b') as file, contextlib.closing(mmap.mmap(file.fileno(), 5)) as mapping:
            mapping[:] = b'other'
            outputs.look()
            self.assertEqual(self.stored('kept/1.json'), {'outputs/array': 'other'})
            signature = outputs.signature('outputs/array')
            mapping[:] = b'final'
            # A system may write pages back between the two, and then tells of the change.
            outputs.signature = lambda path: signature
        outputs.finish({})
        self.assertEqual(self.stored('files.json'), {'outputs/array': 'final'})

    def test_an_output_that_changes_all_the_time_waits_for_one_look_and_is_brought_again_at_the_end(self):
        outputs = self.outputs(1e9)
        self.write('outputs/log', 'a')
        outputs.look()
        self.assertEqual(self.storage.uploads, [])
        outputs.look()
        self.assertEqual(self.stored('kept/1.json'), {'outputs/log': 'a'})
        outputs.finish({})
        self.assertEqual(self.stored('files.json'), {'outputs/log': 'a'})
        self.assertEqual(len(self.storage.uploads), 2)

    def test_an_output_that_vanishes_is_not_in_the_list(self):
        outputs = self.outputs(-1e9)
        self.write('outputs/stays', 'a')
        self.write('outputs/goes', 'b')
        outputs.look()
        os.unlink(outputs.source('outputs/goes'))
        outputs.look()
        self.assertEqual(self.stored('kept/2.json'), {'outputs/stays': 'a'})

        def vanish(source, place):
            os.unlink(outputs.source('outputs/late'))
            raise IOError('gone')
        self.write('outputs/late', 'c')
        self.storage.upload = vanish
        outputs.look()
        self.assertEqual(self.stored('kept/2.json'), {'outputs/stays': 'a'})


class OutageTest(unittest.TestCase):
    def setUp(self):
        self.told, tell, pause = [], outage.tell, outage.SHORTEST_PAUSE
        outage.tell, outage.SHORTEST_PAUSE = self.told.append, 0.0
        self.addCleanup(lambda: setattr(outage, 'tell', tell))
        self.addCleanup(lambda: setattr(outage, 'SHORTEST_PAUSE', pause))

    def failing(self, times, error):
        left = [error] * times

        def call():
            if left:
                raise left.pop()
            return 'answer'
        return call

    def test_a_call_is_repeated_until_it_is_answered(self):
        waiting = outage.Outage(lambda error: isinstance(error, OSError), 600.0)
        self.assertEqual(waiting.outlast(self.failing(3, OSError('no route'))), 'answer')
        self.assertEqual(len(self.told), 2)
        self.assertIn('no route', self.told[0])

    def test_what_does_not_pass_is_told_at_once(self):
        waiting = outage.Outage(lambda error: isinstance(error, OSError), 600.0)
        with self.assertRaises(ValueError):
            waiting.outlast(self.failing(1, ValueError()))
        self.assertEqual(self.told, [])

    def test_the_limit_holds_once_nothing_needs_the_storage(self):
        waiting = outage.Outage(lambda error: True, 0.0)
        with self.assertRaises(outage.StorageGone):
            waiting.outlast(self.failing(1, OSError('no route')))
        waiting = outage.Outage(lambda error: True, 0.001)
        needed = [True, True, False]
        waiting.is_needed = lambda: bool(needed) and needed.pop(0)
        calls = []

        def call():
            calls.append(1)
            raise OSError('no route')
        with self.assertRaises(outage.StorageGone):
            waiting.outlast(call)
        self.assertGreaterEqual(len(calls), 3)

    def test_a_storage_that_was_given_up_is_asked_nothing_more(self):
        waiting = outage.Outage(lambda error: True, 0.0)
        with self.assertRaises(outage.StorageGone):
            waiting.outlast(self.failing(1, OSError('no route')))
        # Each of a project's many files would else wait for as long again.
        with self.assertRaises(outage.StorageGone):
            waiting.outlast(lambda: self.fail('asked again'))

    def test_a_driver_that_can_reach_no_storage_at_all_says_that_with_its_exit_code(self):
        gone = mock.Mock(side_effect=outage.StorageGone('no answer'))
        with mock.patch.object(driver, 'ClusterStorage', gone), mock.patch('sys.stderr', io.StringIO()):
            self.assertEqual(driver.main(mock.Mock(), '/home', 'p_1'), driver.STORAGE_GONE)
        failed = mock.Mock(side_effect=ValueError('broken'))
        with mock.patch.multiple(driver, ClusterStorage=mock.Mock(), supervised=failed, finish=gone, claimed=lambda *given: True, identity=lambda _: {}):
            with mock.patch('sys.stderr', io.StringIO()):
                self.assertEqual(driver.main(mock.Mock(), '/home', 'p_1'), driver.STORAGE_GONE)


if __name__ == '__main__':
    unittest.main()
