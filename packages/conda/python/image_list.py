"""Writes the list of what is installed in an image's environment; runs as the last step of its build."""
import io
import json
import os
import subprocess
import sys

import place_packages


def main():
    with io.open(sys.argv[1], encoding='utf-8') as file:
        request = json.load(file)
    prefix = request['prefix']
    packages = place_packages.installed(prefix, {})
    apart = ['python'] + (request.get('origins') or {}).get('without', [])
    frozen = ['%s==%s' % (item['name'], item['version']) for item in packages if 'build' not in item and 'url' not in item and item['name'] not in apart]
    if frozen and request.get('origins'):
        packages = place_packages.installed(prefix, origins(request['origins'], frozen, prefix))
    with io.open(request['output'], 'w', encoding='utf-8') as file:
        file.write(json.dumps(packages, sort_keys=True))


def origins(step, frozen, prefix):
    """What can't be found out is left open."""
    with io.open(step['input'], 'a', encoding='utf-8') as file:
        file.write('\n'.join(frozen) + '\n')
    environment = dict(os.environ, **step['environment'])
    try:
        subprocess.check_output(step['command'], stderr=subprocess.STDOUT, cwd=step['cwd'], env=environment)
        with io.open(step['output'], encoding='utf-8') as file:
            return place_packages.uv_origins(file.read(), prefix)
    except (OSError, subprocess.CalledProcessError):
        return {}


main()
