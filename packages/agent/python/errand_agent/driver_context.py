"""What the driver's JVM is told before the script, and the Spark context that the cluster waits for when the script made none."""
import os

MADE = 'context-was-made'


def prepare(gateway, storage, request, secrets):
    """Executors get the run's variables, and relative paths of Spark lead to the run's folder."""
    system = gateway.jvm.java.lang.System
    for mapping in (request.get('variables') or {}, secrets):
        for name, value in mapping.items():
            system.setProperty('spark.executorEnv.' + name, value)
    system.setProperty('spark.executorEnv.AZUREML_RUN_ID', request['runId'])
    # No folder there: what logs a value in an executor is told where to log instead.
    system.setProperty('spark.executorEnv.ERRAND_RUN_FOLDER', 'in the driver')
    storage.make_folder('work/outputs')
    # The JVM keeps one object for the file system: Spark meets this very one.
    storage.files.setWorkingDirectory(storage.path('work'))


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
