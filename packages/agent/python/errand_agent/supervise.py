"""The supervisor's ways in: detached or in the foreground, it claims the run, and whoever has the claim supervises."""
import json
import os

from errand_agent import claim, status
from errand_agent.signals import Wakeup
from errand_agent.supervision import Supervision


def detached(folder, variables, writer):
    """Supervises in a process of its own; the first word to `writer` says whether the claim was got."""
    def tell(text):
        try:
            os.write(writer, text.encode('ascii'))
        except OSError:
            # Whoever started the run is gone; the run goes on.
            pass
        finally:
            os.close(writer)
    supervise(folder, lambda: variables, tell)


def foreground(folder, stopped=None):
    """For containers and Spark drivers: 0 when the run has an end, whatever that is; 1 when another process has the run.

    `stopped`: the reason of the end when a signal stops the supervisor, where that does not mean a cancel.
    """
    folder = os.path.abspath(folder)
    return 0 if supervise(folder, lambda: take_variables(folder), lambda text: None, stopped) else 1


def take_variables(folder):
    """The secrets that were laid down for a supervisor in the foreground; their file is gone before they are used."""
    path = os.path.join(folder, 'variables')
    try:
        with open(path, 'rb') as file:
            os.unlink(path)
            return json.loads(file.read().decode('utf-8', 'surrogateescape'))
    except FileNotFoundError:
        return {}


def supervise(folder, variables, tell, stopped=None):
    """False when the run was claimed before. `variables()` is asked only by the one that has the claim: the others take nothing from it."""
    wakeup = Wakeup()
    content = claim.of_this_process()
    descriptor = claim.make(folder, content)
    if descriptor is None:
        tell('taken')
        return False
    request = status.load(os.path.join(folder, 'request.json'))
    run = Supervision(folder, request, content, wakeup, stopped)
    try:
        run.write_status(state='queued')
        tell('claimed')
        run.supervise(variables())
    except Exception as error:
        run.fail(error)
    finally:
        os.close(descriptor)
    return True
