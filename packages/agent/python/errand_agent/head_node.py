"""The cluster's file system for a client that has only SSH: one JVM of the head node's Spark, started by the first call, serves them all.

No Spark context is made and no application started: the JVM has Hadoop's classes for every storage that the cluster knows.
"""
import glob
import os
import shutil
import sys

from errand_agent.errors import CallError, bad_request

PLACES = ('/usr/hdp/current/spark3-client', '/usr/hdp/current/spark2-client', '/usr/hdp/current/spark-client', '/usr/lib/spark', '/opt/spark')
# What Spark's shell is told, of which only the JVM's way in is used.
ARGUMENTS = '--master local[1] --deploy-mode client --driver-memory 256m --conf spark.jars.packages= --conf spark.ui.enabled=false pyspark-shell'
# Error codes by the simple names of Java's classes.
CODES = {
    'FileNotFoundException': 'NOT_FOUND', 'FileAlreadyExistsException': 'EXISTS', 'AlreadyBeingCreatedException': 'EXISTS',
    'AccessControlException': 'FORBIDDEN', 'DSQuotaExceededException': 'NO_SPACE', 'NSQuotaExceededException': 'NO_SPACE',
    'QuotaByStorageTypeExceededException': 'NO_SPACE', 'SafeModeException': 'READ_ONLY',
}
_opened = {}
# Files of which more pieces are to come, by path.
_streams = {}


def call_storageLook(server, params, body):
    """{operation, user?, path?, …} → what it says. Changes nothing."""
    return answered(LOOKS, params, body)


def call_storageChange(server, params, body):
    return answered(CHANGES, params, body)


def answered(operations, params, body):
    operation = operations.get(params.get('operation'))
    if operation is None:
        raise bad_request('The storage of a cluster does not know %r.' % (params.get('operation'),))
    jvm = open_jvm(params.get('user'))
    from py4j.protocol import Py4JJavaError
    try:
        path = jvm.org.apache.hadoop.fs.Path(params['path']) if 'path' in params else None
        configuration = jvm.org.apache.spark.deploy.SparkHadoopUtil.get().conf()
        files = path.getFileSystem(configuration) if path is not None else jvm.org.apache.hadoop.fs.FileSystem.get(configuration)
        return operation(jvm, files, path, params, body)
    except Py4JJavaError as error:
        raise told(error.java_exception)


def told(exception):
    name = exception.getClass().getSimpleName()
    message = (exception.getMessage() or name).split('\n')[0]
    code = CODES.get(name) or ('EXISTS' if 'already exists' in message else 'STORAGE_FAILED')
    return CallError(code, 'The storage of the cluster refuses: %s (%s)' % (message, name))


def open_jvm(user):
    if 'jvm' not in _opened:
        home = spark_home()
        os.environ['SPARK_HOME'] = home
        os.environ['PYSPARK_SUBMIT_ARGS'] = ARGUMENTS
        if user:
            # Clusters without Kerberos believe whoever says who they are; with it this changes nothing.
            os.environ['HADOOP_USER_NAME'] = user
        sys.path[:0] = sorted(glob.glob(os.path.join(home, 'python', 'lib', '*.zip')))
        try:
            from pyspark.java_gateway import launch_gateway
            gateway = launch_gateway()
        except Exception as error:
            raise CallError('STORAGE_WAY_BROKEN', 'The Spark of the head node, %s, does not start: %s' % (home, error),
                            'Add `webhdfsUrl: …` to the .compute file, or look what `spark-submit --version` says there.')
        _opened['gateway'], _opened['jvm'] = gateway, gateway.jvm
    return _opened['jvm']


def spark_home():
    submit = shutil.which('spark-submit')
    beside = [os.path.dirname(os.path.dirname(os.path.realpath(submit)))] if submit else []
    for place in [os.environ.get('SPARK_HOME') or ''] + beside + list(PLACES):
        if place and glob.glob(os.path.join(place, 'python', 'lib', 'py4j-*.zip')):
            return place
    raise CallError('STORAGE_WAY_MISSING', 'The head node has no Spark that reaches the storage of the cluster.',
                    'Add `webhdfsUrl: …` to the .compute file, or let SPARK_HOME name its Spark for logins over SSH.')


def entry_of(status, name):
    return {'name': name, 'type': 'DIRECTORY' if status.isDirectory() else 'FILE', 'size': status.getLen(),
            'modified': status.getModificationTime(), 'owner': status.getOwner()}


def home(jvm, files, path, params, body):
    return {'path': files.getHomeDirectory().toString()}


def status(jvm, files, path, params, body):
    return {'entry': entry_of(files.getFileStatus(path), '')}


def listing(jvm, files, path, params, body):
    return {'entries': [entry_of(one, one.getPath().getName()) for one in files.listStatus(path)]}


def size(jvm, files, path, params, body):
    return {'size': files.getContentSummary(path).getLength()}


def read(jvm, files, path, params, body):
    offset, length = params.get('offset') or 0, params.get('length')
    whole = files.getFileStatus(path).getLen()
    count = max(0, whole - offset if length is None else min(length, whole - offset))
    stream = files.open(path)
    try:
        stream.seek(min(offset, whole))
        bounded = jvm.org.apache.commons.io.input.BoundedInputStream(stream, count)
        return {}, bytes(jvm.org.apache.commons.io.IOUtils.toByteArray(bounded))
    finally:
        stream.close()


def create(jvm, files, path, params, body):
    _streams[params['path']] = files.create(path, bool(params.get('overwrite')))
    if params.get('permission'):
        files.setPermission(path, jvm.org.apache.hadoop.fs.permission.FsPermission(params['permission']))
    return append(jvm, files, path, params, body)


def append(jvm, files, path, params, body):
    """The next piece of a file that is open; the last one closes it."""
    stream = _streams.pop(params['path'], None)
    if stream is None:
        raise CallError('STORAGE_FAILED', 'The connection to the head node was lost while %s was sent.' % params['path'], 'Try it again.')
    try:
        stream.write(bytearray(body))
    except BaseException:
        stream.close()
        raise
    if params.get('more'):
        _streams[params['path']] = stream
    else:
        stream.close()
    return {}


def make_directory(jvm, files, path, params, body):
    files.mkdirs(path)
    if params.get('permission'):
        files.setPermission(path, jvm.org.apache.hadoop.fs.permission.FsPermission(params['permission']))
    return {}


def rename(jvm, files, path, params, body):
    return {'done': files.rename(path, jvm.org.apache.hadoop.fs.Path(params['to']))}


def delete(jvm, files, path, params, body):
    return {'done': files.delete(path, True)}


LOOKS = {'home': home, 'status': status, 'list': listing, 'size': size, 'read': read}
CHANGES = {'create': create, 'append': append, 'makeDirectory': make_directory, 'rename': rename, 'delete': delete}
