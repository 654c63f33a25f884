"""What a place has: its platform, conda tools, uv and Pythons. Versions are remembered by file, size and time of change."""
import glob
import io
import json
import os
import re
import sys

import place_packages

# Platform names of conda.
PLATFORMS = {
    ('Linux', 'x86_64'): 'linux-64', ('Linux', 'aarch64'): 'linux-aarch64', ('Linux', 'arm64'): 'linux-aarch64',
    ('Linux', 'ppc64le'): 'linux-ppc64le', ('Linux', 's390x'): 'linux-s390x', ('Darwin', 'x86_64'): 'osx-64', ('Darwin', 'arm64'): 'osx-arm64'}


def probe(request):
    memory = Memory(os.path.join(request['home'], 'environments', 'programs.json'))
    system = os.uname()
    answer = {
        'platform': PLATFORMS.get((system.sysname, system.machine), '%s-%s' % (system.sysname.lower(), system.machine)),
        'hostname': system.nodename,
        'python': {'path': os.path.realpath(sys.executable), 'version': '%d.%d.%d' % sys.version_info[:3]},
        'programs': {},
        'pythons': pythons(memory),
    }
    for name, candidates in sorted(candidates_of(request).items()):
        found = first_working(name, candidates, memory)
        if found is not None:
            answer['programs'][name] = found
    if request['remember']:
        memory.save()
    return answer


def candidates_of(request):
    """Setting → PATH → the variable of its own → our cache. A setting stands alone: when it does not work that is an error."""
    named = request['named']
    found = {}
    for name, variable in (('micromamba', 'MAMBA_EXE'), ('mamba', 'MAMBA_EXE'), ('conda', 'CONDA_EXE'), ('uv', 'UV')):
        exported = os.environ.get(variable, '')
        own = glob.glob(os.path.join(request['home'], 'tools', name + '-*', 'bin', name)) if name == 'micromamba' else []
        found[name] = [os.path.expanduser(named[name])] if named.get(name) else (
            on_path(name) + ([exported] if os.path.basename(exported) == name else []) + sorted(own, reverse=True))
    return found


def on_path(name):
    folders = os.environ.get('PATH', os.defpath).split(os.pathsep)
    paths = [os.path.join(folder, name) for folder in folders if folder]
    return [path for path in paths if os.access(path, os.X_OK) and os.path.isfile(path)][:1]


def first_working(name, candidates, memory):
    for path in candidates:
        full = path if os.sep in path else (on_path(path) or [path])[0]
        version = memory.version(full, lambda: program_version(full))
        if version is not None:
            return {'path': full, 'version': version}
    return None


def program_version(path):
    import subprocess
    try:
        output = subprocess.check_output([path, '--version'], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError):
        return None
    match = re.search(r'\d+(?:\.\d+)+', output.decode('utf-8', 'replace'))
    return match.group(0) if match else None


def pythons(memory):
    """Every Python 3 of the place, once each, best version first."""
    folders = [folder for folder in os.environ.get('PATH', os.defpath).split(os.pathsep) if folder and not folder.endswith('/shims')]
    candidates = [sys.executable]
    for folder in folders + ['/usr/local/bin', '/usr/bin']:
        candidates += sorted(glob.glob(os.path.join(glob.escape(folder), 'python3*')))
    root = os.environ.get('PYENV_ROOT') or os.path.expanduser('~/.pyenv')
    candidates += glob.glob(os.path.join(glob.escape(root), 'versions', '*', 'bin', 'python3'))
    candidates += glob.glob(os.path.expanduser('~/.local/share/uv/python/*/bin/python3'))
    found = {}
    for path in candidates:
        real = os.path.realpath(path)
        if real in found or not re.search(r'/python3?(\.\d+)?$', path) or not os.access(real, os.X_OK):
            continue
        version = memory.version(real, lambda: place_packages.python_version(real))
        if version is not None and version.startswith('3.'):
            found[real] = version
    items = [{'path': path, 'version': version} for path, version in found.items()]
    return sorted(items, key=lambda item: ([-int(part) for part in item['version'].split('.')], item['path']))


class Memory:
    def __init__(self, path):
        self.path = path
        self.changed = False
        try:
            with io.open(path, encoding='utf-8') as file:
                self.known = json.load(file)
        except (OSError, ValueError):
            self.known = {}

    def version(self, path, ask):
        """`ask()` unless the file is the one that was asked before. What did not work is asked again."""
        try:
            found = os.stat(path)
        except OSError:
            return None
        mark = '%d %d %d' % (found.st_ino, found.st_size, found.st_mtime_ns)
        known = self.known.get(path)
        if isinstance(known, list) and known[0] == mark:
            return known[1]
        version = ask()
        if version is not None:
            self.known[path] = [mark, version]
            self.changed = True
        return version

    def save(self):
        if not self.changed:
            return
        temporary = '%s.%d' % (self.path, os.getpid())
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        with io.open(temporary, 'w', encoding='utf-8') as file:
            file.write(json.dumps(self.known, sort_keys=True))
        os.rename(temporary, self.path)
