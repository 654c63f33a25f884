"""Whether the kernel ended a process of the run for want of memory: the counters of its memory cgroup (v1 and v2)."""
import os

from errand_agent.processes import read_bytes


TOPMOST = ('/sys/fs/cgroup/memory/memory.oom_control', '/sys/fs/cgroup/memory.events')


def counter_file(pid):
    """The file with the counter of the process's memory cgroup, or None."""
    for line in read_bytes('/proc/%d/cgroup' % pid).decode('utf-8', 'replace').splitlines():
        _, _, rest = line.partition(':')
        controllers, _, path = rest.partition(':')
        relative = path.lstrip('/')
        if 'memory' in controllers.split(','):
            candidates = [os.path.join('/sys/fs/cgroup/memory', relative, 'memory.oom_control'), TOPMOST[0]]
        elif controllers == '':
            candidates = [os.path.join('/sys/fs/cgroup', relative, 'memory.events'), TOPMOST[1]]
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
    """Notes the cgroups that the script is seen in, with what their counters were before."""

    def __init__(self):
        self.first = {}

    def begin(self, pid):
        """The cgroup that the script starts in may have had such events before."""
        path = counter_file(pid)
        if path:
            self.first[path] = count(path)

    def look(self, pid):
        """A cgroup entered later was most likely made for this script, and may by now have ended it: its counter is taken to have begun at 0.

        The topmost one is not such a cgroup: cgroups v1 show it for a process that has ended but is not reaped.
        """
        path = counter_file(pid)
        if path and path not in TOPMOST:
            self.first.setdefault(path, 0)

    def risen(self):
        return any(count(path) > before for path, before in self.first.items())
