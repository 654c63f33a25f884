"""Runs the commands that make a tool or an environment; everything they print goes into a log."""
import collections
import io
import os
import re
import shutil
import subprocess
import time

import place_credentials
import place_ending
import place_lock
import place_pip_configuration

# Variables of the user's shell that would make an installer look at another environment than the new one.
LEADING_ASTRAY = (
    'PYTHONPATH', 'PYTHONHOME', 'PYTHONSTARTUP', 'PYTHONUSERBASE', 'VIRTUAL_ENV', 'CONDA_PREFIX', 'CONDA_DEFAULT_ENV', 'PIP_TARGET',
    'PIP_PREFIX', 'PIP_USER', 'PIP_REQUIRE_VIRTUALENV', 'PIP_REPORT', 'UV_PROJECT', 'UV_PROJECT_ENVIRONMENT', 'UV_PYTHON', 'UV_SYSTEM_PYTHON')

TERMINAL_CODES = re.compile(r'\x1b\[[0-9;?]*[A-Za-z]')


class StepFailed(place_ending.Ended):
    def __init__(self, title, exit_code, tail, log):
        place_ending.Ended.__init__(self, 'failed', {'step': title, 'exitCode': exit_code, 'tail': tail, 'log': log})


class Runner:
    """Runs steps one after the other with one log, lock and reporter."""

    def __init__(self, log, lock, report, requirements=''):
        self.path = log
        self.lock = lock
        self.requirements = requirements
        self.report = report
        os.makedirs(os.path.dirname(log), exist_ok=True)
        self.file = io.open(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 'w', encoding='utf-8', errors='replace')

    def run(self, step):
        """→ what it printed last; StepFailed."""
        self.report(step['title'])
        self.write('$ %s' % ' '.join(step['command']))
        tail = collections.deque(maxlen=300)
        exit_code = self.call(step, tail)
        if exit_code != 0:
            raise StepFailed(step['title'], exit_code, list(tail), self.path)
        return list(tail)

    def call(self, step, tail):
        environment = {name: value for name, value in os.environ.items() if name not in LEADING_ASTRAY}
        environment.update({'PYTHONNOUSERSITE': '1', 'PYTHONUNBUFFERED': '1', 'PYTHONIOENCODING': 'utf-8'})
        if step.get('tool') == 'uv':
            environment.update(place_pip_configuration.variables_for_uv('' if step.get('withoutList') else self.requirements))
        environment.update(step.get('environment') or {})
        try:
            # Children hold the lock too: what a killed maker leaves running can't be mistaken for nothing.
            child = subprocess.Popen(
                step['command'], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=step.get('cwd'),
                env=environment, pass_fds=() if self.lock is None else (self.lock,))
        except OSError as error:
            tail.append('%s: %s' % (step['command'][0], error.strerror))
            self.write(tail[-1])
            return 127
        self.follow(child.stdout, step['title'], tail)
        return child.wait()

    def follow(self, stream, title, tail):
        reported = 0.0
        for line in io.TextIOWrapper(stream, encoding='utf-8', errors='replace', newline=None):
            text = place_credentials.hidden(TERMINAL_CODES.sub('', line.rstrip()))
            if not text:
                continue
            tail.append(text)
            self.write(text)
            now = time.monotonic()
            if now - reported > 0.25:
                reported = now
                self.report('%s: %s' % (title, text.strip()[:160]))

    def write(self, text):
        self.file.write(place_credentials.hidden(text) + '\n')
        self.file.flush()

    def close(self):
        self.file.close()


def bring_tool(tool, runner):
    """Makes a tool's folder unless it is complete; each attempt is a list of steps. Raises the last attempt's StepFailed."""
    folder = tool['folder']
    marker = os.path.join(folder, 'complete')
    if os.path.exists(marker):
        return
    lock = place_lock.acquire(folder + '.lock', runner.report)
    outer, runner.lock = runner.lock, lock
    try:
        failure = None
        for attempt in [] if os.path.exists(marker) else tool['attempts']:
            shutil.rmtree(folder, ignore_errors=True)
            try:
                for step in attempt:
                    runner.run(step)
                failure = None
                with open(marker, 'w') as file:
                    file.write('')
                break
            except StepFailed as error:
                failure = error
        if failure is not None:
            shutil.rmtree(folder, ignore_errors=True)
            raise failure
    finally:
        runner.lock = outer
        os.close(lock)
