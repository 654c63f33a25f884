"""The processes of a run: descendants of its supervisor, its process group, and whatever carries the run's mark in its environment."""
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
HAS_PROC = os.path.exists('/proc/self/stat')


def control_process(option, value):
    """prctl(2); False where there is none."""
    if not sys.platform.startswith('linux'):
        return False
    try:
        import ctypes
        return ctypes.CDLL(None).prctl(option, value, 0, 0, 0) == 0
    except (ImportError, OSError, AttributeError):
        return False


def adopt_orphans():
    """From here on, orphans below this process become its children (Linux)."""
    return control_process(PR_SET_CHILD_SUBREAPER, 1)


def end_with_parent():
    return control_process(PR_SET_PDEATHSIG, signal.SIGKILL)


def read_bytes(path):
    try:
        with open(path, 'rb') as file:
            return file.read()
    except OSError:
        return b''


def parse_stat(data):
    """(parent, group, state, start time) of the content of /proc/<pid>/stat; the command's name may hold anything."""
    fields = data[data.rfind(b')') + 2:].split()
    if len(fields) < 20:
        return None
    return int(fields[1]), int(fields[2]), fields[0].decode('ascii'), fields[19].decode('ascii')


def start_time(pid):
    """Tells a process from a later one with the same pid; None when there is no such process."""
    if HAS_PROC:
        found = parse_stat(read_bytes('/proc/%d/stat' % pid))
        return found[3] if found and found[2] != 'Z' else None
    from errand_agent.machine import command_output
    return command_output(['ps', '-o', 'lstart=', '-p', str(pid)]).strip() or None


def table():
    """{pid: (parent, group, state)} of all processes that can be seen."""
    if not HAS_PROC:
        return table_of_ps()
    found = {}
    for name in os.listdir('/proc'):
        if name.isdigit():
            entry = parse_stat(read_bytes('/proc/%s/stat' % name))
            if entry:
                found[int(name)] = entry[:3]
    return found


def table_of_ps():
    from errand_agent.machine import command_output
    found = {}
    for line in command_output(['ps', '-A', '-o', 'pid=,ppid=,pgid=,stat=']).splitlines():
        fields = line.split()
        if len(fields) >= 4:
            found[int(fields[0])] = (int(fields[1]), int(fields[2]), fields[3][:1])
    return found


def marked(mark, pids):
    """Those of the pids whose environment at their start held the mark (`NAME=value`, bytes)."""
    if HAS_PROC:
        needle = b'\0' + mark + b'\0'
        return set(pid for pid in pids if needle in b'\0' + read_bytes('/proc/%d/environ' % pid) + b'\0')
    from errand_agent.machine import command_output
    text, found = os.fsdecode(mark), set()
    for line in command_output(['ps', '-A', '-E', '-ww', '-o', 'pid=,command=']).splitlines():
        pid, _, command = line.strip().partition(' ')
        if (' ' + text + ' ') in command + ' ' and pid.isdigit():
            found.add(int(pid))
    return found


def descendants(processes, root):
    children = {}
    for pid, (parent, _, _) in processes.items():
        children.setdefault(parent, []).append(pid)
    found, pending = set(), [root]
    while pending:
        for pid in children.get(pending.pop(), ()):
            if pid not in found:
                found.add(pid)
                pending.append(pid)
    return found


def of_run(mark, root=None, group=None):
    """Pids of the run's live processes. `root`: the supervisor, itself left out; `group`: the script's process group."""
    processes = table()
    own = os.getpid()
    candidates = set(pid for pid, entry in processes.items() if entry[2] not in ('Z', 'X') and pid != own and pid != root)
    found = marked(mark, candidates)
    if root is not None:
        found |= descendants(processes, root)
    if group is not None:
        found |= set(pid for pid, entry in processes.items() if entry[1] == group)
    return found & candidates


def of_group(group, session):
    """Pids of live processes of a group, where it belongs to that session: no system gives either number again as long as a process has it."""
    found = set()
    for pid, entry in table().items():
        try:
            if entry[1] == group and entry[2] not in ('Z', 'X') and os.getsid(pid) == session:
                found.add(pid)
        except OSError:
            pass
    return found


def send(pids, number):
    """→ those that may not be signalled: they belong to another user."""
    denied = set()
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass
        except PermissionError:
            denied.add(pid)
    return denied


def command_of(pid):
    """What a process was called as, short enough for a line."""
    text = read_bytes('/proc/%d/cmdline' % pid).replace(b'\0', b' ').decode('utf-8', 'replace').strip() if HAS_PROC else ''
    if not text:
        from errand_agent.machine import command_output
        text = command_output(['ps', '-o', 'command=', '-p', str(pid)]).strip() if not HAS_PROC else 'process %d' % pid
    return text if len(text) <= 100 else text[:97] + '...'


def mark_of(folder):
    """The mark of a run: its folder, and not its id alone, so that two homes on one machine never meet."""
    return b'ERRAND_RUN_FOLDER=' + os.fsencode(folder)
