"""Ends with 1 when a file of what is installed is gone; the argument is the environment. Two distributions can have the same file, and whichever is
removed takes it away from the other."""
import csv
import io
import os
import sys

import place_packages


def main():
    sys.exit(any(lacks_files(metadata) for metadata in place_packages.metadata_folders(sys.argv[1])))


def lacks_files(metadata):
    """Of what is compiled nothing is expected: an installer may remove and make it as it likes."""
    try:
        with io.open(os.path.join(metadata, 'RECORD'), encoding='utf-8', newline='') as file:
            paths = [row[0] for row in csv.reader(file) if row]
    except (OSError, csv.Error):
        return False
    folder = os.path.dirname(metadata)
    return any(not path.endswith('.pyc') and not os.path.exists(os.path.join(folder, path)) for path in paths)


main()
