"""What the packages of a conda environment set for whoever works in it: variables, and scripts that `conda activate` would source."""
import glob
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile

from errand_agent.errors import CannotStart
from errand_agent.paths import encoded

LIMIT = 60.0
NAME = re.compile(br'[A-Za-z_][A-Za-z0-9_]*$')
# A shell keeps account of itself in these.
OF_SHELLS = (b'_', b'SHLVL', b'PWD', b'OLDPWD')
TELL = 'import os, sys; os.fdopen(int(sys.argv[1]), "wb").write(b"\\0".join(name + b"=" + value for name, value in os.environb.items()))'


def activate(prefix, variables, kept, hidden, note):
    """The variables (bytes) with what the packages below `prefix` change of them.

    `kept`: names that stay as they are. `hidden`: names that the scripts do not see either. `note` gets a line for people.
    """
    given = {name: value for name, value in variables.items() if name not in hidden}
    for path in named(prefix, 'env_vars.d', '*.json'):
        for name, value in read_variables(path).items():
            given[encoded(name)] = encoded(value)
    scripts = named(prefix, 'activate.d', '*.sh')
    found = source(scripts, given, note) if scripts else given
    for name in set(kept) | set(hidden):
        found.pop(name, None)
        if name in variables:
            found[name] = variables[name]
    return found


def named(prefix, folder, pattern):
    return sorted(glob.glob(os.path.join(glob.escape(prefix), 'etc', 'conda', folder, pattern)))


def read_variables(path):
    try:
        with open(path, 'rb') as file:
            return {name: value for name, value in json.loads(file.read().decode('utf-8')).items() if isinstance(value, str)}
    except (OSError, ValueError, AttributeError) as error:
        raise CannotStart('The variables of the environment in %s could not be read: %s.' % (path, error))


def source(scripts, variables, note):
    """The variables as the scripts leave them."""
    names = ', '.join(os.path.basename(path) for path in scripts)
    lines = ['. %s' % shlex.quote(path) for path in scripts]
    with tempfile.TemporaryFile() as told, tempfile.TemporaryFile() as said:
        end = '%s -E -s -S -c %s %d' % (shlex.quote(sys.executable), shlex.quote(TELL), told.fileno())
        run_shell('\n'.join(lines + [end]), variables, told, said, names)
        said.seek(0)
        text = said.read().decode('utf-8', 'replace').strip()
        told.seek(0)
        pairs = [entry.partition(b'=') for entry in told.read().split(b'\0') if entry]
    if not pairs:
        raise CannotStart("The environment's own scripts (%s) did not come to their end%s" % (names, ': ' + text[-1000:] if text else '.'))
    note('Activated the environment with %s%s' % (names, ': ' + text[-4000:] if text else '.'))
    found = {name: value for name, _, value in pairs if name not in OF_SHELLS}
    for name, value in variables.items():
        # A shell may drop what can't be one of its variables.
        if name in OF_SHELLS or (name not in found and not NAME.match(name)):
            found[name] = value
    return found


def run_shell(text, variables, told, said, names):
    """Packages write these scripts for bash; without one the plain shell has to do."""
    shell = next((path for path in ('/bin/bash', '/usr/bin/bash') if os.path.exists(path)), '/bin/sh')
    process = subprocess.Popen(
        [shell, '-c', encoded(text)], env=variables, stdin=subprocess.DEVNULL, stdout=said, stderr=said, pass_fds=(told.fileno(),), start_new_session=True)
    try:
        process.wait(LIMIT)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise CannotStart("The environment's own scripts (%s) did not end within %d seconds." % (names, LIMIT))
