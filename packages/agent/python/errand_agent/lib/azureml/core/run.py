"""`azureml.core.run.Run`: the run that this process belongs to, or an offline run that prints what it would record."""
import os
import shutil
import uuid

import errand_run_record as record
from errand_logged_values import from_json, kind_and_value, table, to_json

__all__ = ['Run', 'get_run']

IMAGES = ('.png', '.jpg', '.jpeg', '.gif', '.bmp', '.tif', '.tiff', '.svg', '.webp')


class RunEnvironmentException(Exception):
    """There is no run, and the call needs one."""


class Run(object):
    """One run. In a run everything is recorded with it; offline it is printed."""

    def __init__(self, run_id, folder):
        self._id = run_id
        self._folder = folder
        self._tags = {}
        self._properties = {}

    @staticmethod
    def get_submitted_run():
        """The run that this process belongs to; an error outside a run."""
        return Run.get_context(allow_offline=False)

    @staticmethod
    def get_context(allow_offline=True, **_):
        """The run that this process belongs to; outside a run an offline run, or an error without `allow_offline`."""
        folder = record.run_folder()
        if folder is not None:
            return Run(os.environ.get('ERRAND_RUN_ID') or os.path.basename(folder), folder)
        if not allow_offline:
            raise RunEnvironmentException('This process does not belong to a run: submit the script with `errand experiment submit`.')
        return Run('OfflineRun_' + str(uuid.uuid4()), None)

    @property
    def id(self):
        return self._id

    @property
    def number(self):
        return self._request().get('runNumber')

    def _request(self):
        return record.read_object(self._folder, 'request.json')

    def _safely(self, what, action):
        """A record that can't be made is a warning, never the end of a script."""
        try:
            action()
        except Exception as error:
            record.warn_once('%s %s' % (what, type(error).__name__), '%s could not be logged: %s: %s' % (what, type(error).__name__, error))

    def _append(self, shown, **line):
        if self._folder is None:
            print(shown)
        else:
            record.append(line)

    def _metric(self, kind, name, value, shown, step=None):
        line = {'type': 'metric', 'kind': kind, 'name': str(name), 'value': value}
        if step is not None:
            line['step'] = int(step)
        self._append('%s: %s' % (name, shown), **line)

    def log(self, name, value, description='', step=None):
        """A single value; logged again under one name it becomes a series."""
        def action():
            kind, plain = kind_and_value(value)
            if kind != 'value':
                record.warn_once('list ' + str(name), 'log(%r) was given a %s: log_list, log_row or log_table say what is meant' % (name, type(value).__name__))
            self._metric(kind, name, plain, value, step)
        self._safely(name, action)

    def log_list(self, name, value, description=''):
        """A list of values; logged again it grows."""
        def action():
            plain = to_json(value)
            self._metric('list', name, plain if isinstance(plain, list) else [plain], value)
        self._safely(name, action)

    def log_row(self, name, description='', **columns):
        """One row of a table."""
        self._safely(name, lambda: self._metric('row', name, to_json(columns), columns))

    def log_table(self, name, value, description=''):
        """{column: list}, all of one length."""
        def action():
            columns = table(value)
            if len(set(len(column) for column in columns.values())) > 1:
                raise ValueError('the columns of a table must be of one length')
            self._metric('table', name, columns, value)
        self._safely(name, action)

    def log_image(self, name, path=None, plot=None, description=''):
        """An image: either a file, or a plot (something with `savefig`), which is saved as `<name>.png`."""
        def action():
            if (path is None) == (plot is None):
                raise ValueError('log_image needs either a path or a plot')
            if path is not None and not str(path).lower().endswith(IMAGES):
                raise ValueError('%s is not an image' % path)
            if self._folder is None:
                print('%s: an image of the run' % name)
                return
            self._metric('image', name, self._store_plot(name, plot) if plot is not None else record.store_artifact(os.path.basename(str(path)) if os.path.isabs(str(path)) else path, record.Path(path)), path)
        self._safely(name, action)

    def _store_plot(self, name, plot):
        import io
        content = io.BytesIO()
        plot.savefig(content, format='png')
        return record.store_artifact('%s.png' % name, content.getvalue())

    def upload_file(self, name, path_or_stream, **_):
        """Keeps a file with the run, below outputs/."""
        def action():
            if self._folder is None:
                print('%s: a file of the run' % name)
                return
            content = path_or_stream if hasattr(path_or_stream, 'read') else record.Path(path_or_stream)
            record.store_artifact(name, content)
        self._safely(name, action)

    def tag(self, key, value=None):
        """Sets a tag; a later value replaces it."""
        def action():
            self._tags[str(key)] = None if value is None else str(value)
            line = {'type': 'tag', 'name': str(key)}
            self._append('tag %s: %s' % (key, value), **(line if value is None else dict(line, value=str(value))))
        self._safely(key, action)

    def set_tags(self, tags):
        for key in tags:
            self.tag(key, tags[key])

    def get_tags(self):
        return self._named('tag') if self._folder else dict(self._tags)

    def add_properties(self, properties):
        """Properties are written once: the first value stays."""
        for key in properties:
            self._property(str(key), properties[key])

    def _property(self, key, value):
        def action():
            if key in self.get_properties():
                record.warn_once('property ' + key, 'the property %r has a value already, which stays' % key)
                return
            self._properties[key] = str(value)
            self._append('property %s: %s' % (key, value), type='property', name=key, value=str(value))
        self._safely(key, action)

    def get_properties(self):
        return self._named('property') if self._folder else dict(self._properties)

    def _named(self, kind):
        return {line['name']: line.get('value') for line in record.read() if line.get('type') == kind}

    def get_metrics(self, name=None):
        """{name: value} of what was logged so far; a name that was logged more than once gives a list."""
        return metrics_of(line for line in record.read() if self._folder and line.get('type') == 'metric' and name in (None, line['name']))

    def get_file_names(self):
        """Names of the files kept so far: everything below outputs/."""
        found = []
        root = os.path.join(self._folder, 'work') if self._folder else None
        for folder, _, names in os.walk(os.path.join(root, 'outputs')) if root else ():
            found += [os.path.relpath(os.path.join(folder, name), root).replace(os.sep, '/') for name in names]
        return sorted(found)

    def download_file(self, name, output_file_path=None, **_):
        """Copies a kept file; without a path into the working folder under its own name."""
        if self._folder is None:
            raise RunEnvironmentException('An offline run keeps no files.')
        work = os.path.join(self._folder, 'work')
        source = os.path.join(work, *record.artifact_path(name).split('/'))
        target = output_file_path or os.path.basename(str(name))
        if os.path.isdir(target):
            target = os.path.join(target, os.path.basename(str(name)))
        shutil.copyfile(source, target)

    def get_status(self):
        """The state of the run in the words of that time. Who asks is the script: it runs, also where that is still to be written down."""
        words = {'completed': 'Completed', 'cancelled': 'Canceled', 'failed': 'Failed'}
        return words.get(record.read_object(self._folder, 'status.json').get('state'), 'Running')

    def complete(self, **_):
        self._ends_by_itself('complete')

    def fail(self, *_, **__):
        self._ends_by_itself('fail')

    def cancel(self):
        self._ends_by_itself('cancel')

    def _ends_by_itself(self, name):
        if self._folder is not None:
            record.warn_once(name, 'run.%s() has no effect: the run ends with the script, and its exit code says how' % name)

    def flush(self, timeout_seconds=None):
        """Everything is written already."""

    def child_run(self, name=None, **_):
        raise NotImplementedError('Child runs are not available: log with a name of their own, or submit a run of their own.')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def __repr__(self):
        return 'Run(%s)' % self._id


def get_run():
    return Run.get_context()


def metrics_of(lines):
    found, series, rows = {}, {}, {}
    for line in lines:
        name, kind, value = line['name'], line['kind'], from_json(line['value'])
        if kind == 'list':
            found[name] = (found[name] if isinstance(found.get(name), list) else [found[name]] if name in found else []) + value
            series[name] = True
        elif kind in ('row', 'table'):
            merge_columns(found, rows, name, value if kind == 'table' else {key: [item] for key, item in value.items()})
        elif name not in found:
            found[name] = value
        else:
            found[name] = (found[name] if name in series else [found[name]]) + [value]
            series[name] = True
    return found


def merge_columns(found, rows, name, columns):
    """Rows that lack a column have none there."""
    so_far, length = (found.get(name), rows.get(name, 0))
    so_far = so_far if isinstance(so_far, dict) else {}
    added = max([len(column) for column in columns.values()] or [0])
    found[name] = {
        key: so_far.get(key, [None] * length) + (columns.get(key) or []) + [None] * (added - len(columns.get(key) or []))
        for key in list(so_far) + [key for key in columns if key not in so_far]
    }
    rows[name] = length + added
