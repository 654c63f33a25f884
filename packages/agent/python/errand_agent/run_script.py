"""Runs the user's script as `__main__`: `run_script.py RUN_FOLDER SCRIPT`, also as the primary file of spark-submit.

Readable by any Python, so that one that is too old is named and not a syntax error. What the script is and its arguments are read from
the file `command`, byte by byte; nothing but small built-in modules is imported before the script, so that it starts fast.
"""
import os
import sys


def write_file(path, text):
    """Errors are of no interest to the script."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 420)
        os.write(descriptor, text if isinstance(text, bytes) else text.encode('utf-8', 'surrogateescape'))
        os.close(descriptor)
    except (OSError, UnicodeError):
        pass


def write_failure(folder, **content):
    import json
    write_file(os.path.join(folder, 'failure.json'), json.dumps(content))


def refuse(folder, message):
    write_failure(folder, kind='start', message=message)
    sys.stderr.write(message + '\n')
    sys.exit(1)


def read_command(folder):
    with open(os.path.join(folder, 'command'), 'rb') as file:
        fields = [field.decode('utf-8', 'surrogateescape') for field in file.read().split(b'\0')]
    script, expand, arguments = fields[0], fields[1] == '1', fields[2:]
    return script, [os.path.expandvars(argument) for argument in arguments] if expand else arguments


def set_paths(own, script_folder, root):
    """sys.path: the script's folder first, the environment, our library behind everything installed, the root of the project last."""
    library = os.path.join(own, 'lib')
    if sys.path and sys.path[0] in (own, ''):
        del sys.path[0]
    sys.path[:] = [script_folder] + [path for path in sys.path if path != library] + [library]
    if script_folder != root:
        sys.path.append(root)
    return library


def serve_missing_modules(library):
    """An installed `azureml` keeps its modules; those that it lacks come from the library."""
    from importlib.machinery import ModuleSpec, SourceFileLoader

    class MissingModules(object):
        """Last of the finders: asked when no other has the module."""

        @staticmethod
        def find_spec(name, path=None, target=None):
            if not name.startswith('azureml.'):
                return None
            base = os.path.join(library, *name.split('.'))
            if os.path.isfile(os.path.join(base, '__init__.py')):
                loader = SourceFileLoader(name, os.path.join(base, '__init__.py'))
                spec = ModuleSpec(name, loader, origin=loader.path, is_package=True)
                spec.submodule_search_locations.append(base)
            elif os.path.isfile(base + '.py'):
                loader = SourceFileLoader(name, base + '.py')
                spec = ModuleSpec(name, loader, origin=loader.path)
            else:
                return None
            spec.has_location = True
            return spec

    sys.meta_path.append(MissingModules)


def user_module(path):
    """A `__main__` as Python makes it, with `os` and `sys` besides: scripts of the time rely on both."""
    from importlib.machinery import SourceFileLoader
    module = type(sys)('__main__')
    names = module.__dict__
    names['__builtins__'] = __builtins__
    names['__file__'] = path
    names['__loader__'] = SourceFileLoader('__main__', path)
    names['__spec__'] = names['__package__'] = names['__doc__'] = None
    names['__cached__'] = None
    if (3, 6) <= sys.version_info < (3, 14):
        names['__annotations__'] = {}
    names['os'], names['sys'] = os, sys
    sys.modules['__main__'] = module
    return module


def describe_failure(folder, kind, value):
    """For the reason of the run's end; must not make things worse when memory or disk are at their end."""
    try:
        import traceback
        lines = traceback.format_exception_only(kind, value)
        named = [line for line in lines if line.strip() and not line[:1].isspace()]
        # A syntax error shows the line of the source first; any other message may have several lines, of which the first names it.
        line = lines[-1] if issubclass(kind, SyntaxError) or not named else named[0]
        content = {'kind': 'exception', 'type': kind.__name__, 'line': line.strip().split('\n')[0][:2000]}
        if issubclass(kind, ImportError) and getattr(value, 'name', None) and kind.__name__ == 'ModuleNotFoundError':
            content['module'] = value.name
        write_failure(folder, **content)
    except BaseException:
        pass


def show(kind, value, trace):
    """What the interpreter does with an exception that nobody caught."""
    sys.last_type, sys.last_value, sys.last_traceback = kind, value, trace
    if sys.version_info >= (3, 12):
        setattr(sys, 'last_exc', value)
    try:
        sys.excepthook(kind, value, trace)
    except SystemExit:
        raise
    except BaseException:
        sys.stderr.write('Error in sys.excepthook:\n')
        error = sys.exc_info()
        sys.__excepthook__(error[0], error[1], error[2].tb_next)
        sys.stderr.write('\nOriginal exception was:\n')
        sys.__excepthook__(kind, value, trace)


def die_of_interrupt():
    import signal
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGINT)


def execute(folder, path, module, at_end):
    """Runs the script. Afterwards the interpreter ends as it always does: threads, atexit, exit code."""
    try:
        with open(path, 'rb') as file:
            source = file.read()
        exec(compile(source, path, 'exec', 0, True), module.__dict__)
        return
    except SystemExit:
        value = sys.exc_info()[1]
        if not isinstance(value.code, (int, type(None))):
            write_failure(folder, kind='exit', line=str(value.code)[:2000])
        raise
    except BaseException:
        kind, value, trace = sys.exc_info()
    trace = trace.tb_next
    value.__traceback__ = trace
    # The interpreter has left the handler when it shows an exception: a hook must find no exception being handled.
    describe_failure(folder, kind, value)
    if issubclass(kind, KeyboardInterrupt) and sys.version_info >= (3, 8):
        at_end.append(die_of_interrupt)
    show(kind, value, trace)
    del value, trace
    sys.exit(1)


def main():
    own, folder = os.path.dirname(os.path.abspath(sys.argv[0])), sys.argv[1]
    version = '%d.%d.%d' % tuple(sys.version_info[:3])
    write_file(os.path.join(folder, 'python'), '%s\n%s\n' % (sys.executable, version))
    if sys.version_info < (3, 5):
        refuse(folder, 'The interpreter %s is Python %s; a run needs Python 3.5 or newer.' % (sys.executable, version))
    root = os.path.join(folder, 'work')
    script, arguments = read_command(folder)
    path = os.path.join(root, *script.split('/'))
    os.chdir(root)
    if not os.path.isfile(path):
        refuse(folder, 'The script %s is not in the project.' % script)
    library = set_paths(own, os.path.dirname(path), root)
    serve_missing_modules(library)
    at_end = []
    import atexit
    atexit.register(lambda: [action() for action in at_end])
    sys.argv[:] = [script] + arguments
    if sys.platform.startswith('linux'):
        sys.path.insert(0, own)
        try:
            from output_order import keep_order
            keep_order()
        finally:
            sys.path.remove(own)
            sys.modules.pop('output_order', None)
    execute(folder, path, user_module(path), at_end)


if __name__ == '__main__':
    main()
