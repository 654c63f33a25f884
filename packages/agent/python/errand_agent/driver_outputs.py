"""What a run writes on the driver's disk, brought to the cluster's storage: outputs while the script runs, all of it after its end.

In the storage: `files/<n>`, `kept/<n>.json` (the list of what is there by now; the highest holds), and at the end `files.json`; where that
takes a while, `bringing.json` says how far it is.
"""
import hashlib
import json
import os
import sys
import threading
import time
import traceback

from errand_agent import collect, driver_files
from errand_agent.paths import encoded

# Seconds between two looks. One that takes long is followed by a pause that is this many times as long: a run gives it a tenth of the network at most.
LOOK_EVERY, PAUSE_FACTOR = 5.0, 10.0
# Seconds without a change after which the next one shows in the times of a file.
SETTLED = 2.0
# Bytes from which on whoever waits is told how much is to be brought at the end, and seconds between two words of that.
MUCH, TELL_EVERY = 32 << 20, 2.0


class Outputs:
    """What the storage has of the files of one run."""

    def __init__(self, storage, folder, run, include):
        self.storage, self.folder, self.run, self.include = storage, folder, run, include
        # {path: (signature, digest, entry of the list)} of what is in the storage; without a signature what may have changed since.
        self.kept, self.waiting = {}, set()
        self.places, self.lists = 0, 0
        self.ended = threading.Event()
        self.thread = None

    def start(self):
        """Looks now and then, beside the log: a driver that is killed takes with it what is newer than the last look."""
        if self.include:
            self.thread = threading.Thread(target=self.look_until_ended)
            # What breaks the driver must not wait for a storage that is gone.
            self.thread.daemon = True
            self.thread.start()

    def look_until_ended(self):
        pause = LOOK_EVERY
        try:
            while not self.ended.wait(pause):
                began = time.monotonic()
                self.look()
                pause = max(LOOK_EVERY, PAUSE_FACTOR * (time.monotonic() - began))
        except Exception:
            # The storage refuses, for want of space for example: the end of the run tells of that, when it lasts.
            sys.stderr.write('errand: outputs are brought after the end of the script alone.\n')
            traceback.print_exc()

    def look(self):
        """Brings what has changed, then the list, and removes what that replaces."""
        listing, before = self.listing(self.include), self.kept
        self.kept = dict(self.brought(listing['files'], before))
        if self.entries(before) == self.entries(self.kept):
            return
        self.lists += 1
        self.put_list('kept/%d.json' % self.lists, listing, self.entries(self.kept))
        self.storage.delete('kept/%d.json' % (self.lists - 1))
        needed = set(entry['place'] for _, _, entry in self.kept.values())
        for _, _, entry in before.values():
            if entry['place'] not in needed:
                self.storage.delete(entry['place'])

    def finish(self, known):
        """After the end of the script: brings the rest, of Spark's files only the list. `known`: what Spark has found there."""
        self.ended.set()
        if self.thread is not None:
            self.thread.join()
        listing = self.listing(['**'])
        telling = Telling(self.storage, sum(file['size'] for file in listing['files']))
        files = self.entries(dict(self.brought(listing['files'], self.kept, telling)))
        files += driver_files.written_by_spark(self.storage, ['**'], known, set(file['path'] for file in files))
        self.put_list('files.json', listing, files)

    def listing(self, include):
        return collect.call_collect(None, {'run': self.run, 'include': include}, None)

    def entries(self, kept):
        return [kept[path][-1] for path in sorted(kept)]

    def put_list(self, name, listing, files):
        self.storage.put(name, json.dumps(dict(listing, files=files)).encode('ascii'))

    def brought(self, files, before, telling=None):
        """Yields what is in the storage then. A file that was changed just now waits for one look, which is most often the last change.

        `telling`: for the last time, and who is told of it.
        """
        is_last, waited, self.waiting = telling is not None, self.waiting, set()
        for file in files:
            path = file['path']
            signature, settled = self.signature(path)
            kept = before.get(path)
            if kept is not None and kept[0] is not None and kept[0] == signature and not (is_last and kept[1] != self.digest(path)):
                yield path, kept
            elif is_last or settled or path in waited:
                # Before it is brought: what is written meanwhile makes another one at the end.
                digest = None if is_last else self.digest(path)
                place = self.bring(path, telling)
                if place is not None:
                    size = file['size'] if is_last else self.storage.length(place)
                    yield path, (signature if settled else None, digest, dict(file, size=size, place=place))
            else:
                self.waiting.add(path)
                if kept is not None:
                    yield path, kept
            if is_last:
                telling.add(file['size'])

    def signature(self, path):
        """Nobody can set the time of an inode's change, but it is too coarse for two changes at once."""
        try:
            found = os.lstat(self.source(path))
        except OSError:
            return None, False
        return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns), time.time() - found.st_ctime > SETTLED

    def digest(self, path):
        """Of the content: what is written through a mapping into memory does not show in the times. None for a file that is gone."""
        found = hashlib.sha256()
        try:
            with open(self.source(path), 'rb') as file:
                for piece in iter(lambda: file.read(1 << 20), b''):
                    found.update(piece)
        except OSError:
            return None
        return found.digest()

    def source(self, path):
        return os.path.join(os.fsencode(self.folder), b'work', encoded(path))

    def bring(self, path, telling=None):
        """Through a link with a name of ours: Hadoop takes names as text, and not all of them → the place; None for a file that is gone."""
        self.places += 1
        link, place = os.path.join(self.folder, 'being-kept'), 'files/%d' % self.places
        os.symlink(self.source(path), os.fsencode(link))
        try:
            if telling is None or os.path.getsize(link) <= MUCH:
                self.storage.upload(link, place)
            else:
                self.storage.upload_in_pieces(link, place, telling.tell_now_and_then)
        except Exception:
            if os.path.lexists(self.source(path)):
                raise
            return None
        finally:
            os.unlink(link)
        return place


class Telling:
    """Says in the storage how far what takes long is: `total` and `done` are bytes."""

    def __init__(self, storage, total):
        self.storage, self.total, self.done = storage, total, 0
        self.told = time.monotonic()
        if total > MUCH:
            self.tell(0)

    def add(self, size):
        self.done += size
        self.tell_now_and_then(0)

    def tell_now_and_then(self, of_file):
        """`of_file`: bytes of the file that is being brought."""
        if time.monotonic() - self.told > TELL_EVERY:
            self.tell(self.done + of_file)

    def tell(self, done):
        self.storage.create('bringing.json', json.dumps({'done': done, 'total': self.total}).encode('ascii'), True)
        self.told = time.monotonic()
