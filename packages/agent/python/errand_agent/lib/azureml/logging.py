"""`azureml.logging` as scripts of Azure ML Workbench know it: `get_azureml_logger().log(name, value)`."""
from errand_logged_values import kind_and_value
from errand_run_record import append, store_artifact, warn_once

__all__ = ['get_azureml_logger', 'RunLogger', 'LogResult']


class LogResult(object):
    """What `log` returns. The value is written already; `wait` is there for scripts that wait."""

    def wait(self, timeout=None):
        return self


class RunLogger(object):
    """Logs values of the run. Every logger of a run writes to the same record."""

    def log(self, name, value, step=None):
        """Records a number, text, list, array, dictionary or data frame under a name. A name may be used again: all values are kept."""
        try:
            kind, plain = kind_and_value(value)
            record = {'type': 'metric', 'kind': kind, 'name': str(name), 'value': plain}
            if step is not None:
                record['step'] = int(step)
            if not append(record):
                print('%s: %s' % (name, value))
        except Exception as error:
            warn_once('log %s' % type(error).__name__, 'the value of %r could not be logged: %s: %s' % (name, type(error).__name__, error))
        return LogResult()

    def upload(self, path, contents):
        """Keeps contents (text, bytes, or an open file) as the file `outputs/<path>` of the run."""
        try:
            if store_artifact(path, contents) is None:
                print('%s: a file of the run' % path)
        except Exception as error:
            warn_once('upload %s' % path, 'the file %s could not be kept: %s' % (path, error))
        return LogResult()


def get_azureml_logger():
    """A logger for the run that this process belongs to; outside a run it prints."""
    return RunLogger()
