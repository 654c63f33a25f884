"""Runs pip. To build a package pip starts itself anew with the addresses of its indexes as arguments, which every user of the machine can read: when
these hold credentials they stand in a file beside this one, `indexes.txt`, instead."""
import io
import os
import runpy
import subprocess
import sys

try:
    from shlex import quote
except ImportError:
    from pipes import quote

HERE = os.path.abspath(__file__)
INDEXES = os.path.join(os.path.dirname(HERE), 'indexes.txt')
OPTIONS = ('-i', '--index-url', '--extra-index-url', '-f', '--find-links')


class Popen(subprocess.Popen):
    def __init__(self, args, *rest, **named):
        subprocess_popen.__init__(self, quiet(args), *rest, **named)


def quiet(args):
    """The arguments of a pip, without addresses; others as they are. A proxy is in the variables that it inherits."""
    if not isinstance(args, (list, tuple)) or args[0] != sys.executable or 'install' not in args[2:4] or not is_pip(args[1:3]):
        return args
    words, kept, lines = list(args[args.index('install'):]), [], []
    while words:
        word = words.pop(0)
        if word == '--':
            kept += [word] + words
            break
        if word in OPTIONS and words:
            lines.append('%s %s\n' % (word, quote(words.pop(0))))
        elif word == '--proxy' and words:
            words.pop(0)
        else:
            kept.append(word)
    if not lines:
        return [sys.executable, HERE] + kept
    with io.open(os.open(INDEXES, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 'wb') as file:
        file.write(''.join(lines).encode('utf-8'))
    return [sys.executable, HERE, 'install', '-r', INDEXES] + kept[1:]


def is_pip(words):
    """pip calls itself by its module before 19.0, then by its place."""
    return list(words) == ['-m', 'pip'] or os.path.basename(words[0]) in ('pip', '__pip-runner__.py', os.path.basename(HERE))


subprocess_popen = subprocess.Popen
if __name__ == '__main__':
    subprocess.Popen = Popen
    runpy.run_module('pip', run_name='__main__', alter_sys=True)
