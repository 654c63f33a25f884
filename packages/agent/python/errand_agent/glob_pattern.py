"""Globs over relative paths: `*` and `?` inside a name, `**` across folders; dot files match like others."""
import re


def compiled(globs):
    """A function that says whether a path (bytes, forward slashes) matches any of the globs."""
    pattern = re.compile(b'(?:' + b'|'.join(translate(glob) for glob in globs) + b')\\Z', re.DOTALL)
    return pattern.match


def translate(glob):
    """`glob`: bytes."""
    glob = glob[2:] if glob.startswith(b'./') else glob
    result, position = b'', 0
    while position < len(glob):
        if glob.startswith(b'**/', position):
            result, position = result + b'(?:[^/]+/)*', position + 3
        elif glob.startswith(b'**', position):
            result, position = result + b'.*', position + 2
        elif glob[position:position + 1] == b'*':
            result, position = result + b'[^/]*', position + 1
        elif glob[position:position + 1] == b'?':
            result, position = result + b'[^/]', position + 1
        else:
            result, position = result + re.escape(glob[position:position + 1]), position + 1
    return result


def fixed_folder(glob):
    """The folder that all matches are in: what stands before the first name with a wildcard."""
    parts = (glob[2:] if glob.startswith(b'./') else glob).split(b'/')
    fixed = []
    for part in parts[:-1]:
        if b'*' in part or b'?' in part:
            break
        fixed.append(part)
    return b'/'.join(fixed)
