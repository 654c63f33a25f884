"""Writes a conda environment to standard output as a tar archive, packed by gzip, that works wherever it is unpacked: `PREFIX`.

Links into the environment become relative, commands find their Python on the PATH. `conda-meta` stays behind: it serves conda alone, and addresses
in it may hold credentials. Other files that name the folder they were made in, as some packages' settings do, are taken as they are.
"""
import gzip
import io
import os
import re
import stat
import sys
import tarfile

LEFT_OUT = ('conda-meta',)


def main(prefix, output):
    prefix = prefix.rstrip('/')
    packed = gzip.GzipFile(filename='', mode='wb', compresslevel=5, fileobj=output, mtime=0)
    archive = tarfile.open(fileobj=packed, mode='w|', format=tarfile.GNU_FORMAT)
    for folder, names, files in os.walk(prefix):
        if folder == prefix:
            names[:] = [name for name in names if name not in LEFT_OUT]
        names.sort()
        for name in sorted(names + files):
            add(archive, os.path.join(folder, name), prefix)
    archive.close()
    packed.close()


def add(archive, path, prefix):
    entry = archive.gettarinfo(path, os.path.relpath(path, prefix))
    if entry is None:
        # A socket: nothing that could be somewhere else.
        return
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ''
    # Whoever the script runs as has to read it.
    entry.mode |= stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH | (0o111 if entry.isdir() or entry.mode & 0o100 else 0)
    if entry.issym():
        entry.linkname = relative_link(entry.linkname, path, prefix)
    if not entry.isreg():
        archive.addfile(entry)
        return
    with io.open(path, 'rb') as file:
        start = file.read(2)
        if start == b'#!' and os.path.dirname(path) == os.path.join(prefix, 'bin'):
            content = moved(start + file.read(), os.fsencode(prefix))
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        else:
            file.seek(0)
            archive.addfile(entry, file)


def relative_link(target, path, prefix):
    if target.startswith(prefix + '/'):
        return os.path.relpath(target, os.path.dirname(path))
    if os.path.basename(path).startswith('python') and os.path.basename(os.path.dirname(path)) == 'bin' and target.startswith('/'):
        raise OSError('%s is %s, a Python outside of the environment, which stays where it is' % (path, target))
    return target


def moved(content, prefix):
    """A command: its Python is looked for on the PATH. The second form is that of conda and pip for long paths."""
    first = re.compile(b'^#![ \t]*"?' + re.escape(prefix) + b'/bin/([^\\s"]+)"?[ \t]*(.*)')
    plain = first.sub(lambda found: b'#!/usr/bin/env ' + found.group(1), content, count=1)
    if plain != content:
        return plain
    long = re.compile(b"^(#!/bin/sh\n'''exec' )(\"?)" + re.escape(prefix) + b'/bin/([^\\s"]+)\\2')
    return long.sub(lambda found: found.group(1) + b'/usr/bin/env ' + found.group(3), content, count=1)


if __name__ == '__main__':
    try:
        main(sys.argv[1], sys.stdout.buffer)
    except OSError as error:
        sys.stderr.write('%s\n' % error)
        sys.stderr.flush()
        # What is half packed is not to be completed by the end of the interpreter.
        os._exit(1)
