"""Copies a project to where it will run while its contents are still on their way."""
import os

from errand_agent import trees, work_tree
from errand_agent.manifest import signature
from errand_agent.objects import remove_damaged, write_all
from errand_agent.paths import below


class Filling:
    """The work folder of a staged run, to which contents are copied as they arrive. `key`: its run and project."""

    def __init__(self, name, key):
        self.name = name
        self.key = key
        # What the snapshot holds, once it is known; files may be offered before.
        self.digest = None
        self.content = None
        self.work = os.fsencode(below('staging', name, 'work'))
        os.mkdir(self.work)
        # Directories that were made. Whatever is missing of them later was taken away.
        self.existing = set()
        self.offered = {}
        self.waiting = {}
        self.ready = []
        self.written = {}
        self.copier = work_tree.Copier()

    def offer(self, files, missing):
        """Files as in a content of a snapshot; those whose digest is not among the missing ones can be copied now."""
        for entry in files:
            path, digest_hex = entry[0], entry[1]
            if path in self.offered:
                continue
            self.offered[path] = entry
            self.waiting.setdefault(digest_hex, []).append(entry)
            if digest_hex not in missing:
                self.ready.append(digest_hex)

    def holds_only(self, content):
        """Whether all that was offered belongs to the snapshot, as it was offered, and no folder was made for what does not."""
        return self.existing <= content.directories and set(self.offered.values()) <= set(content.files)

    def arrived(self, digest_hex, data):
        """`data` of a short content: it need not be read back."""
        if data is None:
            if digest_hex in self.waiting:
                self.ready.append(digest_hex)
            return
        for path, _, executable, _ in self.taken(digest_hex):
            descriptor = self.create(path, executable)
            try:
                write_all(descriptor, data)
                self.written[path] = signature(os.fstat(descriptor))
            finally:
                os.close(descriptor)

    def taken(self, digest_hex):
        """What waits for that content and was not copied meanwhile by the staging itself."""
        return [entry for entry in self.waiting.pop(digest_hex, ()) if entry[0] not in self.written]

    def create(self, path, executable):
        self.make_parents(path)
        return work_tree.create(self.work + b'/' + path, executable)

    def make_parents(self, path):
        parent = path[:max(0, path.rfind(b'/'))]
        if parent and parent not in self.existing:
            self.make_parents(parent)
            os.mkdir(self.work + b'/' + parent)
            self.existing.add(parent)

    def step(self):
        """Copies one content to all places that it has. What can't be copied is left to the staging, which says why."""
        for path, digest_hex, executable, size in self.taken(self.ready.pop()):
            self.make_parents(path)
            values = self.copier.copy(digest_hex, self.work + b'/' + path, executable, size)
            if values is None:
                remove_damaged(self.work + b'/' + path)
            else:
                self.written[path] = values


def arrived(server, digest_hex, data):
    attempt(server, lambda filling: filling.arrived(digest_hex, data))


def advance(server):
    attempt(server, lambda filling: filling.step())


def attempt(server, work):
    """What goes wrong costs what was copied ahead, and nothing else."""
    if server.filling is not None:
        try:
            work(server.filling)
        except OSError:
            drop(server)


def drop(server):
    filling, server.filling = server.filling, None
    if filling is not None:
        server.staged.discard(filling.name)
        trees.give_back(filling.name)
