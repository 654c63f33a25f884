"""The main process of a run's container: waits for the run, supervises it, and stays until its clients have taken what they want."""
import os
import signal
import sys
import time

from errand_agent import processes, supervise
from errand_agent.paths import checked_run, run_folder

# Seconds without anybody else in the container: before the run has come, and after its end.
ALONE_BEFORE, ALONE_AFTER = 60.0, 2.0
# Seconds after the end for which clients are waited for. One that comes later, or takes longer, is served from elsewhere.
LONGEST_STAY = 900.0
# Seconds for clients to close when the run was removed.
LONGEST_FAREWELL = 10.0
SHORTEST_PAUSE, LONGEST_PAUSE = 0.002, 0.1
LOOK_FOR_OTHERS = 0.25
STOPPED = 'The container of the run was stopped from outside: by somebody, or with its engine.'


def main(run):
    """Returns the exit code: 0 when the run has an end, 3 when nobody brought it."""
    folder = run_folder(checked_run(run))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, frame: sys.exit(0))
    if not wait_until(lambda: os.path.isdir(folder), ALONE_BEFORE, float('inf')):
        sys.stderr.write('The run %s did not come.\n' % run)
        return 3
    supervise.foreground(folder, STOPPED)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, frame: sys.exit(0))
    wait_until(lambda: not os.path.isdir(folder), ALONE_AFTER, LONGEST_STAY)
    # Whoever removed the run has not had the answer yet.
    wait_until(lambda: not others(), ALONE_AFTER, LONGEST_FAREWELL)
    return 0


def wait_until(condition, alone, longest):
    """False when nobody else was in the container for so long, or after the longest time."""
    now = began = accompanied = looked = time.monotonic()
    while now - accompanied < alone and now - began < longest:
        if condition():
            return True
        if now - looked > LOOK_FOR_OTHERS:
            looked = now
            reap()
            if others():
                accompanied = now
        time.sleep(min(LONGEST_PAUSE, max(SHORTEST_PAUSE, (now - began) / 100)))
        now = time.monotonic()
    return condition()


def others():
    """Whether another process lives here: a client's, or that of somebody who looks around."""
    own = os.getpid()
    return any(pid != own and entry[2] not in ('Z', 'X') for pid, entry in processes.table().items())


def reap():
    """Whatever loses its parent in a container becomes a child of the main process."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass
