"""The environment of a script, and the interpreter it starts with. Names and values are bytes throughout."""
import os
import sys

from errand_agent.errors import CannotStart
from errand_agent.paths import agent_folder, encoded, make_folder

FRAMEWORKS = {'python': 'Python', 'pyspark': 'PySpark'}


def script_environment(folder, request, secrets, note):
    """Inherited variables, then ours, then the user's, then what identifies the run. `note` gets what an environment's own scripts say."""
    agent = request.get('agent') or {}
    found = dict(os.environb)
    found[b'PYTHONIOENCODING'] = b'utf-8'
    found[b'PYTHONUNBUFFERED'] = b'1'
    if not has_locale(found):
        # LC_ALL would win over the other.
        found[b'LC_ALL' if found.get(b'LC_ALL') else b'LC_CTYPE'] = b'UTF-8' if sys.platform == 'darwin' else b'C.UTF-8'
    put(found, 'AZUREML_ARM_PROJECT_NAME', request.get('project') or '')
    put(found, 'AZUREML_OUTPUT_DIRECTORY', os.path.join(folder, 'work', 'outputs'))
    put(found, 'AZUREML_LOGDIRECTORY_PATH', os.path.join(folder, 'work', 'logs'))
    put(found, 'AZUREML_FRAMEWORK', FRAMEWORKS.get(request.get('framework'), 'Python'))
    found.pop(b'AZUREML_NATIVE_SHARE_DIRECTORY', None)
    if agent.get('sharedDirectory'):
        put(found, 'AZUREML_NATIVE_SHARE_DIRECTORY', shared_directory(agent['sharedDirectory'], request.get('project') or ''))
    for mapping in (agent.get('environment') or {}, request.get('variables') or {}, secrets):
        for name, value in mapping.items():
            put(found, name, value)
    run = {'ERRAND_RUN_ID': request['runId'], 'AZUREML_RUN_ID': request['runId'], 'ERRAND_RUN_FOLDER': folder}
    for name, value in run.items():
        put(found, name, value)
    prefix = [encoded(os.path.expanduser(path)) for path in agent.get('pathPrepend') or []]
    found[b'PATH'] = b':'.join(prefix + [found.get(b'PATH') or b'/usr/local/bin:/usr/bin:/bin'])
    environment = agent.get('activate')
    if environment and os.path.isdir(os.path.join(environment, 'etc', 'conda')):
        from errand_agent.activation import activate
        kept = {encoded(name) for name in list(request.get('variables') or {}) + list(run)} - {b'PATH'}
        found = activate(environment, found, kept, {encoded(name) for name in secrets}, note)
    library = os.fsencode(os.path.join(agent_folder(), 'lib'))
    found[b'PYTHONPATH'] = b':'.join([found[b'PYTHONPATH'], library] if found.get(b'PYTHONPATH') else [library])
    return found


def has_locale(variables):
    """Whether the first of the three that is set names more than plain ASCII."""
    for name in (b'LC_ALL', b'LC_CTYPE', b'LANG'):
        if variables.get(name):
            return variables[name] not in (b'C', b'POSIX')
    return False


def put(variables, name, value):
    variables[encoded(name)] = encoded(value)


def shared_directory(base, project):
    """Made when missing; ends with `/` because scripts append names to it."""
    base = os.path.abspath(os.path.expanduser(base))
    path = os.path.join(base, project.replace('/', '_').replace('\0', '_'))
    try:
        make_folder(path)
    except OSError as error:
        raise CannotStart('The shared folder %s (nativeSharedDirectory) could not be created: %s.' % (path, error.strerror))
    return path.rstrip('/') + '/'


def command(folder, request, variables):
    """The argument vector (bytes) that starts the script's runner."""
    agent = request.get('agent') or {}
    runner = [os.path.join(agent_folder(), 'run_script.py'), folder, request['script']]
    launch = agent.get('launch')
    if launch:
        program = [encoded(part) for part in launch]
        program[0] = executable([launch[0]], variables, 'program')
    else:
        program = [executable([agent.get('python') or 'python'] + list(agent.get('pythonFallback') or []), variables, 'Python interpreter')]
    return program + [encoded(part) for part in runner]


def executable(names, variables, what):
    """The first of the names that can be run; names without a slash are looked up in PATH."""
    refused = None
    for name in names:
        name = os.path.expanduser(name)
        raw = encoded(name)
        places = [raw] if b'/' in raw else [os.path.join(folder or b'.', raw) for folder in variables[b'PATH'].split(b':')]
        for place in places:
            if os.path.isfile(place):
                if os.access(place, os.X_OK):
                    return os.path.abspath(place) if b'/' in raw else place
                refused = refused or place
    if refused:
        raise CannotStart('The %s %s is not executable.' % (what, os.fsdecode(refused)))
    listed = ' or '.join('"%s"' % name for name in names)
    raise CannotStart('No %s %s was found%s.' % (what, listed, '' if '/' in names[0] else ' in PATH'))
