"""Folders as scripts leave them: gone, closed to their owner, deeper than any path."""
import os

from errand_agent.paths import nonce

# Bytes. With one more name it is still a path for every system; macOS takes 1024.
LONG_PATH = 700


def list_folder(path):
    try:
        return os.listdir(path)
    except OSError:
        return []


def remove_folder(path):
    """Deletes a folder whatever modes its content has and however deep it is; nothing when it is gone. What can't be deleted stays."""
    root = os.fsencode(path)
    if os.path.islink(root) or not os.path.isdir(root):
        return unlocked(os.unlink, root)
    pending, emptied = [root], []
    while pending:
        folder = pending.pop()
        emptied.append(folder)
        for entry in unlocked(lambda place: list(os.scandir(place)), folder) or ():
            if not entry.is_dir(follow_symlinks=False):
                unlocked(os.unlink, entry.path)
            elif len(entry.path) < LONG_PATH:
                pending.append(entry.path)
            else:
                # Up to where its path is short: what lies below could have none otherwise.
                short = root + b'/.' + nonce().encode('ascii')
                unlocked(lambda place: os.rename(place, short), entry.path)
                pending.append(short)
    for folder in reversed(emptied):
        unlocked(os.rmdir, folder)


def unlocked(action, path):
    """What the action answers, also where modes are in its way; None when it can't be done."""
    for last in (False, True):
        try:
            return action(path)
        except FileNotFoundError:
            return None
        except OSError:
            if last:
                return None
        for place in (os.path.dirname(path), path):
            try:
                if not os.path.islink(place):
                    os.chmod(place, 0o700)
            except OSError:
                pass
