"""The processes of a supervised run: tells which are alive, sends them signals, takes the ends of the script and of what it left."""
import os
import signal

from errand_agent import processes
from errand_agent.memory_events import MemoryEvents
from errand_agent.signals import ended_child


class SupervisedProcesses:
    """`script`: the pid of the script. `wait_status`: how it ended, None until then."""

    def __init__(self, folder, script, note):
        self.mark, self.script, self.note = processes.mark_of(folder), script, note
        self.wait_status = None
        self.asked, self.denied = set(), set()
        self.memory = MemoryEvents()
        self.memory.begin(script)

    def alive(self):
        return processes.of_run(self.mark, os.getpid(), self.script) - self.denied

    def send(self, number, alive=None):
        """TERM goes once to each process, KILL again and again."""
        alive = self.alive() if alive is None else alive
        targets = alive if number == signal.SIGKILL else alive - self.asked
        self.asked |= targets
        for pid in sorted(processes.send(targets, number) - self.denied):
            self.denied.add(pid)
            self.note('Process %d (%s) belongs to another user and could not be ended.' % (pid, processes.command_of(pid)))

    def reap(self):
        """Takes the ends of the script and of adopted orphans; the script's only after a look at its control group."""
        try:
            while True:
                child = ended_child()
                if child is None:
                    return
                pid, wait_status = child
                if wait_status is None:
                    if pid == self.script:
                        self.memory.look(pid)
                    wait_status = os.waitpid(pid, 0)[1]
                if pid == self.script:
                    self.wait_status = wait_status
        except ChildProcessError:
            pass
