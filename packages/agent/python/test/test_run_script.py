"""What a script finds when it starts, and how Python behaves around it: as the script contract says."""
import json
import os
import sys
import unittest

from client import POWER_OVER_MODES, AgentTest, without


class Contract(AgentTest):
    def value(self, expression, files=None, setup='', **more):
        """What the expression is in a script, as JSON."""
        status, out, err, _ = self.outcome('%s\nimport json\nprint(json.dumps(%s))' % (setup, expression), files=files, **more)
        self.assertEqual(status['state'], 'completed', err.decode('utf-8', 'replace'))
        return json.loads(out.decode('utf-8'))

    def test_folder_arguments_and_search_path(self):
        found = self.value('[os.getcwd(), sys.argv, sys.path[0], sys.path[-1], __file__, __name__]', script='code/run.py', arguments=['a b', '', '$HOME', u'\xe9"\'\n*', '--x=1'])
        work = self.folder(self.run_id, 'work')
        self.assertEqual(found, [work, ['code/run.py', 'a b', '', '$HOME', u'\xe9"\'\n*', '--x=1'], work + '/code', work, work + '/code/run.py', '__main__'])

    def test_imports_from_beside_the_script_and_from_the_root(self):
        files = {'code/beside.py': b'x = 1', 'root_module.py': b'x = 2', 'code/root_module2/__init__.py': b'x = 3'}
        self.assertEqual(self.value('[beside.x, root_module.x, root_module2.x]', files, 'import beside, root_module, root_module2', script='code/run.py'), [1, 2, 3])

    def test_globals_are_those_of_any_script_and_os_and_sys(self):
        plain = {'__name__', '__doc__', '__package__', '__loader__', '__spec__', '__builtins__', '__file__', '__cached__', '__annotations__'}
        names = set(self.value('sorted(globals())'))
        self.assertEqual(names - plain, {'os', 'sys', 'json'})
        self.assertLessEqual({'__name__', '__file__', '__spec__', '__loader__', '__builtins__'}, names)

    def test_arguments_are_expanded_only_when_asked(self):
        found = self.value('sys.argv[1:]', arguments=['$DATA/x', '${DATA}', '$NOT_SET'], variables={'DATA': '/data'}, expandArguments=True)
        self.assertEqual(found, ['/data/x', '/data', '$NOT_SET'])

    def test_environment(self):
        shared = os.path.join(self.home, 'shared')
        run = self.start('import json; print(json.dumps(dict(os.environ)))', secrets={'SECRET': 's'}, agent={
            'sharedDirectory': shared, 'pathPrepend': ['/environment/bin'], 'environment': {'FROM_TARGET': 't'}})
        found = json.loads(self.finish(run)[1].decode('utf-8'))
        work = self.folder(run, 'work')
        for name, value in {
            'ERRAND_RUN_ID': run, 'AZUREML_RUN_ID': run, 'AZUREML_ARM_PROJECT_NAME': 'a', 'AZUREML_FRAMEWORK': 'Python', 'SECRET': 's', 'FROM_TARGET': 't',
            'AZUREML_OUTPUT_DIRECTORY': work + '/outputs', 'AZUREML_NATIVE_SHARE_DIRECTORY': shared + '/a/', 'PYTHONIOENCODING': 'utf-8', 'PYTHONUNBUFFERED': '1',
        }.items():
            self.assertEqual(found.get(name), value, name)
        self.assertTrue(found['PATH'].startswith('/environment/bin:'))
        self.assertEqual(found['HOME'], os.environ['HOME'])
        self.assertTrue(os.path.isdir(shared + '/a'))

    def test_variables_of_the_user_win_except_over_what_names_the_run(self):
        run, staged = self.stage({'train.py': b'import json; print(json.dumps(dict(os.environ)))'})
        variables = {'A B': 'x=y\n', 'ERRAND_RUN_ID': 'mine', 'AZUREML_FRAMEWORK': 'other', 'PYTHONPATH': '/their/own', u'\xdcber': u'\xe4'}
        self.client.call('start', request=self.request(run, variables=variables), staging=staged['staging'])
        found = json.loads(self.finish(run)[1].decode('utf-8'))
        self.assertEqual([found['A B'], found['ERRAND_RUN_ID'], found['AZUREML_FRAMEWORK'], found[u'\xdcber']], ['x=y\n', run, 'other', u'\xe4'])
        self.assertTrue(found['PYTHONPATH'].startswith('/their/own:'))

    def test_text_is_utf_8_without_a_locale(self):
        client = self.connect(LC_ALL='C', LANG='')
        run, staged = self.stage({'train.py': u'print("\u4e2d \xe9", sys.argv[1], len(os.listdir(".")), sys.getfilesystemencoding(), "\xe9.txt" in os.listdir("."))'.encode('utf-8'), u'\xe9.txt': b''}, client=client)
        client.call('start', request=self.request(run, arguments=[u'\u4e2d']), staging=staged['staging'])
        status, out, err, _ = self.finish(run, client)
        self.assertEqual((out.decode('utf-8'), err), (u'\u4e2d \xe9 \u4e2d 3 utf-8 True\n', b''))

    def test_tracebacks_hold_the_frames_of_the_user_only(self):
        source = 'def inner():\n    raise ValueError("in")\ndef outer():\n    try:\n        inner()\n    except ValueError:\n        raise KeyError("out")\nouter()\n'
        _, _, err, _ = self.outcome(source)
        text = err.decode('utf-8')
        self.assertIn('During handling of the above exception', text)
        self.assertNotIn('run_script', text)
        self.assertEqual(text.count('Traceback (most recent call last):'), 2)
        text = self.outcome('def f(:\n')[2].decode('utf-8')
        self.assertNotIn('run_script', text)
        self.assertIn('train.py", line 1', text)
        self.assertNotIn('Traceback', text)

    def test_a_hook_for_exceptions_is_called_and_may_fail(self):
        status, out, _, _ = self.outcome('def hook(kind, value, trace): print("hook", kind.__name__, trace.tb_frame.f_code.co_name)\nsys.excepthook = hook\n1/0')
        self.assertEqual((out, status['exitCode']), (b'hook ZeroDivisionError <module>\n', 1))
        _, _, err, _ = self.outcome('def hook(kind, value, trace): raise ValueError("in the hook")\nsys.excepthook = hook\n1/0')
        self.assertIn(b'Error in sys.excepthook', err)
        self.assertIn(b'ZeroDivisionError', err)

    def test_atexit_and_threads_run_as_usual(self):
        source = 'import atexit, threading, time\natexit.register(lambda: print("atexit"))\nthreading.Thread(target=lambda: (time.sleep(0.2), print("thread"))).start()\nprint("main")\nsys.exit(5)'
        status, out, _, _ = self.outcome(source)
        self.assertEqual((out, status['exitCode']), (b'main\nthread\natexit\n', 5))

    def test_pickle_and_multiprocessing_find_the_script(self):
        source = '\n'.join([
            'import multiprocessing, pickle',
            'class Model(object): x = 3',
            'def double(n): return n * 2',
            'if __name__ == "__main__":',
            '    assert pickle.loads(pickle.dumps(Model())).x == 3',
            '    with multiprocessing.get_context("spawn").Pool(1) as pool: print(pool.map(double, [1, 2]))',
            '    with multiprocessing.get_context("fork").Pool(1) as pool: print(pool.map(double, [3]))',
            '    import __main__, inspect',
            '    print(__main__.Model is Model, inspect.getsource(double).strip())',
        ])
        status, out, err, _ = self.outcome(source)
        self.assertEqual(out, b'[2, 4]\n[6]\nTrue def double(n): return n * 2\n', err)

    def test_an_interrupt_ends_a_script_as_python_ends_it(self):
        status = self.outcome('import os, signal; os.kill(os.getpid(), signal.SIGINT)\nimport time; time.sleep(5)')[0]
        self.assertEqual(status.get('signal') or status.get('exitCode'), 'SIGINT' if sys.version_info >= (3, 8) else 1)

    def test_output_is_not_held_back(self):
        run = self.start('import time\nsys.stdout.write("partial")\ntime.sleep(30)')
        self.wait_for(lambda: b'partial' in self.client.call_with_body('read', run=run, log=8, metrics=0)[1], 'the output')
        self.client.call('cancel', run=run, grace=1)
        self.finish(run)

    def test_the_runner_starts_behind_a_launcher(self):
        status, out, _, _ = self.outcome('print(sys.argv)', arguments=['x'], agent={'launch': ['env', 'LAUNCHED=1', sys.executable]})
        self.assertEqual((status['state'], out), ('completed', b"['train.py', 'x']\n"))

    def test_a_script_that_is_not_there(self):
        run, staged = self.stage({'other.py': b''})
        self.client.call('start', request=self.request(run), staging=staged['staging'])
        status = self.finish(run)[0]
        self.assertEqual((status['cause'], status['reason']), ('start', 'The script train.py is not in the project.'))


class Collect(AgentTest):
    FILES = {'data/a.csv': b'1', 'keep/x': b'2'}

    def collect(self, *globs, **more):
        return self.client.call('collect', run=self.run_id, include=list(globs), **more)

    def test_lists_what_the_run_made(self):
        source = '\n'.join([
            'os.makedirs("outputs/empty/inner"); os.makedirs("outputs/sub"); os.makedirs("results")',
            'open("outputs/.hidden", "w").write("h"); open("outputs/sub/model.pkl", "wb").write(b"m" * 10)',
            'open("results/r.txt", "w").write("r"); open("data/a.csv", "w").write("changed")',
            'os.symlink("model.pkl", "outputs/sub/latest"); os.symlink("/etc/passwd", "outputs/bad"); os.symlink("../../..", "outputs/up")',
            'os.mkfifo("outputs/pipe"); os.chmod("outputs/sub/model.pkl", 0o755)',
        ])
        self.outcome(source, files=self.FILES)
        found = self.collect('outputs/**')
        self.assertEqual([(file['path'], file['size'], file['executable']) for file in found['files']], [('outputs/.hidden', 1, False), ('outputs/sub/model.pkl', 10, True)])
        self.assertEqual((found['directories'], found['links']), (['outputs/empty/inner'], [{'path': 'outputs/sub/latest', 'to': 'model.pkl'}]))
        self.assertEqual([file['path'] for file in self.collect('**')['files'] if not file['path'].startswith('outputs')], ['data/a.csv', 'results/r.txt'])
        self.assertEqual([file['path'] for file in self.collect('*/*.txt', 'outputs/**/*.pkl')['files']], ['outputs/sub/model.pkl', 'results/r.txt'])
        have = {file['path']: [file['size'], file['mtime_ns']] for file in found['files']}
        self.assertEqual(self.collect('outputs/**', have=have)['files'], [])
        result, body = self.client.call_with_body('fetch', run=self.run_id, path='outputs/sub/model.pkl', offset=4, limit=3)
        self.assertEqual((result, body), ({'size': 10, 'end': False}, b'mmm'))
        for path in ('outputs/bad', 'outputs/up/x', 'outputs/pipe', 'outputs/none'):
            with self.assertRaisesRegex(Exception, 'FILE_UNKNOWN'):
                self.client.call('fetch', run=self.run_id, path=path)

    def test_an_output_folder_that_became_a_link_brings_nothing_from_elsewhere(self):
        self.outcome('import shutil; shutil.rmtree("outputs"); os.symlink("/etc", "outputs")')
        self.assertEqual(self.collect('outputs/**')['files'], [])
        self.client.call('remove', run=self.run_id)
        self.assertTrue(os.path.exists('/etc/passwd'))


    def test_a_link_that_leads_out_through_another_is_not_listed(self):
        self.outcome('import os; os.symlink("/etc", "outputs/etc"); os.symlink("etc/passwd", "outputs/passwd"); os.symlink("none", "outputs/dangling")')
        self.assertEqual(self.collect('outputs/**')['links'], [{'path': 'outputs/dangling', 'to': 'none'}])


class TooLong(AgentTest):
    collect = Collect.collect

    def test_what_lies_too_deep_for_a_path_is_named_and_keeps_nothing_away(self):
        name = 'd' * 200
        self.outcome('import os; os.makedirs("outputs/a"); open("outputs/model", "w").close(); os.chdir("outputs/a")\n'
                     'for _ in range(25): os.mkdir("%s"); os.chdir("%s")\nopen("end", "w").close()' % (name, name))
        found = self.collect('outputs/**')
        self.assertEqual(([file['path'] for file in found['files']], found['unreadable'], len(found['tooLong'])), (['outputs/model'], [], 1))
        self.assertTrue(found['tooLong'][0].startswith('outputs/a/' + name))


class Unreadable(AgentTest):
    collect = Collect.collect

    def setUp(self):
        AgentTest.setUp(self)
        if os.geteuid() == 0 and not sys.platform.startswith('linux'):
            self.skipTest('root may read everything')
        self.client = self.connect(before=without(POWER_OVER_MODES) if os.geteuid() == 0 else None)

    def test_what_a_script_made_unreadable_for_its_owner_is_brought_all_the_same(self):
        source = '\n'.join([
            'import os; os.makedirs("outputs/locked/inner"); open("outputs/locked/inner/a", "w").write("a"); open("outputs/b", "w").write("b")',
            'os.chmod("outputs/b", 0); os.chmod("outputs/locked/inner", 0o400); os.chmod("outputs/locked", 0); os.chmod("outputs", 0o300)',
        ])
        self.outcome(source)
        found = self.collect('outputs/locked/**', 'outputs/b')
        self.assertEqual(([file['path'] for file in found['files']], found['unreadable']), (['outputs/b', 'outputs/locked/inner/a'], []))
        for path, content in (('outputs/b', b'b'), ('outputs/locked/inner/a', b'a')):
            self.assertEqual(self.client.call_with_body('fetch', run=self.run_id, path=path)[1], content)

    @unittest.skipUnless(os.geteuid() == 0, 'needs root to give files away')
    def test_what_belongs_to_another_and_can_not_be_read_is_named(self):
        self.outcome('import os; os.mkdir("outputs/folder"); open("outputs/file", "w").close(); open("outputs/kept", "w").close()')
        for name in ('folder', 'file'):
            path = self.folder(self.run_id, 'work', 'outputs', name)
            os.chmod(path, 0)
            os.chown(path, 12345, 12345)
        found = self.collect('outputs/**')
        self.assertEqual(([file['path'] for file in found['files']], sorted(found['unreadable'])), (['outputs/kept'], ['outputs/file', 'outputs/folder']))


class Leftovers(AgentTest):
    def test_lists_and_removes_what_is_not_needed(self):
        run = self.start('import time; time.sleep(60)')
        found = dict((entry['id'], entry) for entry in self.client.call('leftovers')['leftovers'])
        self.assertTrue(found['run:' + run]['inUse'])
        self.assertEqual((found['run:' + run]['project'], found['run:' + run]['kind'], found['objects']['kind']), ('a', 'run', 'objects'))
        with self.assertRaisesRegex(Exception, 'RUN_NOT_FINAL'):
            self.client.call('removeLeftover', leftover='run:' + run)
        self.client.call('cancel', run=run, grace=1)
        self.finish(run)
        self.client.call('removeLeftover', leftover='run:' + run)
        self.client.call('put', b'unneeded', digest='sha256:' + __import__('hashlib').sha256(b'unneeded').hexdigest(), size=8)
        before = [os.path.join(folder, name) for folder, _, names in os.walk(os.path.join(self.home, 'objects')) for name in names]
        for path in before:
            os.utime(path, (1, 1))
        self.assertEqual(self.client.call('removeLeftover', leftover='objects'), {'bytes': 8})
        for entry in self.client.call('leftovers')['leftovers']:
            if entry['id'].startswith('tree:'):
                self.client.call('removeLeftover', leftover=entry['id'])
        self.client.call('removeLeftover', leftover='objects')
        self.assertEqual(self.client.call('leftovers')['leftovers'], [])


if __name__ == '__main__':
    unittest.main()
