"""Whether the kernel ended a process of the run for want of memory: the counters of its memory cgroup (v1 and v2)."""
import os

from errand_agent.processes import read_bytes


def counter_file(pid):
    """The file with the counter of the process's memory cgroup, or None."""
    for line in read_bytes('/proc/%d/cgroup' % pid).decode('utf-8', 'replace').splitlines():
        _, _, rest = line.partition(':')
        controllers, _, path = rest.partition(':')
        relative = path.lstrip('/')
        if 'memory' in controllers.split(','):
            candidates = [os.path.join('/sys/fs/cgroup/memory', relative, 'memory.oom_control'), '/sys/fs/cgroup/memory/memory.oom_control']
        elif controllers == '':
            candidates = [os.path.join('/sys/fs/cgroup', relative, 'memory.events'), '/sys/fs/cgroup/memory.events']
        else:
            continue
        # Inside a container the path is often the one that the machine sees, and the mount is already the container's own.
        for candidate in candidates:
            if os.path.exists(candidate):
                return candidate
    return None


def count(path):
    for line in read_bytes(path).decode('ascii', 'replace').splitlines():
        name, _, value = line.partition(' ')
        if name == 'oom_kill':
            return int(value)
    return 0


class MemoryEvents:
    """Notes the cgroups that the script is seen in, with their counters when first seen."""

    def __init__(self):
        self.first = {}

    def look(self, pid, ended=False):
        """`ended`: the process is over but not reaped; a cgroup first seen now was made by the script, so its counter began at 0."""
        path = counter_file(pid)
        if path and path not in self.first:
            self.first[path] = 0 if ended else count(path)

    def risen(self):
        return any(count(path) > before for path, before in self.first.items())
