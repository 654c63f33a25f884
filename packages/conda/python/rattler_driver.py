"""Solves and installs with py-rattler; runs in a tool environment of its own, Python 3.10 or newer."""
import asyncio
import json
import os
import sys

import rattler

# What conda means by `defaults` on every platform but Windows.
DEFAULTS = ['https://repo.anaconda.com/pkgs/main', 'https://repo.anaconda.com/pkgs/r']


def channels_of(names):
    found = []
    for name in names:
        expanded = os.path.expandvars(name)
        found += DEFAULTS if expanded == 'defaults' else [] if expanded == 'nodefaults' else [expanded]
    return list(dict.fromkeys(found))


async def create(request):
    specs = request['specs']
    records = await rattler.solve(
        channels_of(request['channels']), specs, platforms=[request['platform'], 'noarch'], virtual_packages=rattler.VirtualPackage.detect())
    for record in sorted(records, key=lambda record: record.name.normalized):
        print('+', record.name.normalized, record.version, record.build, flush=True)
    print('installing', len(records), 'packages', flush=True)
    await rattler.install(records, request['prefix'], show_progress=False)


def main():
    with open(sys.argv[1], encoding='utf-8') as file:
        request = json.load(file)
    try:
        asyncio.run(create(request))
    except Exception as error:
        # Not a fault of the driver: the traceback would hide what the solver says.
        print('%s: %s' % (type(error).__name__, error), file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    exit_code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # py-rattler 0.28 has threads that crash one in four ordinary ends of the interpreter, after all work is done.
    os._exit(exit_code)
