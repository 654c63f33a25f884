"""Says in the terms of the contract, and in words, how a script ended."""
import os
import re
import signal

from errand_agent.log_record import STDERR, STDOUT
from errand_agent.status import load

SIGNAL_WORDS = {
    'SIGSEGV': 'crashed: segmentation fault', 'SIGBUS': 'crashed: bus error', 'SIGILL': 'crashed: illegal instruction',
    'SIGFPE': 'crashed: arithmetic error', 'SIGABRT': 'aborted', 'SIGKILL': 'was killed', 'SIGTERM': 'was terminated',
    'SIGINT': 'was interrupted', 'SIGHUP': 'was hung up', 'SIGXCPU': 'used up its processor time', 'SIGXFSZ': 'wrote a file beyond the size limit',
}
LAST_LINE = re.compile(r'([A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit|Warning)|[A-Za-z_][\w.]*)(?:: .*)?\Z')
SHARE = 'AZUREML_NATIVE_SHARE_DIRECTORY'
SHARE_SENTENCE = 'The variable is set when the target has a shared folder: set `nativeSharedDirectory` in the .compute file, and `sharedVolumes: true` as well for a container.'
LONGEST_REASON = 1000
# Why a run is ended, as the log begins to say it.
CAUSES = {'cancel': 'Cancel was requested', 'stop': 'The supervisor was told to stop', 'time-limit': 'The time limit was reached'}


def of_script(wait_status, folder, log, out_of_memory):
    """{state, …} of a script that ended by itself, from its wait status."""
    if os.WIFSIGNALED(wait_status):
        return of_signal(os.WTERMSIG(wait_status), out_of_memory)
    code = os.WEXITSTATUS(wait_status)
    if code == 0:
        return {'state': 'completed'}
    failure = load(os.path.join(folder, 'failure.json')) or {}
    if failure.get('kind') == 'start':
        return {'state': 'failed', 'cause': 'start', 'exitCode': code, 'reason': failure.get('message', '')[:LONGEST_REASON]}
    sentences = ['The script ended with exit code %d.' % code]
    last = failure.get('line') or last_line_of_traceback(log.tail(STDERR)) or last_line_of_traceback(log.tail(STDOUT))
    if last:
        sentences[0] = 'The script ended with exit code %d: %s' % (code, last[:LONGEST_REASON])
    sentences += explanations(last or '', failure)
    if out_of_memory:
        sentences.append('The kernel ended one of its processes for want of memory.')
    if code > 128 and not last and signal_name(code - 128):
        sentences.append('The code usually stands for %s.' % signal_name(code - 128))
    return {'state': 'failed', 'cause': 'exit', 'exitCode': code, 'reason': '\n'.join(sentences)}


def of_signal(number, out_of_memory):
    name = signal_name(number) or 'signal %d' % number
    if number == signal.SIGKILL and out_of_memory:
        return {'state': 'failed', 'cause': 'out-of-memory', 'signal': name, 'reason': 'The kernel ended the script for want of memory (SIGKILL): it reached the memory limit of its control group or machine.'}
    return {'state': 'failed', 'cause': 'signal', 'signal': name, 'reason': 'The script %s (%s).' % (SIGNAL_WORDS.get(name, 'was ended by a signal'), name)}


def signal_name(number):
    try:
        return signal.Signals(number).name
    except ValueError:
        return 'SIGRT%d' % number if number >= 34 else None


def explanations(last, failure):
    found = []
    if SHARE in last and last.startswith('KeyError'):
        found.append(SHARE_SENTENCE)
    if failure.get('module'):
        found.append('The module "%s" is not installed for the interpreter of this run.' % failure['module'])
    if last.startswith('MemoryError'):
        found.append('The script could not get the memory it asked for (MemoryError).')
    return found


def last_line_of_traceback(text):
    """The line that names the exception, when the output ends in a traceback."""
    start = text.rfind('Traceback (most recent call last):')
    if start < 0:
        return None
    for line in text[start:].splitlines()[1:]:
        if line and not line[0].isspace():
            return line.strip() if LAST_LINE.match(line.strip()) else None
    return None


def told_to_end(cause, time_limit, stopped=None):
    """{state, …} of a run that was ended here."""
    if cause == 'cancel':
        return {'state': 'cancelled'}
    if cause == 'stop':
        return {'state': 'failed', 'cause': 'machine', 'reason': stopped}
    return {'state': 'failed', 'cause': 'time-limit', 'reason': 'The run reached its time limit of %s.' % format_seconds(time_limit)}


def format_seconds(value):
    return '%s second%s' % (format_number(value), '' if value == 1 else 's')


def format_number(value):
    return str(int(value)) if value == int(value) else str(value)
