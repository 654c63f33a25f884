"""The logging interfaces that scripts of the time use, inside and outside of a run, with and without an installed `azureml`."""
import os
import subprocess
import sys
import unittest

from client import SOURCE, AgentTest

LIBRARY = os.path.join(SOURCE, 'errand_agent', 'lib')


class Logging(AgentTest):
    def lines(self, source, **more):
        status, out, err, lines = self.outcome(source, **more)
        self.assertEqual(status['state'], 'completed', err.decode('utf-8', 'replace'))
        self.out, self.err = out, err
        for line in lines:
            self.assertRegex(line.pop('at'), r'^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$')
        return lines

    def metrics(self, source, **more):
        return [(line['kind'], line['name'], line['value']) for line in self.lines(source, **more) if line['type'] == 'metric']

    def test_values_of_every_type(self):
        source = '\n'.join([
            'from azureml.logging import get_azureml_logger',
            'log = get_azureml_logger().log',
            'log("Regularization Rate", 0.5).wait().wait(); log("n", 3); log("text", "a\\nb"); log("flag", True); log("list", [1, 2.5, (3, None)])',
            'log("nan", float("nan")); log("bad", [float("inf"), float("-inf")]); log("d", {"a": [1, 2], "b": 3}); log("big", 2 ** 70)',
            'class Odd(object):\n    def __str__(self): return "odd"',
            'log("odd", Odd()); log("odd", Odd())',
            'get_azureml_logger().log("n", 4, step=7)',
        ])
        self.assertEqual(self.metrics(source), [
            ('value', 'Regularization Rate', 0.5), ('value', 'n', 3), ('value', 'text', 'a\nb'), ('value', 'flag', True), ('list', 'list', [1, 2.5, [3, None]]),
            ('value', 'nan', {'$number': 'NaN'}), ('list', 'bad', [{'$number': 'Infinity'}, {'$number': '-Infinity'}]), ('table', 'd', {'a': [1, 2], 'b': [3]}), ('value', 'big', 2 ** 70),
            ('value', 'odd', 'odd'), ('value', 'odd', 'odd'), ('value', 'n', 4)])
        self.assertEqual(self.err.count(b'recorded as its text'), 1)

    def test_arrays_and_frames_by_what_they_can_do(self):
        source = '\n'.join([
            'from azureml.logging import get_azureml_logger',
            'log = get_azureml_logger().log',
            'class Array(object):\n    def tolist(self): return [[1, 2], [float("nan"), 4]]',
            'class Scalar(object):\n    def item(self): return 1.5',
            'class Frame(object):\n    columns = ["a"]\n    def to_dict(self, orient): assert orient == "list"; return {"a": [1, Scalar()]}',
            'log("array", Array()); log("scalar", Scalar()); log("frame", Frame())',
            'try:\n    import numpy\n    log("numpy", numpy.array([1.0, 2.0])); log("numpy", numpy.float32(0.5)); log("numpy", numpy.bool_(True))',
            'except ImportError:\n    log("numpy", [1.0, 2.0]); log("numpy", 0.5); log("numpy", True)',
        ])
        self.assertEqual(self.metrics(source), [
            ('list', 'array', [[1, 2], [{'$number': 'NaN'}, 4]]), ('value', 'scalar', 1.5), ('table', 'frame', {'a': [1, 1.5]}),
            ('list', 'numpy', [1.0, 2.0]), ('value', 'numpy', 0.5), ('value', 'numpy', True)])

    def test_an_error_in_a_value_is_a_warning(self):
        source = 'from azureml.logging import get_azureml_logger as g\nclass Bad(object):\n    def tolist(self): raise RuntimeError("no")\ng().log("a", Bad()); g().log("b", 1)'
        self.assertEqual(self.metrics(source), [('value', 'b', 1)])
        self.assertIn(b'could not be logged: RuntimeError: no', self.err)

    def test_children_write_to_the_same_record_at_the_same_time(self):
        source = '\n'.join([
            'from azureml.logging import get_azureml_logger as g',
            'children = [os.fork() for _ in range(3)]',
            'for i in range(200): g().log("x" * 3000, i)',
            'if 0 not in children:\n    for _ in range(7):\n        try: os.wait()\n        except OSError: break',
            'else:\n    try:\n        while True: os.wait()\n    except OSError: os._exit(0)',
        ])
        self.assertEqual(len(self.metrics(source)), 8 * 200)
        source = 'import subprocess; subprocess.check_call([sys.executable, "-c", "from azureml.logging import get_azureml_logger as g; g().log(\'child\', 1)"], cwd="/")'
        self.assertEqual(self.metrics(source), [('value', 'child', 1)])

    def test_older_spellings(self):
        source = 'from azureml_sdk import data_collector\ndata_collector.current_run().log("a", 1)\nfrom azureml.sdk import data_collector as d\nd.current_run().log("b", 2)\nimport azureml.sdk.data_collector as e\ne.current_run().log("c", 3)'
        self.assertEqual([name for _, name, _ in self.metrics(source)], ['a', 'b', 'c'])

    def test_uploads_are_artifacts_below_outputs(self):
        source = 'from azureml.logging import get_azureml_logger as g\nos.chdir("/")\ng().upload("a/b.txt", "text"); g().upload("outputs/c.bin", b"\\0"); g().upload("../../x", "out")'
        self.assertEqual([line['path'] for line in self.lines(source) if line['type'] == 'artifact'], ['outputs/a/b.txt', 'outputs/c.bin'])
        with open(self.folder(self.run_id, 'work', 'outputs', 'a', 'b.txt')) as file:
            self.assertEqual(file.read(), 'text')
        self.assertFalse(os.path.exists(self.folder(self.run_id, 'x')))

    def test_run_of_azureml_core(self):
        source = '\n'.join([
            'from azureml.core.run import Run', 'import azureml.core, io',
            'run = Run.get_submitted_run(); assert run.id == os.environ["ERRAND_RUN_ID"] == azureml.core.Run.get_context().id',
            'run.log("a", 1, "about"); run.log("a", 2); run.log_list("l", [1]); run.log_list("l", ["x"]); run.log_row("r", x=1, y=2); run.log_row("r", x=3)',
            'run.log_table("t", {"c": [1, 2]}); run.log_table("bad", {"c": [1], "d": []})',
            'run.tag("k", "v"); run.tag("k", 2); run.tag("only"); run.set_tags({"z": "1"}); run.add_properties({"p": 1}); run.add_properties({"p": 2})',
            'class Plot(object):\n    def savefig(self, target, format): target.write(b"PNG")',
            'run.log_image("plot", plot=Plot()); open("pic.png", "w").close(); run.log_image("pic", "pic.png"); run.log_image("no", "train.py"); run.log_image("none")',
            'run.upload_file("m.txt", io.StringIO(u"model")); run.upload_file("copy.py", "train.py"); run.upload_file("gone", "not there")',
            'm = run.get_metrics(); assert m == {"a": [1, 2], "l": [1, "x"], "r": {"x": [1, 3], "y": [2, None]}, "t": {"c": [1, 2]}, "plot": "outputs/plot.png", "pic": "outputs/pic.png"}, m',
            'assert run.get_tags() == {"k": "2", "only": None, "z": "1"} and run.get_properties() == {"p": "1"}',
            'assert run.get_file_names() == ["outputs/" + n for n in ("copy.py", "m.txt", "pic.png", "plot.png")], run.get_file_names()',
            'run.download_file("m.txt", "back.txt"); assert open("back.txt").read() == "model"; assert run.get_status() == "Running" and run.number == 7',
            'run.complete()\nwith run: pass',
        ])
        lines = self.lines(source)
        self.assertIn({'type': 'property', 'name': 'p', 'value': '1'}, lines)
        self.assertIn({'type': 'tag', 'name': 'only'}, lines)
        self.assertEqual([line['kind'] for line in lines if line['type'] == 'metric'], ['value', 'value', 'list', 'list', 'row', 'row', 'table', 'image', 'image'])
        self.assertIn(b'has no effect', self.err)

    def test_a_secret_that_is_logged_is_replaced_before_it_is_stored(self):
        run = self.start('import os\nfrom azureml.logging import get_azureml_logger\nget_azureml_logger().log("a", "with " + os.environ["SECRET"])', secrets={'SECRET': 'open "sesame"'})
        metrics = self.read_all(run)[2]
        self.assertEqual([line['value'] for line in metrics], ['with ***'])

    def test_data_preparation_imports_and_says_what_to_do(self):
        source = 'from azureml.dataprep.package import run\nfrom azureml.dataprep import datasource\ntry: run("iris.dprep", dataflow_idx=0, spark=False)\nexcept NotImplementedError as e: print(e)\ntry: datasource.load_datasource("x")\nexcept NotImplementedError as e: print(e)'
        self.lines(source)
        self.assertEqual(self.out.count(b'read the data with pandas instead'), 2)

    def test_outside_a_run_everything_prints_and_nothing_fails(self):
        source = '\n'.join([
            'from azureml.logging import get_azureml_logger as g', 'g().log("Accuracy", 0.67).wait(); g().upload("f", b"x")',
            'from azureml.core.run import Run', 'r = Run.get_context(); r.log("b", [1]); r.tag("t", 1); r.log_image("i", "a.png"); r.upload_file("f", "nothing"); print(r.id[:11], r.get_metrics(), r.get_tags(), r.get_file_names())',
            'try: Run.get_submitted_run()\nexcept Exception as e: print(e)',
        ])
        for folder, warned in (('', False), ('/no/such/folder', True)):
            variables = dict(os.environ, PYTHONPATH=LIBRARY, ERRAND_RUN_FOLDER=folder, PYTHONDONTWRITEBYTECODE='1')
            process = subprocess.Popen([sys.executable, '-c', source], env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            out, err = process.communicate()
            self.assertEqual(process.returncode, 0, err)
            self.assertIn(b'Accuracy: 0.67\n', out)
            self.assertIn(b"OfflineRun_ {} {'t': '1'} []\n", out)
            self.assertIn(b'errand experiment submit', out)
            self.assertEqual(err.count(b'not on the machine of the run'), 1 if warned else 0)


class Installed(AgentTest):
    SCRIPT = 'import azureml.api, azureml.core, azureml.logging\nfrom azureml.core.run import Run\nfrom azureml.core import own\nprint(azureml.api.x, own, azureml.logging.get_azureml_logger().log("a", 1) is not None, Run.get_context().id)'

    def check(self, files):
        site = os.path.join(self.home, 'site')
        for path, text in files.items():
            path = os.path.join(site, path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, 'w') as file:
                file.write(text)
        run, staged = self.stage({'train.py': self.SCRIPT.encode('ascii')})
        self.client.call('start', request=self.request(run, variables={'PYTHONPATH': site}), staging=staged['staging'])
        status, out, err, lines = self.finish(run)
        self.assertEqual(out.decode('ascii'), 'api installed True %s\n' % run, err.decode('utf-8'))
        self.assertEqual([line['name'] for line in lines], ['a'])

    PARTS = {'azureml/api.py': 'x = "api"', 'azureml/core/__init__.py': 'own = "installed"'}

    def test_a_regular_package_keeps_its_modules(self):
        self.check(dict(self.PARTS, **{'azureml/__init__.py': ''}))

    def test_a_package_that_extends_its_path_keeps_its_modules(self):
        self.check(dict(self.PARTS, **{'azureml/__init__.py': '__path__ = __import__("pkgutil").extend_path(__path__, __name__)'}))

    def test_a_namespace_package_keeps_its_modules(self):
        self.check(self.PARTS)


if __name__ == '__main__':
    unittest.main()
