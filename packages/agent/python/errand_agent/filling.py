"""Copies a project to where it will run while its contents are still on their way: in moments in which nothing else is to be done."""
import os

from errand_agent import trees, work_tree
from errand_agent.objects import remove_damaged
from errand_agent.paths import below


class Filling:
    """A staged folder to which contents are copied as they arrive. `key` tells for which run of which project and snapshot it is."""

    def __init__(self, name, key, content, missing):
        self.name = name
        self.key = key
        self.content = content
        self.work = os.fsencode(below('staging', name, 'work'))
        # Directories, once the folder is made. Whatever is missing of it later was taken away.
        self.existing = None
        self.written = {}
        self.copier = work_tree.Copier()
        self.files = {}
        for entry in content.files:
            self.files.setdefault(entry[1], []).append(entry)
        absent = set(digest[-64:] for digest in missing)
        self.ready = [digest_hex for digest_hex in self.files if digest_hex not in absent]

    def arrived(self, digest_hex):
        if digest_hex in self.files:
            self.ready.append(digest_hex)

    def step(self):
        """Copies one content to all places that it has. What can't be copied is left to the staging, which says why."""
        if self.existing is None:
            os.mkdir(self.work)
            work_tree.make_directories(self.work, self.content.directories, set())
            self.existing = self.content.directories
        for path, digest_hex, executable, size in self.files.pop(self.ready.pop(), ()):
            values = self.copier.copy(digest_hex, self.work + b'/' + path, executable, size)
            if values is None:
                remove_damaged(self.work + b'/' + path)
            else:
                self.written[path] = values


def advance(server):
    """A moment of copying. What goes wrong costs what was copied ahead, and nothing else."""
    try:
        server.filling.step()
    except OSError:
        drop(server)


def drop(server):
    filling, server.filling = server.filling, None
    if filling is not None:
        server.staged.discard(filling.name)
        trees.give_back(filling.name)
