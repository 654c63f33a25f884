"""What a script says about its run, as lines of the run's `metrics.ndjson`. Nothing here ever stops a script: what fails is a warning."""
import json
import os
import sys
import threading
import time

_lock = threading.Lock()
_warned = set()
_broken = [False]
# By run folder, the secret values as they stand in a JSON text.
_secrets = {}


def warn_once(key, text):
    """One warning for each key, on stderr."""
    if key not in _warned:
        _warned.add(key)
        try:
            sys.stderr.write('errand: ' + text + '\n')
        except Exception:
            pass


def run_folder():
    """The folder of the run that this process belongs to; None outside a run, and on machines that don't have the folder."""
    folder = os.environ.get('ERRAND_RUN_FOLDER')
    if not folder:
        return None
    if not os.path.isdir(folder):
        warn_once('elsewhere', 'this process is not on the machine of the run (a Spark executor?): what it logs is printed here and not recorded. Log in the driver.')
        return None
    return folder


def now():
    microseconds = int(time.time() * 1000000)
    return time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(microseconds // 1000000)) + '.%06dZ' % (microseconds % 1000000)


def without_secrets(folder, text):
    """A JSON text without the values of the run's secret variables: the supervisor, which replaces them in the output, does not see it."""
    if folder not in _secrets:
        values = [os.environ.get(name, '') for name in read_object(folder, 'request.json').get('secretVariables') or []]
        _secrets[folder] = sorted((json.dumps(value)[1:-1] for value in values if len(value) >= 4), key=len, reverse=True)
    for value in _secrets[folder]:
        text = text.replace(value, '***')
    return text


def read_object(folder, name):
    """A JSON file of the run folder; empty when it can't be read."""
    try:
        with open(os.path.join(folder, name), 'rb') as file:
            return json.loads(file.read().decode('utf-8', 'surrogateescape'))
    except (OSError, ValueError, TypeError):
        return {}


def append(record):
    """Writes one line in one go, so that several processes can write at once. True when it is recorded."""
    folder = run_folder()
    if folder is None:
        return False
    data = (without_secrets(folder, json.dumps(dict(record, at=now()), allow_nan=False)) + '\n').encode('ascii')
    try:
        with _lock:
            descriptor = os.open(os.path.join(folder, 'metrics.ndjson'), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            try:
                # After a write that a full disk cut short, the next line must not be glued to the piece.
                data = b'\n' + data if _broken[0] else data
                _broken[0] = os.write(descriptor, data) != len(data)
            finally:
                os.close(descriptor)
        if _broken[0]:
            raise OSError('the disk is full')
        return True
    except OSError as error:
        warn_once('write', 'a logged value could not be recorded: %s' % error)
        return True


def read():
    """All records so far, in the order in which they were written."""
    folder = run_folder()
    if folder is None:
        return []
    try:
        with open(os.path.join(folder, 'metrics.ndjson'), 'rb') as file:
            lines = file.read().split(b'\n')[:-1]
    except OSError:
        return []
    found = []
    for line in lines:
        try:
            found.append(json.loads(line.decode('utf-8')))
        except ValueError:
            continue
    return found


def store_artifact(name, content):
    """Keeps a file with the run below outputs/ → its path, None outside a run. `content`: a path, bytes, text, or something with `read`."""
    folder = run_folder()
    if folder is None:
        return None
    relative = artifact_path(name)
    target = os.path.join(folder, 'work', *relative.split('/'))
    os.makedirs(os.path.dirname(target), exist_ok=True)
    source = open(content, 'rb') if is_path(content) else content
    try:
        write_content(target, source)
    finally:
        if source is not content:
            source.close()
    append({'type': 'artifact', 'path': relative})
    return relative


def artifact_path(name):
    """Where an artifact of that name is, relative to the run's working folder."""
    name = os.path.normpath(str(name).replace('\\', '/')).lstrip('/')
    if name == '.' or name.split('/')[0] == '..':
        raise ValueError('the name %r of a file leaves the folder of the run' % name)
    return name if name.startswith('outputs/') else 'outputs/' + name


class Path(str):
    """Text that names a file, told apart from text that is the content of one."""


def is_path(content):
    return isinstance(content, Path) or hasattr(content, '__fspath__')


def write_content(target, source):
    if hasattr(source, 'fileno') and os.path.exists(target) and os.path.samestat(os.fstat(source.fileno()), os.stat(target)):
        return
    with open(target, 'wb') as file:
        if hasattr(source, 'read'):
            for piece in iter(lambda: source.read(1 << 20), None):
                if not piece:
                    break
                file.write(piece if isinstance(piece, bytes) else piece.encode('utf-8'))
        else:
            file.write(source.encode('utf-8') if isinstance(source, str) else bytes(source))
