"""Prints what pip's configuration of an image means for uv, as lines of sh; the argument is the requirements file."""
import io
import shlex
import sys

import place_pip_configuration


def main():
    with io.open(sys.argv[1], encoding='utf-8') as file:
        requirements = file.read()
    for name, value in sorted(place_pip_configuration.variables_for_uv(requirements).items()):
        print('export %s=%s' % (name, shlex.quote(value)))


main()
