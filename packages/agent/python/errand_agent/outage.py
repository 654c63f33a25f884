"""A storage that gives no answer for a while is asked again. What it refuses, it refuses once."""
import os
import sys
import time

# Seconds without an answer after which the storage is given up, when nothing runs any more that needs it.
LIMIT = 600.0
SHORTEST_PAUSE, LONGEST_PAUSE = 0.5, 15.0


class StorageGone(Exception):
    """The storage has given no answer for as long as is waited."""


class Outage:
    """Repeats the calls to one storage. `may_pass(error)`: whether the same call may succeed later."""

    def __init__(self, may_pass, limit=None):
        self.may_pass = may_pass
        self.limit = limit_of_environment() if limit is None else limit
        # While this says true there is no limit.
        self.is_needed = lambda: False
        # Why the storage was given up; from then on it is asked nothing more.
        self.gone = None

    def outlast(self, call):
        """What the call answers, however often it takes. Errors: `StorageGone`, and what does not pass."""
        until, pause = None, SHORTEST_PAUSE
        while True:
            if self.gone is not None:
                raise StorageGone(self.gone)
            try:
                answer = call()
            except Exception as error:
                if not self.may_pass(error):
                    raise
                now = time.monotonic()
                if until is None:
                    tell('The storage of the cluster gives no answer, it is asked again: %s' % first_line(error))
                if until is None or self.is_needed():
                    until = now + self.limit
                if now >= until:
                    self.gone = 'The storage of the cluster has given no answer for %d seconds: %s' % (self.limit, first_line(error))
                    continue
                time.sleep(min(pause, until - now))
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                if until is not None:
                    tell('The storage of the cluster answers again.')
                return answer


def limit_of_environment():
    try:
        return float(os.environ['ERRAND_STORAGE_PATIENCE'])
    except (KeyError, ValueError):
        return LIMIT


def first_line(error):
    """Of an error of Java the text behind py4j's own words."""
    java = getattr(error, 'java_exception', None)
    return (str(error if java is None else java.toString()).splitlines() or [''])[0]


def tell(message):
    sys.stderr.write('errand: %s\n' % message)
    sys.stderr.flush()
