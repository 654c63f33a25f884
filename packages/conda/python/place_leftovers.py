"""What a place keeps of environments: the environments, the tools that made them, and the files that they were made of."""
import os
import pwd
import shutil

import place_lock
import place_processes
from place_environments import read_json, remove_file, size, timestamp


def list_all(request):
    root = os.path.join(request['home'], 'environments')
    busy = place_processes.programs()
    return [describe(os.path.join(root, name), name, busy) for name in names_in(root) if is_environment(root, name)]


def leftovers(request):
    """[{id, kind, bytes, lastUsed, inUse, owner}], as in the contract's `Leftover`."""
    home, busy = request['home'], place_processes.programs()
    found = []
    making = False
    for item in list_all(request):
        making = making or item['beingMade']
        found.append(entry('environment:' + item['key'], 'environment', item['bytes'], item['lastUsed'], item['inUse']))
    tools = os.path.join(home, 'tools')
    for name in names_in(tools):
        folder = os.path.join(tools, name)
        if os.path.isdir(folder):
            found.append(entry('tool:' + name, 'cache', size(folder), modified(folder), in_use(folder, busy)))
    files = os.path.join(home, 'environments', 'files')
    if os.path.isdir(files):
        found.append(entry('files:environments', 'cache', size(files), modified(files), making))
    return found


def entry(identifier, kind, count, used, busy):
    return {'id': identifier, 'kind': kind, 'bytes': count, 'lastUsed': used, 'inUse': busy, 'owner': user_name()}


def user_name():
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def modified(path):
    return timestamp(os.stat(path).st_mtime)


def names_in(folder):
    return sorted(os.listdir(folder)) if os.path.isdir(folder) else []


def in_use(folder, busy):
    return is_held(folder + '.lock') or any(program.startswith(folder + os.sep) for program in busy)


def is_environment(root, name):
    return name not in ('files', 'latest') and os.path.isdir(os.path.join(root, name))


def describe(folder, name, busy):
    marker = read_json(os.path.join(folder, 'complete.json'))
    used = [os.stat(path).st_mtime for path in (os.path.join(folder, 'used'), folder) if os.path.exists(path)][0]
    being_made = is_held(folder + '.lock')
    answer = {
        'key': name, 'complete': marker is not None, 'bytes': size(folder) if marker is None else marker['bytes'],
        'lastUsed': timestamp(used), 'beingMade': being_made,
        'inUse': being_made or any(program.startswith(folder + os.sep) for program in busy)}
    if marker is not None:
        answer.update({'provider': marker['provider'], 'project': marker.get('project')})
    return answer


def is_held(path):
    if not os.path.exists(path):
        return False
    lock = place_lock.try_acquire(path)
    if lock is None:
        return True
    os.close(lock)
    return False


def remove(request):
    """By `key` an environment, by `tool` a tool, else the files. False when it is being made at this moment."""
    home = request['home']
    if 'tool' in request:
        return remove_folder(os.path.join(home, 'tools', request['tool']))
    if 'key' in request:
        return remove_folder(os.path.join(home, 'environments', request['key']))
    # Their `inUse` says when something is made of them; the next environment that needs one asks for it again.
    shutil.rmtree(os.path.join(home, 'environments', 'files'), ignore_errors=True)
    return True


def remove_folder(folder):
    if not os.path.isdir(folder):
        return True
    lock = place_lock.try_acquire(folder + '.lock')
    if lock is None:
        return False
    try:
        # The marker first: what is half removed is never taken for whole.
        for marker in ('complete.json', 'complete'):
            remove_file(os.path.join(folder, marker))
        shutil.rmtree(folder)
        remove_file(folder + '.lock')
    finally:
        os.close(lock)
    return True
