"""Brings the log and the metrics of a run from the driver's folder to the cluster's storage, in segments that are named by their offset.

A segment appears whole and never changes: a reader asks for the one that begins where it stands. Object stores know no appending.
"""
import json
import os
import time

from errand_agent import follow, status
from errand_agent.log_record import START

TICK = 0.05
# Seconds between two segments: short at first, longer with each, so that a run of days leaves thousands of them and not millions.
FIRST_PAUSE, LATER_PAUSE, LONGEST_PAUSE = 0.2, 0.02, 5.0
LONGEST_SEGMENT = 4 << 20
# Seconds between two signs of life, for whoever looks after Livy has forgotten the run.
ALIVE_EVERY = 10.0


class Mirror:
    """What of one run is in the storage already."""

    def __init__(self, storage, folder):
        self.storage, self.folder = storage, folder
        self.log, self.metrics = START, 0
        self.segments, self.next_at, self.alive_at = 0, 0.0, 0.0
        self.state = None

    def step(self):
        self.bring_status()
        self.give_sign()
        if time.monotonic() < self.next_at:
            return
        # Metrics first: who has read the end of the log has all of them.
        if self.bring_metrics() + self.bring_log():
            self.segments += 1
            self.next_at = time.monotonic() + min(FIRST_PAUSE + LATER_PAUSE * self.segments, LONGEST_PAUSE)

    def finish(self):
        while self.bring_metrics() + self.bring_log():
            pass

    def bring_status(self):
        found = status.load(os.path.join(self.folder, 'status.json'))
        if found is None or self.state is not None or found.get('state') == 'queued':
            return
        self.state = found['state']
        if 'startedAt' in found:
            kept = {key: value for key, value in found.items() if key in ('queuedAt', 'startedAt')}
            self.storage.put('started.json', json.dumps(dict(kept, state='running')).encode('ascii'))

    def give_sign(self):
        if time.monotonic() >= self.alive_at:
            self.alive_at = time.monotonic() + ALIVE_EVERY
            self.storage.create('alive', b'', True)

    def bring_log(self):
        data, _ = follow.read_log(os.path.join(self.folder, 'log'), self.log, LONGEST_SEGMENT)
        return self.bring('log', data)

    def bring_metrics(self):
        data, _ = follow.read_lines(os.path.join(self.folder, 'metrics.ndjson'), self.metrics, LONGEST_SEGMENT)
        return self.bring('metrics', data)

    def bring(self, kind, data):
        """Bytes brought."""
        if data:
            offset = getattr(self, kind)
            name = '%s/%016d' % (kind, offset)
            # One that is there is of an attempt whose answer was lost. It may be shorter: more was written since.
            brought = len(data) if self.storage.put(name, data) else self.storage.length(name)
            setattr(self, kind, offset + brought)
        return len(data)
