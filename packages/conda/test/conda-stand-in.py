"""A program that is called like conda and makes a prefix of a Python of this machine, without channels and network.
Specs that steer it: `broken` fails, `waiting` waits until the file `go` is beside this program, `drifting` has the build in the file `build`."""
import json
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))


def record(prefix, name, version, build):
    folder = os.path.join(prefix, 'conda-meta')
    os.makedirs(folder, exist_ok=True)
    url = 'https://channel.example.org/linux-64/%s-%s-%s.conda' % (name, version, build)
    with open(os.path.join(folder, '%s-%s-%s.json' % (name, version, build)), 'w') as file:
        json.dump({'name': name, 'version': version, 'build': build, 'url': url, 'md5': '0' * 32, 'files': []}, file)


def create(prefix, lines):
    with open(os.path.join(HERE, 'calls'), 'a') as file:
        file.write('%d %s\n' % (os.getpid(), ' '.join(lines)))
    names = [line.split('=')[0] for line in lines]
    if 'broken' in names:
        print('https://user:canary@channel.example.org/repodata.json')
        sys.exit('PackagesNotFoundError: The following packages are not available from current channels:\n\n  - python=3.5.2')
    subprocess.check_call([sys.executable, '-m', 'venv', '--without-pip', prefix])
    open(os.path.join(HERE, 'made'), 'w').close()
    while 'waiting' in names and not os.path.exists(os.path.join(HERE, 'go')):
        time.sleep(0.05)
    for name in names:
        build = open(os.path.join(HERE, 'build')).read() if name == 'drifting' else 'h0_0'
        record(prefix, name, '%d.%d.%d' % sys.version_info[:3] if name == 'python' else '1.0', build)


if sys.argv[1:] == ['--version']:
    print('conda 24.1.0')
else:
    arguments = sys.argv[1:]
    with open(arguments[arguments.index('--file') + 1]) as file:
        wanted = [line.strip() for line in file if line.strip()]
    if wanted[0] == '@EXPLICIT':
        wanted = [url.rsplit('/', 1)[1].rsplit('-', 2)[0] for url in wanted[1:]]
    create(arguments[arguments.index('--prefix') + 1], wanted)
