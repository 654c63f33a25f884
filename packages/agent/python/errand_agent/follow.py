"""What a client asks of a run that was started: its status, its log and metrics as they come, and to stop."""
import json
import os
import signal
import time

from errand_agent import claim, processes, status
from errand_agent.errors import CallError, bad_request
from errand_agent.log_record import HEADER_SIZE, START, whole_records
from errand_agent.paths import nonce, run_folder

LIMIT = 1 << 20
LOOK_AGAIN_AT_SUPERVISOR = 1.0
SHORTEST_LOOK, LONGEST_LOOK = 0.002, 0.05


def call_status(server, params, body):
    """{run} → RunStatus; `lost` when the place does not know the run."""
    return status.settled(run_folder(params.get('run')))


def call_read(server, params, body):
    """{run, log, metrics, limit?, wait?, state?, parts?, starting?, collect?} → {log, metrics, status, end} and log + metrics bytes.

    With `parts` there are several answers, each as soon as there is news; with `starting` the run may be one that is not there yet; with
    `collect`, what that call says of these files comes along with the end.
    """
    log, metrics = whole_number(params, 'log'), whole_number(params, 'metrics')
    limit = whole_number(params, 'limit') or LIMIT
    wait = float(params.get('wait') or 0)
    folder = run_folder(params.get('run'))
    if not params.get('parts'):
        return reading(folder, max(log, START), metrics, limit, wait, params.get('state'))
    return reading_in_parts(folder, max(log, START), metrics, limit, wait, params)


def reading_in_parts(folder, log, metrics, limit, wait, params):
    until, state = time.monotonic() + wait, params.get('state')
    if params.get('starting'):
        pause_before = SHORTEST_LOOK
        while claim.read(folder) is None:
            if time.monotonic() >= until:
                return {'log': 0, 'metrics': 0, 'status': None, 'end': False}, b''
            yield pause_before
            pause_before = min(LONGEST_LOOK, pause_before * 1.5)
    while True:
        result, data = yield from reading(folder, log, metrics, limit, max(0.0, until - time.monotonic()), state)
        if result['end'] and params.get('collect'):
            add_listing(result, params)
        limit -= len(data)
        if result['end'] or limit <= 0 or time.monotonic() >= until:
            return result, data
        log, metrics, state = log + result['log'], metrics + result['metrics'], result['status']['state']
        yield result, data


def add_listing(result, params):
    """Spares the client a call; one that fails here is made by the client, which is told why."""
    if not status.is_final(result['status']):
        return
    from errand_agent.collect import call_collect
    try:
        result['collected'] = call_collect(None, {'run': params.get('run'), 'include': params['collect']}, b'')
    except (CallError, OSError):
        pass


def whole_number(params, name):
    value = params.get(name) or 0
    if not isinstance(value, int) or value < 0:
        raise bad_request('%s is a number of bytes, not %r.' % (name, value))
    return value


def reading(folder, log, metrics, limit, wait, state):
    until = time.monotonic() + wait
    looked = 0.0
    while True:
        found = status.current(folder)
        if not status.is_final(found) and (found is None or time.monotonic() - looked > LOOK_AGAIN_AT_SUPERVISOR):
            looked = time.monotonic()
            found = yield from status.settled(folder)
        final = status.is_final(found) or found['state'] == 'lost'
        try:
            log_bytes, log_size = read_log(os.path.join(folder, 'log'), log, limit)
            metrics_bytes, metrics_rest = read_lines(os.path.join(folder, 'metrics.ndjson'), metrics, limit)
        except CallError:
            if os.path.isdir(folder):
                raise
            log_size = None
        if log_size is None and not os.path.isdir(folder):
            # Removed while it was read: what a cursor points to went with it.
            found = yield from status.settled(folder)
            return {'log': 0, 'metrics': 0, 'status': found, 'end': True}, b''
        end = final and not metrics_rest and (log_size is None or log + len(log_bytes) >= log_size or not log_bytes)
        if log_bytes or metrics_bytes or end or time.monotonic() >= until or (state is not None and found['state'] != state):
            return {'log': len(log_bytes), 'metrics': len(metrics_bytes), 'status': found, 'end': end}, log_bytes + metrics_bytes
        yield min(pause(folder), max(0.0, until - time.monotonic()) + 0.001)


def pause(folder):
    """Looks often while something happens, seldom when nothing has for a while."""
    newest = 0.0
    for name in ('log', 'metrics.ndjson', 'status.json'):
        try:
            newest = max(newest, os.stat(os.path.join(folder, name)).st_mtime)
        except OSError:
            pass
    return min(LONGEST_LOOK, max(SHORTEST_LOOK, abs(time.time() - newest) / 20))


def open_or_none(path):
    try:
        return os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None


def read_log(path, offset, limit):
    """(whole records from the offset, size of the file or None without one). One record at least where there is one, whatever the limit."""
    descriptor = open_or_none(path)
    if descriptor is None:
        if offset > START:
            raise bad_cursor(offset)
        return b'', None
    try:
        size = os.fstat(descriptor).st_size
        if offset > max(size, START):
            raise bad_cursor(offset)
        data = os.pread(descriptor, max(limit, HEADER_SIZE), offset) if size > offset else b''
        end, wanted = whole_records(data)
        if wanted is None:
            raise bad_cursor(offset)
        if not end and wanted > len(data) and offset + wanted <= size:
            data = os.pread(descriptor, wanted, offset)
            end = wanted if len(data) == wanted else 0
        return data[:end], size
    finally:
        os.close(descriptor)


def bad_cursor(offset):
    return CallError('BAD_CURSOR', 'The log has no record at offset %d.' % offset)


def read_lines(path, offset, limit):
    """(whole lines from the offset, whether whole lines may be left)."""
    descriptor = open_or_none(path)
    if descriptor is None:
        return b'', False
    try:
        size = os.fstat(descriptor).st_size
        if offset > size:
            raise CallError('BAD_CURSOR', 'The metrics have no line at offset %d.' % offset)
        data = os.pread(descriptor, limit, offset) if size > offset else b''
        while data.rfind(b'\n') < 0 and offset + len(data) < size:
            data += os.pread(descriptor, limit, offset + len(data))
        end = data.rfind(b'\n') + 1
        return data[:end], offset + len(data) < size
    finally:
        os.close(descriptor)


def call_cancel(server, params, body):
    """{run, grace?} → {}. Asks the supervisor to end the run; without one, ends it here."""
    grace = params.get('grace')
    if grace is not None and (not isinstance(grace, (int, float)) or grace < 0):
        raise bad_request('grace is a number of seconds, not %r.' % (grace,))
    return cancelling(run_folder(params.get('run')), grace)


def cancelling(folder, grace):
    if not os.path.isdir(folder):
        raise CallError('RUN_UNKNOWN', 'The place does not know this run.')
    if status.is_final(status.current(folder)):
        return {}
    ask_to_cancel(folder, grace)
    content = claim.read(folder)
    if content is None:
        return {}
    if claim.is_held(folder, content):
        if claim.same_process(content):
            processes.send([content['pid']], signal.SIGUSR1)
        return {}
    if not content.get('refused') and not status.is_final(status.current(folder)):
        yield from status.end_processes(folder, 30.0 if grace is None else grace)
        yield from status.settled(folder)
    return {}


def ask_to_cancel(folder, grace):
    temporary = os.path.join(folder, 'cancel.' + nonce())
    try:
        with open(temporary, 'w') as file:
            file.write(json.dumps({} if grace is None else {'grace': grace}))
        os.rename(temporary, os.path.join(folder, 'cancel'))
    except OSError:
        # On a full disk an empty file is request enough.
        os.close(os.open(os.path.join(folder, 'cancel'), os.O_WRONLY | os.O_CREAT, 0o644))
