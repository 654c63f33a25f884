"""Which programs run at the place: an environment whose Python runs is in use."""
import os
import subprocess


def programs():
    """Paths of running programs as they were called."""
    if os.path.isdir('/proc/self'):
        return [path for path in (program_of(pid) for pid in os.listdir('/proc') if pid.isdigit()) if path]
    try:
        output = subprocess.check_output(['ps', '-axo', 'command='])
    except (OSError, subprocess.CalledProcessError):
        return []
    return [line.split(' ')[0] for line in output.decode('utf-8', 'replace').splitlines()]


def program_of(pid):
    try:
        with open('/proc/%s/cmdline' % pid, 'rb') as file:
            return os.fsdecode(file.read().split(b'\0')[0])
    except OSError:
        return None
