#!/usr/bin/env python3
"""Makes a small real conda channel for the tests: CHANNEL PREFIX... where a PREFIX is the folder of an installed Python (`/usr` works too).

It gets a `python` package of each, the pip and setuptools that the Pythons carry, and `greeter` 1.0 (Python 3.6 or newer) and 2.0 (Python 3.10
or newer) with a command, and `activator` 1.0 whose script is sourced where its environment is activated. The Pythons are shrunk copies; they use the libraries of this machine. Packages are .tar.bz2, which needs no tool.
"""
import bz2
import glob
import hashlib
import io
import json
import os
import platform
import re
import subprocess
import sys
import tarfile
import zipfile

SUBDIR = {'x86_64': 'linux-64', 'aarch64': 'linux-aarch64', 'arm64': 'linux-aarch64'}[platform.machine()]
LEFT_OUT = re.compile(
    r'(^|/)(test|tests|idlelib|tkinter|turtledemo|lib2to3|ensurepip|__pycache__|site-packages|dist-packages|config-[^/]*)(/|$)'
    r'|_tkinter|\.a$|\.pyc$|/EXTERNALLY-MANAGED$|/sitecustomize\.py$')
# Debian's own Python installs below `local` unless its schemes are those of everybody else.
DEBIAN = {'sysconfig.py': (b"'posix_local'", b"'posix_prefix'"), '_distutils_system_mod.py': (b'"posix_local"', b'"posix_prefix"')}
SITE = b"import site, sys\nif sys.prefix == sys.base_prefix:\n    site.addsitedir(sys.prefix + '/lib/python%d.%d/site-packages' % sys.version_info[:2])\n"


class Link(str):
    """Content of a file that is a symbolic link."""


class Channel:
    def __init__(self, folder):
        self.folder = folder
        self.records = {SUBDIR: {}, 'noarch': {}}

    def add(self, name, version, files, depends=(), entry_points=None):
        """`entry_points` makes it a package for every Python."""
        subdir = SUBDIR if entry_points is None else 'noarch'
        build = 'h0_0' if entry_points is None else 'pyh0_0'
        index = {'name': name, 'version': version, 'build': build, 'build_number': 0, 'depends': list(depends), 'subdir': subdir, 'timestamp': 1700000000000}
        info = {}
        if entry_points is not None:
            index['noarch'] = 'python'
            link = {'noarch': {'type': 'python', 'entry_points': list(entry_points)}, 'package_metadata_version': 1}
            info['info/link.json'] = json.dumps(link).encode()
        info['info/index.json'] = json.dumps(index).encode()
        info['info/files'] = ''.join(path + '\n' for path in sorted(files)).encode()
        info['info/paths.json'] = json.dumps({'paths': [path_entry(path, files[path]) for path in sorted(files)], 'paths_version': 1}).encode()
        blob = bz2.compress(archive(dict(info, **files)), 1)
        file_name = '%s-%s-%s.tar.bz2' % (name, version, build)
        with open(os.path.join(self.folder, subdir, file_name), 'wb') as file:
            file.write(blob)
        digests = {'md5': hashlib.md5(blob).hexdigest(), 'sha256': hashlib.sha256(blob).hexdigest()}
        self.records[subdir][file_name] = dict(index, size=len(blob), **digests)

    def write(self):
        for subdir, records in self.records.items():
            data = {'info': {'subdir': subdir}, 'packages': records, 'packages.conda': {}, 'removed': [], 'repodata_version': 1}
            with open(os.path.join(self.folder, subdir, 'repodata.json'), 'w') as file:
                json.dump(data, file, sort_keys=True)


def path_entry(path, content):
    data = b'' if isinstance(content, Link) else content
    kind = 'softlink' if isinstance(content, Link) else 'hardlink'
    return {'_path': path, 'path_type': kind, 'sha256': hashlib.sha256(data).hexdigest(), 'size_in_bytes': len(data)}


def archive(files):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode='w') as tar:
        for path, content in sorted(files.items(), key=lambda item: (not item[0].startswith('info/'), item[0])):
            entry = tarfile.TarInfo(path)
            entry.mtime = 1700000000
            if isinstance(content, Link):
                entry.type, entry.linkname = tarfile.SYMTYPE, str(content)
                tar.addfile(entry)
            else:
                entry.size, entry.mode = len(content), 0o755 if path.startswith('bin/') else 0o644
                tar.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


def read(path):
    with open(path, 'rb') as file:
        return file.read()


def python_files(prefix, series):
    files = {'bin/python%s' % series: read(os.path.realpath('%s/bin/python%s' % (prefix, series)))}
    for name in ('bin/python', 'bin/python3'):
        files[name] = Link('python%s' % series)
    for library in glob.glob('%s/lib/libpython%s*.so.1.0' % (prefix, series)):
        files['lib/' + os.path.basename(library)] = read(library)
    root = '%s/lib/python%s' % (prefix, series)
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            if not LEFT_OUT.search('/' + os.path.relpath(path, root)) and os.path.exists(path):
                files[os.path.relpath(path, prefix)] = patched(prefix, name, read(path))
    if prefix == '/usr':
        files['lib/python%s/sitecustomize.py' % series] = SITE
    files['lib/python%s/site-packages/README.txt' % series] = b'packages of this environment\n'
    return files


def patched(prefix, name, content):
    return content.replace(*DEBIAN[name]) if prefix == '/usr' and name in DEBIAN else content


def wheel_files(path):
    files, commands = {}, []
    with zipfile.ZipFile(path) as wheel:
        for name in wheel.namelist():
            if name.endswith('/'):
                continue
            files['site-packages/' + name] = wheel.read(name)
            if name.endswith('.dist-info/entry_points.txt'):
                section = wheel.read(name).decode().partition('[console_scripts]')[2].partition('[')[0]
                commands = [line.strip() for line in section.splitlines() if '=' in line]
    return files, commands


def greeter(channel, version, python):
    code = '__version__ = "%s"\ndef main():\n    import sys\n    print("greeter", __version__, "on", "%%d.%%d" %% sys.version_info[:2])\n' % version
    metadata = 'Metadata-Version: 2.1\nName: greeter\nVersion: %s\n' % version
    files = {'site-packages/greeter.py': code.encode(), 'site-packages/greeter-%s.dist-info/METADATA' % version: metadata.encode()}
    channel.add('greeter', version, files, ['python ' + python], ['greeter = greeter:main'])


def activator(channel):
    """What packages like GDAL do: a script finds its data by the environment's folder."""
    script = b'export ACTIVATOR_DATA="$CONDA_PREFIX/share/activator" ACTIVATOR_GIVEN="set by the script"\nexport PATH="$CONDA_PREFIX/activator:$PATH"\n'
    files = {'share/activator/data.txt': b'data\n', 'etc/conda/activate.d/activator.sh': script, 'activator/bin.txt': b'x\n'}
    files['etc/conda/env_vars.d/activator.json'] = b'{"ACTIVATOR_PLAIN": "from a file"}'
    channel.add('activator', '1.0.0', files)


def main(folder, prefixes):
    channel = Channel(folder)
    for subdir in channel.records:
        os.makedirs(os.path.join(folder, subdir), exist_ok=True)
    wheels = {}
    for prefix in prefixes:
        ask = [os.path.join(prefix, 'bin', 'python3'), '-I', '-S', '-c', 'import sys; print("%d.%d.%d" % sys.version_info[:3])']
        version = subprocess.check_output(ask).decode().strip()
        series = '.'.join(version.split('.')[:2])
        channel.add('python', version, python_files(prefix, series))
        carried = '%s/lib/python%s/ensurepip/_bundled/*.whl' % (prefix, series)
        for path in glob.glob(carried) + (glob.glob('/usr/share/python-wheels/pip-*.whl') if prefix == '/usr' else []):
            # Names without the versions of Python: the newest Python's wheels may not run on the oldest.
            wheels.setdefault(os.path.basename(path), (path, series))
    for name, (path, series) in sorted(wheels.items()):
        distribution, version = name.split('-')[:2]
        if distribution in ('pip', 'setuptools'):
            files, commands = wheel_files(path)
            channel.add(distribution, version, files, ['python %s.*' % series], commands)
    greeter(channel, '1.0.0', '>=3.6')
    greeter(channel, '2.0.0', '>=3.10')
    activator(channel)
    channel.write()


main(os.path.abspath(sys.argv[1]), [prefix.rstrip('/') for prefix in sys.argv[2:]])
