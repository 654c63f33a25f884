"""Contents of a project on this machine, taken in without a way through the client: linked where nobody may write into them, else copied."""
import json
import os

from errand_agent.errors import CallError, bad_request
from errand_agent.incoming import Long
from errand_agent.objects import CHUNK, has, is_untouched, remove_damaged
from errand_agent.paths import checked_digest, make_folder, object_path


def call_adopt(server, params, body):
    """{directory} and [{digest, size}] as the body: takes objects of a store on this machine into this one → {linked: how many by a hard link}."""
    directory = params.get('directory')
    if not isinstance(directory, str) or not os.path.isabs(directory) or '\0' in directory:
        raise bad_request('The folder %r is not absolute.' % (directory,))
    linked = 0
    objects = json.loads(body.decode('utf-8')) if body else []
    if not isinstance(objects, list) or not all(isinstance(wanted, dict) for wanted in objects):
        raise bad_request('adopt needs a list of objects.')
    for wanted in objects:
        digest = checked_digest(wanted.get('digest'))
        source = os.path.join(os.fsencode(directory), digest[:2].encode('ascii'), digest.encode('ascii'))
        linked += adopt(source, digest, wanted.get('size'))
    return {'linked': linked}


def adopt(source, digest, size):
    if has(digest, size):
        return False
    status = os.stat(source)
    if size is not None and status.st_size != size:
        path = os.fsdecode(source)
        raise CallError(
            'OBJECT_CORRUPT', 'The kept copy of a file of the project, %s, has %d bytes, not %s.' % (path, status.st_size, size),
            'Something else wrote into it. Delete it, and submit again.')
    make_folder(os.path.dirname(object_path(digest)))
    if status.st_mode & 0o222 == 0 and is_untouched(status):
        try:
            return link_in(source, digest, size)
        except OSError:
            pass
    copy_in(source, digest)
    return False


def link_in(source, digest, size):
    """False when another has stored it meanwhile."""
    target = object_path(digest)
    try:
        os.link(source, os.fsencode(target))
    except FileExistsError:
        if has(digest, size):
            return False
        remove_damaged(target)
        os.link(source, os.fsencode(target))
    return True


def copy_in(source, digest):
    receiver = Long(digest)
    try:
        with open(source, 'rb') as file:
            for chunk in iter(lambda: file.read(CHUNK), b''):
                receiver.write(chunk)
        receiver.finish()
    finally:
        receiver.abandon()
