"""Takes the credentials of a build out of what it has written; runs as the end of each step that had them, so that no layer has them.
conda's tools keep the addresses of what they install, and what comes next would keep them too. The argument is a file as old as the step; the input
has a line for each credential, with its name."""
import contextlib
import mmap
import os
import re
import stat
import sys

try:
    from urllib.parse import unquote_to_bytes
except ImportError:
    from urllib import unquote as unquote_to_bytes


def replacements():
    """→ [(pattern, what it becomes)]. Each pattern begins with plain characters, which are found quickly."""
    found = []
    for line in getattr(sys.stdin, 'buffer', sys.stdin):
        name, _, value = line.rstrip(b'\n').partition(b'=')
        if name.startswith(b'ERRAND_CREDENTIAL_'):
            found += [(re.compile(pattern), b'://') for pattern in userinfo_patterns(value)]
        elif name.startswith(b'ERRAND_TOKEN_'):
            found.append((re.compile(b'/t/' + written(value) + b'/'), b'/'))
        elif name.startswith(b'ERRAND_QUERY_'):
            found += [(re.compile(sign + written(value)), b'') for sign in (b'\\?', b'&')]
    return found


def userinfo_patterns(value):
    """A tool leaves out an empty password or hides one, and then shows a name that may be the secret. A name for SSH is none."""
    name, colon, password = value.partition(b':')
    if not colon:
        return [b'://(?:[^/\\s@:"\']*:)?' + written(name) + b'(?::\\**)?@']
    return [b'://' + written(name) + b':' + written(password) + b'@', b'://(?<!ssh://)' + written(name) + b'(?::\\**)?@']


def written(text):
    """A pattern of the text in an address: tools write each character as it was given, decoded or encoded."""
    return b''.join(written_byte(byte) for byte in bytearray(unquote_to_bytes(text)))


def written_byte(byte):
    code = '%%%02x' % byte
    return b'(?:' + b'|'.join([re.escape(bytes(bytearray([byte]))), code.encode('ascii'), code.upper().encode('ascii')]) + b')'


def clean(path, texts):
    with open(path, 'rb') as file:
        with contextlib.closing(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)) as content:
            if all(pattern.search(content) is None for pattern, _ in texts):
                return
        changed = file.read()
    for pattern, other in texts:
        changed = pattern.sub(other, changed)
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


if __name__ == '__main__':
    main()
