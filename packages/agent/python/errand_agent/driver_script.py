"""Runs the runner of the script (the rest of the command line) and notes whether the script made a Spark context."""
import os
import sys


def note(folder):
    """pyspark keeps the gateway that it found for its first context, also when that is stopped."""
    context = sys.modules.get('pyspark.context')
    if context is not None and getattr(context.SparkContext, '_gateway', None) is not None:
        with open(os.path.join(folder, 'context-was-made'), 'w'):
            pass


if __name__ == '__main__':
    import atexit
    import runpy
    del sys.argv[0]
    own = os.path.dirname(os.path.abspath(__file__))
    if sys.path and sys.path[0] == own:
        del sys.path[0]
    atexit.register(note, sys.argv[1])
    runpy.run_path(sys.argv[0], run_name='__main__')
