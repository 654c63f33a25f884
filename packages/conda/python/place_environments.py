"""The environments of a place: looked at, made, listed, removed. One folder each, complete when its marker is there."""
import io
import json
import os
import time

import place_ending
import place_lock
import place_packages


class Drifted(place_ending.Ended):
    def __init__(self, differences):
        place_ending.Ended.__init__(self, 'drifted', {'differences': differences})


def look(request):
    """Whether it is ready, which files it still lacks, and what this project's last environment was made of."""
    marker = ready(request['folder'])
    answer = {'ready': marker is not None, 'missing': missing_files(request), 'previous': previous(request)}
    if marker is not None:
        answer['made'] = made(marker, False)
        if request.get('use'):
            use(request)
    return answer


def make(request, report):
    """Makes the environment unless somebody did while we waited for the lock."""
    folder = request['folder']
    lock = place_lock.acquire(folder + '.lock', report)
    try:
        marker = ready(folder)
        if marker is None:
            marker = build(request, lock, report)
            use(request)
            return made(marker, True)
        use(request)
        return made(marker, False)
    finally:
        os.close(lock)


def build(request, lock, report):
    import shutil
    import place_steps
    folder, prefix = request['folder'], request['prefix']
    # What a dead maker left: of no use, because nobody knows how far it came.
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder, mode=0o755, exist_ok=True)
    runner = place_steps.Runner(os.path.join(folder, 'log'), lock, report, request['files'].get('requirements-uv.txt', ''))
    try:
        write_files(request)
        check_files(request)
        for step in request['steps']:
            run(step, request, runner)
        origins = find_origins(request, runner)
        report('listing what was installed')
        place_packages.clean_origins(prefix)
        packages = place_packages.installed(prefix, origins)
        return complete(request, compare(packages, request.get('expected')))
    except BaseException:
        # The log stays: the error names it.
        shutil.rmtree(prefix, ignore_errors=True)
        raise
    finally:
        runner.close()
        for name in request['files']:
            remove_file(os.path.join(folder, name))


def run(step, request, runner):
    """A step may need a tool that can't be had, or a newer Python than the environment has: then the other way is taken."""
    import place_steps
    other = step.get('otherwise')
    if other is not None and not is_possible(step, request):
        return run(other, request, runner)
    name = step.get('tool')
    if name is not None and name in request['tools']:
        try:
            place_steps.bring_tool(request['tools'][name], runner)
        except place_steps.StepFailed:
            if other is None:
                raise
            return run(other, request, runner)
    if step.get('orElse') is None:
        return runner.run(step)
    try:
        return runner.run(step)
    except place_steps.StepFailed:
        return run(step['orElse'], request, runner)


def is_possible(step, request):
    wanted = step.get('minimumPython')
    if wanted is None:
        return True
    version = place_packages.python_version(os.path.join(request['prefix'], 'bin', 'python')) or '0'
    return [int(part) for part in version.split('.')] >= wanted


def find_origins(request, runner):
    """URL and hash of what the pip section brought. What can't be found out is left open: it is no reason to fail."""
    import place_steps
    report = os.path.join(request['folder'], 'pip-report.json')
    found = place_packages.pip_origins(report)
    remove_file(report)
    frozen = [package for package in place_packages.installed(request['prefix'], found) if 'build' not in package and 'url' not in package]
    step = request.get('origins')
    apart = ['python'] + (step or {}).get('without', [])
    names = ['%s==%s' % (package['name'], package['version']) for package in frozen if package['name'] not in apart]
    if step is None or not names:
        return found
    tool = request['tools'].get('uv')
    if not is_possible(step, request) or tool is not None and not os.path.exists(os.path.join(tool['folder'], 'complete')):
        return found
    with io.open(step['input'], 'a', encoding='utf-8') as file:
        file.write('\n'.join(names) + '\n')
    try:
        runner.run(step)
        with io.open(step['output'], encoding='utf-8') as file:
            found.update(place_packages.uv_origins(file.read(), request['prefix']))
    except (place_steps.StepFailed, OSError):
        return found
    finally:
        remove_file(step['output'])
    return found


def compare(packages, expected):
    """The packages, with the addresses that the lock knew; Drifted when they are not those of the lock."""
    if expected is None:
        return packages
    have = {(place_packages.normal(package['name']), 'build' in package): package for package in packages}
    want = {(place_packages.normal(package['name']), 'build' in package): package for package in expected}
    differences = []
    for key in sorted(set(have) | set(want)):
        before, after = want.get(key), have.get(key)
        if before is None or after is None or identity(before) != identity(after) or hashes_differ(before, after):
            differences.append({'name': key[0], 'locked': shown(before), 'found': shown(after)})
    if differences:
        raise Drifted(differences)
    return [dict(want[key], **package) for key, package in sorted(have.items(), key=lambda item: place_packages.order(item[1]))]


def identity(package):
    return package['version'], package.get('build', '')


def hashes_differ(before, after):
    first, second = before.get('hash', ''), after.get('hash', '')
    return first.split(':')[0] == second.split(':')[0] and first != second


def shown(package):
    if package is None:
        return None
    return ' '.join(part for part in (package['version'], package.get('build'), package.get('hash')) if part)


def write_files(request):
    for name, text in sorted(request['files'].items()):
        path = os.path.join(request['folder'], name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        # Addresses of package indexes may hold credentials.
        with io.open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 'w', encoding='utf-8') as file:
            file.write(text)


def missing_files(request):
    return [file['digest'] for file in request['local'] if not os.path.exists(file['path'])]


def check_files(request):
    import hashlib
    for file in request['local']:
        with io.open(file['path'], 'rb') as stream:
            digest = 'sha256:' + hashlib.sha256(stream.read()).hexdigest()
        if digest != file['digest']:
            os.unlink(file['path'])
            raise OSError(5, '%s has not the content that its digest says; it was removed, prepare again' % file['path'])


def complete(request, packages):
    prefix = request['prefix']
    marker = {
        'inputs': request['inputs'], 'packages': packages, 'provider': request['provider'], 'project': request.get('project'),
        'prefix': prefix, 'bytes': size(prefix), 'made': now(),
        'version': place_packages.python_version(os.path.join(prefix, 'bin', 'python'))}
    write_json(os.path.join(request['folder'], 'complete.json'), marker)
    return marker


def ready(folder):
    marker = read_json(os.path.join(folder, 'complete.json'))
    # The Python of a virtual environment is a link to one that may be gone.
    return marker if marker is not None and os.path.exists(os.path.join(marker['prefix'], 'bin', 'python')) else None


def made(marker, built):
    return {'built': built, 'packages': marker['packages'], 'provider': marker['provider'], 'version': marker['version'], 'bytes': marker['bytes']}


def use(request):
    """Remembers the time, and what this project's environment is made of: the next change is explained against it."""
    path = os.path.join(request['folder'], 'used')
    with open(path, 'a'):
        os.utime(path, None)
    latest = request.get('latest')
    if latest is not None and read_json(latest) != request['inputs']:
        os.makedirs(os.path.dirname(latest), exist_ok=True)
        write_json(latest, request['inputs'])


def previous(request):
    return None if request.get('latest') is None else read_json(request['latest'])


def size(folder):
    """Bytes on the disk; a file with several names here counts once."""
    seen, total = set(), 0
    for directory, _, files in os.walk(folder):
        for name in files:
            found = os.lstat(os.path.join(directory, name))
            if (found.st_dev, found.st_ino) not in seen:
                seen.add((found.st_dev, found.st_ino))
                total += found.st_blocks * 512
    return total


def read_json(path):
    try:
        with io.open(path, encoding='utf-8') as file:
            return json.load(file)
    except (OSError, ValueError):
        return None


def write_json(path, value):
    temporary = '%s.%d' % (path, os.getpid())
    with io.open(temporary, 'w', encoding='utf-8') as file:
        file.write(json.dumps(value, sort_keys=True))
    os.rename(temporary, path)


def remove_file(path):
    if os.path.lexists(path):
        os.unlink(path)


def now():
    return timestamp(time.time())


def timestamp(seconds):
    return time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(seconds))
