"""Starts a run once."""
import errno
import json
import os
import time

from errand_agent import claim
from errand_agent.errors import CallError, bad_request
from errand_agent.paths import below, checked_entry_path, checked_run, checked_staging, encoded, make_folder, nonce, run_folder
from errand_agent.status import load

START_WAITS = 30.0


def call_start(server, params, body):
    """{request, staging?, variables?} → {reference: {run, pid?}, existed}. Safe to repeat: a run id starts once."""
    request = params.get('request')
    if not isinstance(request, dict):
        raise bad_request('start needs a request.')
    run = checked_run(request.get('runId'))
    project_id = params.get('projectId') or request.get('projectId')
    variables = params.get('variables') or {}
    check_strings(request, variables)
    return starting(server, run, dict(request, projectId=project_id), params.get('staging'), variables)


def check_strings(request, variables):
    checked_entry_path(request.get('script'))
    texts = list(request.get('arguments') or [])
    for mapping in (request.get('variables') or {}, variables):
        for name, value in mapping.items():
            if not name or '=' in name:
                raise bad_request('%r can not be the name of a variable.' % (name,))
            texts += [name, value]
    for text in texts:
        if not isinstance(text, str) or '\0' in text:
            raise bad_request('Arguments and variables are text without NUL; %r is not.' % (text,))
        encoded(text)


def starting(server, run, request, staging, variables):
    folder = run_folder(run)
    if os.environ.get('ERRAND_SUPERVISOR') == 'gone' and claim.read(folder) is None:
        raise CallError('SUPERVISOR_GONE', 'The container of the run %s ended before the run came.' % run)
    name = checked_staging(staging) if staging is not None else empty_staging(server, run)
    if supervisor_is_elsewhere() and variables and not os.path.isdir(folder):
        write_variables(below('staging', name), variables)
    existed = not put_in_place(name, folder, request)
    if existed:
        from errand_agent.trees import give_back
        give_back(name)
        check_owner(folder, run, request)
    server.staged.discard(name)
    content = claim.read(folder)
    if content is None:
        if supervisor_is_elsewhere():
            yield from claimed_elsewhere(folder)
        else:
            yield from launched(folder, variables)
        content = claim.read(folder) or {}
    if content.get('refused'):
        raise CallError('RUN_REFUSED', 'The run %s was given up before it started.' % run, 'Submit again: a new run gets a new id.')
    return {'reference': reference(run, content), 'existed': existed}


def supervisor_is_elsewhere():
    """In a container its main process waits for the run; a client starts none."""
    return os.environ.get('ERRAND_SUPERVISOR') == 'main-process'


def write_variables(folder, variables):
    """Lays down the secrets for a supervisor in the foreground, which takes them from there; whoever refuses the run removes them."""
    try:
        descriptor = os.open(os.path.join(folder, 'variables'), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except FileNotFoundError:
        # The staged folder was given back: what comes next says so.
        return
    with os.fdopen(descriptor, 'wb') as file:
        file.write(json.dumps(variables).encode('ascii'))


def claimed_elsewhere(folder):
    """Generator: waits until the main process of the container has claimed the run."""
    until = time.monotonic() + START_WAITS
    while claim.read(folder) is None:
        if time.monotonic() > until:
            raise CallError('START_FAILED', 'The main process of the container did not take the run.')
        yield 0.002


def reference(run, content):
    return {'run': run, 'pid': content['pid']} if 'pid' in content else {'run': run}


def empty_staging(server, run):
    name = '%s.%s' % (run, nonce())
    make_folder(below('staging', name, 'work', 'outputs'))
    server.staged.add(name)
    return name


def put_in_place(name, folder, request):
    """Makes the staged folder the run's in one step. False when the run is there already."""
    staged = below('staging', name)
    if os.path.isdir(folder):
        return False
    make_folder(os.path.dirname(folder))
    try:
        if not os.path.isdir(os.path.join(staged, 'work')):
            raise FileNotFoundError(staged)
        write_request(staged, request)
        os.rename(staged, folder)
    except FileNotFoundError:
        # Another start took it, or the connection that had staged it ended and gave it back.
        if os.path.isdir(folder):
            return False
        raise CallError('STAGING_UNKNOWN', 'The staged folder %s is not there.' % name, 'Stage the project again.')
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return False
        raise
    os.utime(folder)
    return True


def write_request(folder, request):
    """The request without what is long (the snapshot's entries) or secret; and the command as bytes, which the runner needs no parser for."""
    snapshot = request.get('snapshot')
    stored = dict(request, snapshot={'digest': snapshot['digest']}) if isinstance(snapshot, dict) and 'digest' in snapshot else request
    with open(os.path.join(folder, 'request.json'), 'wb') as file:
        file.write(json.dumps(stored).encode('ascii'))
    fields = [request['script'], '1' if request.get('expandArguments') else '0'] + list(request.get('arguments') or [])
    with open(os.path.join(folder, 'command'), 'wb') as file:
        file.write(b'\0'.join(encoded(field) for field in fields))


def check_owner(folder, run, request):
    existing = load(os.path.join(folder, 'request.json')) or {}
    if existing.get('projectId') != request.get('projectId'):
        raise CallError('RUN_ID_TAKEN', 'The run id %s belongs to a run of another project.' % run)


def launched(folder, variables):
    """Generator: starts a detached supervisor and waits for its first word."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reader)
            os.setsid()
            if os.fork() == 0:
                become_supervisor(folder, variables, writer)
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    try:
        yield from first_word(reader)
    finally:
        os.close(reader)


def first_word(reader):
    import select
    until = time.monotonic() + START_WAITS
    while not select.select([reader], [], [], 0.005)[0]:
        if time.monotonic() > until:
            return
        yield 0.002
    text = os.read(reader, 65536).decode('utf-8', 'replace')
    if text.startswith('error '):
        raise CallError('START_FAILED', text[6:])
    if not text:
        raise CallError('START_FAILED', 'The supervisor of the run ended before it had claimed the run.')


def become_supervisor(folder, variables, writer):
    try:
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        if writer != 3:
            os.dup2(writer, 3)
        os.set_inheritable(3, False)
        os.closerange(4, 1024)
        os.chdir(folder)
        from errand_agent import supervise
        supervise.detached(folder, variables, 3)
    except BaseException as error:
        try:
            os.write(3, ('error %s' % error).encode('utf-8', 'replace'))
        except OSError:
            pass
    finally:
        os._exit(0)
