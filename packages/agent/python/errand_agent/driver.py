"""The agent inside a Spark driver: claims the run, supervises the script as a child, and keeps all that is told of it in the cluster's storage.

In the storage, below `runs/<run id>/`: `request.json`, `variables`, `claim`, `started.json`, `log/<offset>`, `metrics/<offset>`, `cancel`,
`work/` (the project, and what Spark writes by relative paths), `files/<n>`, `kept/<n>.json`, `bringing.json`, `files.json`, `final.json`.
"""
import json
import os
import subprocess
import sys
import time
import traceback

from errand_agent import driver_context, driver_environment, driver_files, driver_outputs, machine, mirror, paths, project_archive, stage, start, status, work_tree
from errand_agent.cluster_storage import ClusterStorage
from errand_agent.errors import CallError
from errand_agent.outage import StorageGone

STOPPED = 'The Spark driver was stopped from outside: by somebody, or by the cluster.'
LOOK_FOR_CANCEL = 1.0
# Exit code of a driver that could write no end, from which the client tells what has happened.
STORAGE_GONE = 75


def main(gateway, home, run):
    """Returns the exit code of the driver: 0 for a run that is completed."""
    try:
        storage = ClusterStorage(gateway, home + '/runs/' + paths.checked_run(run))
        if claimed(storage, json.dumps(identity(gateway)).encode('ascii')):
            return ended(gateway, storage, home, run)
        sys.stderr.write('errand: another driver has the run %s.\n' % run)
        return 1
    except StorageGone as error:
        sys.stderr.write('errand: %s\n' % error)
        return STORAGE_GONE


def ended(gateway, storage, home, run):
    """The exit code of a run that this driver has. Whatever goes wrong in it is written as its end, but where nothing can be written any more."""
    try:
        return supervised(gateway, storage, ClusterStorage(gateway, home), run)
    except StorageGone:
        raise
    except BaseException as error:
        traceback.print_exc()
        reason = str(error) if isinstance(error, CallError) else 'The agent in the Spark driver failed: %s: %s' % (type(error).__name__, error)
        finish(storage, {'state': 'failed', 'cause': 'machine', 'reason': reason[:2000], 'endedAt': machine.iso_time()})
        return 1


def claimed(storage, content):
    """False when another driver has the run. One with this very content is of an attempt whose answer was lost."""
    return storage.create('claim', content) or storage.read('claim') == content


def identity(gateway):
    """Who has the run, and where the cluster's own records of it can be asked for."""
    return {
        'hostname': os.uname().nodename, 'pid': os.getpid(), 'at': machine.iso_time(),
        'container': os.environ.get('CONTAINER_ID'), 'manager': resource_manager(gateway.jvm),
    }


def resource_manager(jvm):
    """`host:port` of its pages; None where there is no YARN."""
    try:
        return jvm.org.apache.hadoop.yarn.conf.YarnConfiguration().get('yarn.resourcemanager.webapp.address')
    except Exception:
        return None


def supervised(gateway, storage, home, run):
    request = json.loads(storage.read('request.json').decode('utf-8', 'surrogateescape'))
    variables = storage.read('variables')
    if variables is not None:
        storage.delete('variables')
    check_mode(gateway.jvm, request)
    folder = build(gateway.jvm, home, run, request, variables)
    driver_context.prepare(gateway, storage, request, json.loads(variables.decode('utf-8')) if variables else {}, folder)
    driver_files.bring_project(storage, folder)
    known = driver_files.snapshot_of(storage)
    entry = os.path.join(os.path.dirname(paths.agent_folder()), 'errand_agent_main.py')
    supervisor = subprocess.Popen([sys.executable, entry, 'supervise', folder, STOPPED], stdin=subprocess.DEVNULL)
    # The script goes on without a storage, and what it writes waits for one.
    storage.outage.is_needed = lambda: supervisor.poll() is None
    outputs = driver_outputs.Outputs(storage, folder, run, request.get('outputs'))
    outputs.start()
    try:
        follow(storage, folder, supervisor)
    except BaseException:
        # The JVM is gone, or the storage: nobody would hear of the script any more, and where there is no YARN nobody would end it.
        supervisor.terminate()
        supervisor.wait()
        raise
    final = status.current(folder) or {}
    if not status.is_final(final):
        final = {'state': 'failed', 'cause': 'machine', 'reason': 'The supervisor of the run was killed.', 'endedAt': machine.iso_time()}
    outputs.finish(known)
    if final.get('reason') == STOPPED:
        # What the cluster says of it is truer; without it the client says this.
        return 1
    finish(storage, final)
    if final['state'] != 'completed':
        return 1
    driver_context.make_up_for(gateway, folder)
    return 0


def check_mode(jvm, request):
    """Livy takes a wish for a mode and then follows its own configuration, without a word."""
    wanted = (request.get('agent') or {}).get('deployMode')
    mode = jvm.java.lang.System.getProperty('spark.submit.deployMode') or 'client'
    if wanted == 'client' and mode != wanted:
        raise CallError('DEPLOY_MODE_REFUSED', 'Livy started the driver in %s mode, not on its own machine: its administrator has set '
                        'livy.spark.deploy-mode = %s. Write yarnDeployMode: %s in the .compute file, or ask for another Livy.' % (mode, mode, mode))


class Staging:
    """What `stage` wants of a connection."""
    staged, filling = set(), None


def build(jvm, home, run, request, variables):
    """Makes the run's folder in the driver's own → its path."""
    digest = paths.checked_digest(request['snapshot']['digest'])
    archive = os.path.join(paths.make_folder(paths.home()), 'project')
    home.download('projects/' + digest, archive)
    content = work_tree.content_of_entries(project_archive.unpack(archive))
    os.unlink(archive)
    answer = result_of(stage.staging(Staging, run, request['projectId'], request['snapshot']['digest'], content))
    if answer['state'] != 'staged':
        raise CallError('PROJECT_CORRUPT', 'The archive of the project in the storage of the cluster lacks contents.')
    folder = paths.run_folder(run)
    agent = driver_environment.in_environment(request.get('agent') or {}, home, jvm.java.lang.System.getProperty('spark.master'))
    launch = [agent['python'], os.path.join(paths.agent_folder(), 'driver_script.py')]
    # The cluster kills a quarter of a second after it has asked.
    agent = dict(agent, launch=launch, stopGrace=0)
    start.put_in_place(answer['staging'], folder, dict(request, agent=agent))
    if variables:
        descriptor = os.open(os.path.join(folder, 'variables'), os.O_WRONLY | os.O_CREAT, 0o600)
        os.write(descriptor, variables)
        os.close(descriptor)
    return folder


def result_of(generator):
    """What a generator returns; whatever it yields on the way is progress for nobody."""
    while True:
        try:
            next(generator)
        except StopIteration as end:
            return end.value


def follow(storage, folder, supervisor):
    """Until the supervisor has ended: brings what is new to the storage, and a request to cancel from there."""
    reflection = mirror.Mirror(storage, folder)
    looked, cancelled = time.monotonic(), False
    while supervisor.poll() is None:
        reflection.step()
        if not cancelled and time.monotonic() - looked > LOOK_FOR_CANCEL:
            looked = time.monotonic()
            content = storage.read('cancel')
            if content is not None:
                cancelled = True
                from errand_agent.follow import ask_to_cancel
                ask_to_cancel(folder, (json.loads(content.decode('utf-8') or '{}')).get('grace'))
        time.sleep(mirror.TICK)
    reflection.finish()


def finish(storage, final):
    """The first end that is written is the end of the run."""
    kept = {key: value for key, value in final.items() if key != 'processes'}
    storage.put('final.json', json.dumps(kept).encode('ascii'))
