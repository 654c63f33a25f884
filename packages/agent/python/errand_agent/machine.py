"""What tells this machine, and this boot of it, from another."""
import os
import sys


def read_text(path):
    try:
        with open(path, 'rb') as file:
            return file.read().decode('utf-8', 'replace')
    except OSError:
        return ''


def boot_id():
    """Changes with every restart of the machine; empty where it can't be known."""
    text = read_text('/proc/sys/kernel/random/boot_id').strip()
    if text or sys.platform != 'darwin':
        return text
    return command_output(['sysctl', '-n', 'kern.bootsessionuuid']).strip()


def command_output(command):
    import subprocess
    try:
        return subprocess.check_output(command, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL).decode('utf-8', 'replace')
    except (OSError, subprocess.CalledProcessError):
        return ''


def free_bytes(folder):
    """For this user, on the disk of a folder that need not be there yet; None where it can't be known."""
    while not os.path.isdir(folder) and os.path.dirname(folder) != folder:
        folder = os.path.dirname(folder)
    try:
        disk = os.statvfs(folder)
    except OSError:
        return None
    return disk.f_bavail * disk.f_frsize


def user_name():
    try:
        import pwd
        return pwd.getpwuid(os.getuid()).pw_name
    except (ImportError, KeyError):
        return os.environ.get('USER') or str(os.getuid())


def process_namespace():
    """Pids mean something only inside one of these."""
    try:
        return os.readlink('/proc/self/ns/pid')
    except OSError:
        return ''


def iso_time(seconds=None):
    """ISO 8601 UTC with microseconds."""
    import time
    microseconds = int((time.time() if seconds is None else seconds) * 1000000)
    return time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(microseconds // 1000000)) + '.%06dZ' % (microseconds % 1000000)
