"""Takes the credentials of a build out of what it has written; runs as the end of each step that had them, so that no layer has them.
conda's tools keep the addresses of what they install, and what comes next would keep them too. The argument is a file as old as the step."""
import contextlib
import mmap
import os
import stat
import sys

try:
    from urllib.parse import unquote
except ImportError:
    from urllib import unquote


def replacements():
    """What is written of an address, and what it becomes. Tools write a name or password as it was given, or decoded."""
    found = {}
    for name, value in os.environ.items():
        for text in (value, unquote(value)):
            if name.startswith('ERRAND_CREDENTIAL_'):
                found[('://%s@' % text).encode('utf-8')] = b'://'
            elif name.startswith('ERRAND_TOKEN_'):
                found[('/t/%s/' % text).encode('utf-8')] = b'/'
    return found


def clean(path, texts):
    with open(path, 'rb') as file:
        with contextlib.closing(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)) as content:
            if all(content.find(text) == -1 for text in texts):
                return
        changed = file.read()
    for text, other in texts.items():
        changed = changed.replace(text, other)
    with open(path, 'wb') as file:
        file.write(changed)


def written_since(moment):
    """Files of the image alone: what is mounted is none of it. A file that came out of an archive has an old date, but was changed now."""
    for folder, names, files in os.walk('/'):
        names[:] = [name for name in names if not os.path.ismount(os.path.join(folder, name))]
        for name in files:
            path = os.path.join(folder, name)
            try:
                status = os.lstat(path)
            except OSError:
                continue
            if stat.S_ISREG(status.st_mode) and status.st_size > 0 and status.st_ctime >= moment and not os.path.ismount(path):
                yield path


def main():
    texts = replacements()
    for path in written_since(os.lstat(sys.argv[1]).st_mtime):
        clean(path, texts)


main()
