"""The head start of a large project: its files are offered while the client still reads others, and what is lacking here is sent at once.

All of it only saves time: what `stage` is told of the snapshot decides what the run gets.
"""
import json
import os

from errand_agent import filling, trees
from errand_agent.errors import bad_request
from errand_agent.folders import list_folder
from errand_agent.incoming import SHORT, Long
from errand_agent.manifest import signature
from errand_agent.objects import has, write_all
from errand_agent.paths import below, checked_digest, checked_entry_path, checked_run, encoded, make_folder, nonce


def call_begin(server, params, body):
    """{run, projectId} → {}: files that are offered from now on belong to that run."""
    run, project_id = checked_run(params.get('run')), params.get('projectId')
    if not isinstance(project_id, str):
        raise bad_request('begin needs a projectId.')
    server.abandon_growing()
    filling.drop(server)
    # With a tree of an earlier run there is little to copy, and it can be taken only once the snapshot is known.
    if not trees.candidates(project_id, ''):
        name = '%s.%s' % (run, nonce())
        make_folder(below('staging', name))
        server.staged.add(name)
        server.filling = filling.Filling(name, (run, project_id))
    return {}


def call_offer(server, params, body):
    """[[path, digest, size, executable]] as the body → {missing}: digests that are not stored here."""
    try:
        files = [offered(*values) for values in json.loads(body.decode('utf-8', 'surrogateescape'))]
    except (TypeError, ValueError):
        raise bad_request('The files of an offer are a list of paths with digest, size and executable.')
    missing = set(digest_hex for digest_hex, size in set((entry[1], entry[3]) for entry in files) if not has(digest_hex, size))
    if server.filling is not None:
        server.filling.offer(files, missing)
    return {'missing': ['sha256:' + digest_hex for digest_hex in missing]}


def offered(path, digest, size, executable):
    return (encoded(checked_entry_path(path)), checked_digest(digest), executable is True, int(size))


def call_holds(server, params, body):
    """{size} → {holds}: whether any long content of that size is stored here: one whose digest is not known yet may be it."""
    size = params.get('size')
    return {'holds': not isinstance(size, int) or size <= SHORT or any(size == stored for stored in stored_sizes())}


def stored_sizes():
    for folder in list_folder(below('objects')):
        try:
            for entry in os.scandir(below('objects', folder)):
                yield entry.stat().st_size
        except OSError:
            pass


def body_of_append(server, header):
    path = encoded(checked_entry_path(header.get('path')))
    if path not in server.growing:
        server.growing[path] = Growing(server.filling, path, header.get('executable') is True)
    return Piece(server.growing[path])


def call_append(server, params, body):
    """{path, executable} and a piece of a long content as the body → {}; the work is done while the piece comes in."""
    return {}


def call_complete(server, params, body):
    """{path, digest} → {}: that was all of the content."""
    path, digest_hex = encoded(checked_entry_path(params.get('path'))), checked_digest(params.get('digest'))
    growing = server.growing.pop(path, None)
    if growing is None:
        raise bad_request('Nothing has come of %r.' % (params['path'],))
    growing.complete(server, digest_hex)
    return {}


class Growing:
    """A long content of which the client does not know the end yet, written to the objects and to the work folder."""

    def __init__(self, target, path, executable):
        self.filling = target
        self.path = path
        self.executable = executable
        self.size = 0
        self.content = Long()
        self.copy = None
        if target is not None and path not in target.offered:
            try:
                self.copy = target.create(path, executable)
            except OSError:
                pass

    def write(self, data):
        self.size += len(data)
        self.content.write(data)
        if self.copy is not None:
            try:
                write_all(self.copy, data)
            except OSError:
                self.drop_copy()

    def complete(self, server, digest_hex):
        try:
            self.content.digest = digest_hex
            self.content.finish()
            entry = (self.path, digest_hex, self.executable, self.size)
            if server.filling is None:
                return
            if self.copy is not None and self.filling is server.filling:
                self.filling.offered[self.path] = entry
                self.filling.written[self.path] = signature(os.fstat(self.copy))
                os.close(self.copy)
                self.copy = None
            else:
                server.filling.offer([entry], ())
        finally:
            self.abandon()

    def drop_copy(self):
        if self.copy is not None:
            os.close(self.copy)
            self.copy = None
            try:
                os.unlink(self.filling.work + b'/' + self.path)
            except OSError:
                pass

    def abandon(self):
        self.content.abandon()
        self.drop_copy()


class Piece:
    """One piece of a growing content. The content outlives it."""

    def __init__(self, growing):
        self.growing = growing

    def write(self, data):
        self.growing.write(data)

    def finish(self):
        error = self.growing.content.error
        if error is not None:
            # One of its own: the answer to one piece keeps what it was raised through.
            raise OSError(*error.args)

    def abandon(self):
        pass
