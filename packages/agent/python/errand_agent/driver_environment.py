"""The environment of a run: YARN unpacks it for its drivers and executors; a driver on Livy's own machine brings and unpacks it itself."""
import os
import sys
import tarfile

from errand_agent import paths


def in_environment(agent, home, master):
    """What the script is started with. `unpacked` is the folder in which YARN has put the environment: where that is, only the driver knows."""
    if 'unpacked' not in agent:
        return dict(agent, python=sys.executable)
    python, prefix = sys.executable, os.path.abspath(agent['unpacked'])
    variables = {}
    if agent.get('deployMode') == 'client':
        prefix = bring('environments/%s/%s' % (agent['environmentKey'], os.path.basename(agent['archive'])), home)
        python = os.path.join(prefix, 'bin', 'python')
        # In local mode the driver's JVM is the executor too; those of YARN have a folder of their own with the environment in it.
        there = python if (master or '').startswith('local') else os.path.join('.', agent['unpacked'], 'bin', 'python')
        variables = {'PYSPARK_PYTHON': there, 'PYSPARK_DRIVER_PYTHON': python}
    variables.update({'PYTHONNOUSERSITE': '1', 'CONDA_PREFIX': prefix, 'AZUREML_CONDA_ENVIRONMENT_PATH': prefix})
    variables.update(agent.get('environment') or {})
    return dict(agent, python=python, pathPrepend=[os.path.join(prefix, 'bin')], environment=variables, activate=prefix)


def bring(name, home):
    """Beside the run's folder, and gone with it → the environment's folder."""
    archive = os.path.join(paths.make_folder(paths.home()), 'environment.tar.gz')
    prefix = os.path.join(os.path.dirname(paths.home()), 'environment')
    home.download(name, archive)
    with tarfile.open(archive, 'r:gz') as packed:
        # It is our own; newer Pythons would refuse links that leave its folder.
        packed.extraction_filter = lambda member, path: member
        packed.extractall(prefix)
    os.unlink(archive)
    return prefix
