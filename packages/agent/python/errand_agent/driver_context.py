"""What the driver's JVM is told before the script, and the Spark context that the cluster waits for when the script made none."""
import os
import zipfile

MADE = 'context-was-made'


def prepare(gateway, storage, request, secrets, folder):
    """Executors get the run's variables, and relative paths of Spark lead to the run's folder."""
    system = gateway.jvm.java.lang.System
    for mapping in (request.get('variables') or {}, secrets):
        for name, value in mapping.items():
            system.setProperty('spark.executorEnv.' + name, value)
    system.setProperty('spark.executorEnv.AZUREML_RUN_ID', request['runId'])
    # No folder there: what logs a value in an executor is told where to log instead.
    system.setProperty('spark.executorEnv.ERRAND_RUN_FOLDER', 'in the driver')
    ship_library(gateway.jvm, folder)
    name = ((request.get('spark') or {}).get('configuration') or {}).get('spark.app.name')
    if name:
        # YARN has the run's id, which Livy puts above.
        system.setProperty('spark.app.name', name)
    storage.make_folder('work/outputs')
    # The JVM keeps one object for the file system: Spark meets this very one.
    storage.files.setWorkingDirectory(storage.path('work'))


def ship_library(jvm, folder):
    """What the script may import of ours it may import in executors too: there it says once that values are logged in the driver."""
    from errand_agent import paths
    library, archive = os.path.join(paths.agent_folder(), 'lib'), os.path.join(folder, 'errand_library.zip')
    with zipfile.ZipFile(archive, 'w') as packed:
        for path, folders, names in os.walk(library):
            folders[:] = [name for name in folders if name != '__pycache__']
            # Packages without a file of their own are found by the entries of their folders.
            for name in folders + [name for name in names if name.endswith('.py')]:
                packed.write(os.path.join(path, name), os.path.relpath(os.path.join(path, name), library))
    extend(jvm.java.lang.System, 'spark.files', jvm.java.io.File(archive).toURI().toString())
    extend(jvm.java.lang.System, 'spark.submit.pyFiles', archive)


def extend(system, name, value):
    known = system.getProperty(name)
    system.setProperty(name, known + ',' + value if known else value)


def make_up_for(gateway, folder):
    """YARN calls a driver without a context failed. One is made after a script that ended well without one, and never before."""
    if os.path.exists(os.path.join(folder, MADE)):
        return
    try:
        from pyspark import SparkConf, SparkContext
        jvm = gateway.jvm
        SparkContext(gateway=gateway, conf=SparkConf(_jvm=jvm, _jconf=jvm.org.apache.spark.SparkConf())).stop()
    except Exception:
        # The run's end is written; what the cluster thinks of its driver changes nothing in it.
        import traceback
        traceback.print_exc()
