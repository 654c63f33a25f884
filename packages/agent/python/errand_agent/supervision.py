"""Supervises one claimed run: starts its script, records what it prints, ends what it leaves, writes how it ended."""
import os
import signal
import time

from errand_agent import capture, ending, environment, log_record, processes, script_process, status
from errand_agent.errors import CannotStart
from errand_agent.machine import iso_time
from errand_agent.redaction import Redaction
from errand_agent.supervised_processes import SupervisedProcesses

GRACE = 30.0
LEFTOVER_GRACE = 5.0
TICK = 0.25
TICK_UNTIL_PYTHON_IS_KNOWN = 0.02
HURRY_FOR_PYTHON = 3.0
WAIT_FOR_OPEN_PIPES = 0.2
WAIT_FOR_SPACE = 10.0


class Supervision:
    """The state of one supervised run."""

    def __init__(self, folder, request, claimed, wakeup, stopped=None):
        self.folder = folder
        self.request = request
        self.agent = request.get('agent') or {}
        self.grace = float(self.agent.get('grace', GRACE))
        self.wakeup = wakeup
        self.stopped = stopped
        self.status = {
            'queuedAt': iso_time(), 'hostname': claimed['hostname'],
            'processes': {'supervisor': {'pid': claimed['pid'], 'started': claimed['started']}},
        }
        self.reserved = self.log = self.capture = self.processes = None
        # Why the run is being ended, and from when on with KILL.
        self.cause = self.kill_at = None
        self.limit_at = None

    def write_status(self, **changes):
        self.status.update(changes)
        try:
            status.write(self.folder, self.status)
        except OSError as error:
            if error.errno not in capture.NO_SPACE:
                raise

    def supervise(self, variables):
        try:
            self.reserved = status.reserve(self.folder)
        except OSError:
            self.reserved = None
        self.log = capture.Log(self.folder, Redaction(variables.values()))
        processes.adopt_orphans()
        if self.cancel_request() is not None:
            self.log.note('The run was cancelled before its script was started.')
            self.finish({'state': 'cancelled'})
            return
        try:
            self.start(variables)
        except CannotStart as error:
            self.log.note(str(error))
            self.finish({'state': 'failed', 'cause': 'start', 'reason': str(error)})
            return
        self.loop()
        self.end()

    def start(self, variables):
        env = environment.script_environment(self.folder, self.request, variables, self.log.note)
        command = environment.command(self.folder, self.request, env)
        variables.clear()
        limit = self.request.get('timeLimit')
        self.log.note('Starting %s with %s in %s%s.' % (
            self.request['script'], os.fsdecode(command[0]), os.path.join(self.folder, 'work'),
            ', for at most %s' % ending.format_seconds(limit) if limit else ''))
        pid, stdout, stderr = script_process.spawn(command, env, self.folder)
        self.processes = SupervisedProcesses(self.folder, pid, self.log.note)
        self.limit_at = time.monotonic() + limit if limit else None
        self.capture = capture.Capture(self.log, {stdout: log_record.STDOUT, stderr: log_record.STDERR})
        self.status['processes']['script'] = {'pid': pid}
        self.write_status(state='running', startedAt=iso_time())

    def loop(self):
        """Until the script has ended and nothing of the run is alive."""
        hurry_until = time.monotonic() + HURRY_FOR_PYTHON
        next_step, pause = 0.0, 0.005
        while True:
            woken, ready = self.wakeup.wait(() if self.log.full else self.capture.streams, next_step - time.monotonic())
            if woken:
                next_step = 0.0
            if ready:
                self.note_python()
            for descriptor in ready:
                if not self.log.full:
                    self.capture.read(descriptor)
            self.capture.coalesce()
            now = time.monotonic()
            if now < next_step:
                continue
            self.note_python()
            self.log.retry(now)
            if self.step(now):
                return
            if self.processes.wait_status is not None or self.cause:
                pause = min(pause * 1.5, 0.1)
                next_step = now + pause
            else:
                next_step = now + (TICK if 'python' in self.status or now > hurry_until else TICK_UNTIL_PYTHON_IS_KNOWN)
                if self.limit_at:
                    next_step = min(next_step, self.limit_at)

    def step(self, now):
        """What does not hang on output; True when all is over."""
        self.processes.reap()
        if self.processes.wait_status is None:
            self.processes.memory.look(self.processes.script)
            if self.cause is None:
                self.begin_ending(now)
            if self.cause and now >= self.kill_at:
                self.processes.send(signal.SIGKILL)
            return False
        alive = self.processes.alive()
        if not alive:
            # What ended since the last look: whoever asks by process id finds nothing, however slow the machine's init is.
            self.processes.reap()
            return True
        if self.kill_at is None:
            self.kill_at = now + min(LEFTOVER_GRACE, self.grace)
            names = '; '.join(sorted(processes.command_of(pid) for pid in alive)[:5])
            self.log.note('The script left %d process%s running, ended now: %s' % (len(alive), '' if len(alive) == 1 else 'es', names))
        self.processes.send(signal.SIGKILL if now >= self.kill_at else signal.SIGTERM, alive)
        return False

    def begin_ending(self, now):
        """Cancel or time limit: TERM to all, and the hour of KILL."""
        request = self.cancel_request()
        if request is not None:
            self.cause, grace = 'cancel', float(request.get('grace', self.grace))
        elif self.wakeup.told_to_stop():
            self.cause, grace = 'stop', float(self.agent.get('stopGrace', self.grace))
        elif self.limit_at and now >= self.limit_at:
            self.cause, grace = 'time-limit', self.grace
        else:
            return
        self.kill_at = now + grace
        self.log.note('%s: ending the run, with %s of grace.' % (ending.CAUSES[self.cause], ending.format_seconds(grace)))
        self.processes.send(signal.SIGTERM)

    def cancel_request(self):
        if self.stopped is None and self.wakeup.told_to_stop():
            return {}
        path = os.path.join(self.folder, 'cancel')
        return (status.load(path) or {}) if os.path.exists(path) else None

    def note_python(self):
        """Notes the interpreter once, as soon as the runner has said which it is."""
        if 'python' in self.status:
            return
        text = processes.read_bytes(os.path.join(self.folder, 'python')).decode('utf-8', 'surrogateescape')
        if text.endswith('\n'):
            executable, version = text.split('\n')[:2]
            self.log.note('Python %s (%s)' % (version, executable))
            self.write_status(python={'executable': executable, 'version': version})

    def end(self):
        """Everything is dead: takes what is left in the pipes, and settles the status."""
        until = time.monotonic() + WAIT_FOR_OPEN_PIPES
        space_until = time.monotonic() + WAIT_FOR_SPACE
        while self.capture.streams or self.log.full:
            self.capture.drain()
            if self.log.full:
                if time.monotonic() > space_until:
                    break
                self.log.retry(time.monotonic())
                until = time.monotonic() + WAIT_FOR_OPEN_PIPES
            elif not self.capture.streams or time.monotonic() > until:
                break
            time.sleep(0.02)
        self.capture.flush()
        if self.cause:
            outcome = ending.told_to_end(self.cause, self.request.get('timeLimit'), self.stopped)
        else:
            outcome = ending.of_script(self.processes.wait_status, self.folder, self.log, self.processes.memory.risen())
        if self.log.full:
            outcome = self.lost_output(outcome)
        self.finish(outcome)

    def lost_output(self, outcome):
        lost = self.log.drop()
        self.capture.discard()
        lost += self.capture.lost
        before = ' ' + outcome['reason'] if 'reason' in outcome else ''
        kept = {key: outcome[key] for key in ('exitCode', 'signal') if key in outcome}
        if outcome['state'] == 'completed':
            kept['exitCode'] = 0
        return dict(kept, state='failed', cause='machine', reason='The disk is full: %d bytes of the log were lost for want of space.%s' % (lost, before))

    def finish(self, outcome):
        if self.processes is not None:
            import resource
            import sys
            used = resource.getrusage(resource.RUSAGE_CHILDREN)
            self.status['peakMemory'] = used.ru_maxrss * (1 if sys.platform == 'darwin' else 1024)
            self.status['processorTime'] = round(used.ru_utime + used.ru_stime, 6)
        self.log.free_reserve()
        if 'reason' in outcome:
            outcome = dict(outcome, reason=self.log.redaction.text(outcome['reason']))
        self.log.note(outcome['reason'].split('\n')[0] if 'reason' in outcome else 'The run is %s.' % outcome['state'])
        self.log.drop()
        self.status.update(outcome, endedAt=iso_time())
        status.write_final(self.folder, self.status, self.reserved)

    def fail(self, error):
        """The supervisor itself can't go on: nothing of the run stays alive, and the reason is written."""
        for _ in status.end_processes(self.folder, 0):
            time.sleep(0.02)
        reason = 'The supervisor of the run failed: %s: %s' % (type(error).__name__, error)
        if self.log is not None and not self.log.full:
            self.log.note(reason)
        self.status.update(state='failed', cause='machine', reason=reason, endedAt=iso_time())
        status.write_final(self.folder, self.status, self.reserved)
