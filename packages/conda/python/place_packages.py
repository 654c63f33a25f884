"""What is installed in an environment: conda's records, and the distributions that pip or uv put there."""
import collections
import glob
import io
import json
import os
import re

import place_credentials

PYTHON_VERSION = 'import sys; print("%d.%d.%d" % sys.version_info[:3])'


def python_version(python):
    """`3.11.7`, or None when it does not run."""
    import subprocess
    try:
        output = subprocess.check_output([python, '-I', '-S', '-c', PYTHON_VERSION], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError):
        return None
    return output.decode('ascii', 'replace').strip() or None


def installed(prefix, origins):
    """Sorted list of {name, version, build?, url?, hash?}. `origins` holds {url, hash} by `name==version` of a distribution."""
    found, owned = conda_packages(prefix)
    if not any(package['name'] == 'python' for package in found):
        version = python_version(os.path.join(prefix, 'bin', 'python'))
        if version is not None:
            found.append({'name': 'python', 'version': version})
    for metadata in metadata_folders(prefix):
        if os.path.relpath(metadata, prefix) in owned:
            continue
        package = distribution(metadata)
        if package is not None:
            package.update(origins.get('%s==%s' % (normal(package['name']), package['version'])) or {})
            package.update(direct_origin(metadata))
            found.append(package)
    return sorted(found, key=order)


def order(package):
    return normal(package['name']), 'build' not in package, package['version']


def conda_packages(prefix):
    """Conda's packages, and the metadata folders that belong to them."""
    found, owned = [], set()
    for path in sorted(glob.glob(os.path.join(prefix, 'conda-meta', '*.json'))):
        with io.open(path, encoding='utf-8') as file:
            record = json.load(file)
        package = {'name': record['name'], 'version': record['version'], 'build': record.get('build') or record.get('build_string') or ''}
        if record.get('url'):
            package['url'] = place_credentials.dropped(record['url'])
        for kind in ('sha256', 'md5'):
            if record.get(kind):
                package['hash'] = '%s:%s' % (kind, record[kind])
                break
        found.append(package)
        for name in record.get('files') or []:
            match = re.match(r'(.*?\.(?:dist-info|egg-info))(?:/|$)', name)
            if match:
                owned.add(match.group(1))
    return found, owned


def metadata_folders(prefix):
    return sorted(
        path for folder in ('lib', 'lib64') if not os.path.islink(os.path.join(prefix, folder))
        for kind in ('dist-info', 'egg-info')
        for path in glob.glob(os.path.join(prefix, folder, 'python*', 'site-packages', '*.' + kind)))


def distribution(metadata):
    for name in ('METADATA', 'PKG-INFO', ''):
        path = os.path.join(metadata, name) if name else metadata
        if os.path.isfile(path):
            with io.open(path, encoding='utf-8', errors='replace') as file:
                head = file.read().split('\n\n')[0]
            fields = dict(re.findall(r'^(Name|Version):\s*(.+?)\s*$', head, re.MULTILINE))
            if len(fields) == 2:
                return {'name': fields['Name'], 'version': fields['Version']}
    return None


def direct_origin(metadata):
    """The address that a distribution was installed from, when it was asked for by address (PEP 610)."""
    try:
        with io.open(os.path.join(metadata, 'direct_url.json'), encoding='utf-8') as file:
            record = json.load(file)
    except (OSError, ValueError):
        return {}
    url = place_credentials.dropped(record.get('url') or '')
    version_control = record.get('vcs_info')
    if version_control:
        return {'url': '%s+%s@%s' % (version_control.get('vcs'), url, version_control.get('commit_id'))}
    digest = ((record.get('archive_info') or {}).get('hashes') or {}).get('sha256')
    return dict({'url': url}, **({'hash': 'sha256:' + digest} if digest else {}))


def clean_origins(prefix):
    """What was installed from an address says so for good: without the credentials."""
    for metadata in metadata_folders(prefix):
        clean_record(os.path.join(metadata, 'direct_url.json'))
    for path in glob.glob(os.path.join(prefix, 'conda-meta', '*.json')):
        clean_record(path)
    history = os.path.join(prefix, 'conda-meta', 'history')
    try:
        with io.open(history, encoding='utf-8', errors='surrogateescape') as file:
            text = file.read()
        if place_credentials.dropped(text) != text:
            with io.open(history, 'w', encoding='utf-8', errors='surrogateescape') as file:
                file.write(place_credentials.dropped(text))
    except OSError:
        pass


def clean_record(path):
    try:
        with io.open(path, encoding='utf-8') as file:
            record = json.load(file)
        fields = {key: record[key] for key in ('url', 'channel', 'requested_spec') if isinstance(record.get(key), str)}
        cleaned = {key: place_credentials.dropped(value) for key, value in fields.items()}
        if cleaned != fields:
            with io.open(path, 'w', encoding='utf-8') as file:
                file.write(json.dumps(dict(record, **cleaned), sort_keys=True))
    except (OSError, ValueError):
        pass


def normal(name):
    return re.sub(r'[-_.]+', '-', name).lower()


def pip_origins(report):
    """From the file that `pip install --report` writes."""
    try:
        with io.open(report, encoding='utf-8') as file:
            items = json.load(file)['install']
    except (OSError, ValueError, KeyError):
        return {}
    found = {}
    for item in items:
        source = item.get('download_info') or {}
        digest = ((source.get('archive_info') or {}).get('hashes') or {}).get('sha256')
        if digest and source.get('url'):
            key = '%s==%s' % (normal(item['metadata']['name']), item['metadata']['version'])
            found[key] = {'url': place_credentials.dropped(source['url']), 'hash': 'sha256:' + digest}
    return found


def uv_origins(pylock, prefix):
    """From the text of a pylock.toml: of each distribution the wheel whose tags are those that were installed, else its source."""
    tags = collections.OrderedDict()
    for metadata in metadata_folders(prefix):
        package = distribution(metadata)
        if package is not None:
            tags['%s==%s' % (normal(package['name']), package['version'])] = wheel_tags(metadata)
    found = {}
    for block in pylock.split('[[packages]]')[1:]:
        fields = dict(re.findall(r'^(name|version) = "([^"]*)"', block, re.MULTILINE))
        key = '%s==%s' % (normal(fields.get('name', '')), fields.get('version'))
        files = re.findall(r'url = "([^"]+)"[^{}]*hashes = \{[^}]*sha256 = "([0-9a-f]{64})"', block)
        matching = [file for file in files if file_tags(file[0]) == tags.get(key)]
        sources = [file for file in files if not file[0].endswith('.whl')]
        for url, digest in (matching or sources)[:1] if key in tags else []:
            found[key] = {'url': place_credentials.dropped(url), 'hash': 'sha256:' + digest}
    return found


def wheel_tags(metadata):
    try:
        with io.open(os.path.join(metadata, 'WHEEL'), encoding='utf-8') as file:
            return frozenset(re.findall(r'^Tag:\s*(\S+)', file.read(), re.MULTILINE))
    except OSError:
        return frozenset()


def file_tags(url):
    name = url.split('#')[0].split('?')[0].rsplit('/', 1)[-1]
    if not name.endswith('.whl'):
        return None
    pythons, abis, platforms = [part.split('.') for part in name[:-len('.whl')].split('-')[-3:]]
    return frozenset('%s-%s-%s' % (python, abi, platform) for python in pythons for abi in abis for platform in platforms)
