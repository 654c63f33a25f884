"""The cluster's file system as the driver's JVM sees it: HDFS, ABFS, WASB or whatever Hadoop has a class for."""
import functools

from errand_agent.outage import Outage
from errand_agent.paths import nonce

# What a storage says when it answers, and would say again. Simple names of Java's classes.
LASTING = (
    'FileNotFoundException', 'FileAlreadyExistsException', 'AlreadyBeingCreatedException', 'AccessControlException', 'AccessDeniedException',
    'DSQuotaExceededException', 'NSQuotaExceededException', 'QuotaByStorageTypeExceededException', 'ParentNotDirectoryException',
    'InvalidPathException', 'InvalidToken', 'UnsupportedFileSystemException',
)
# Bytes of a large file between two words of how far it is.
PIECE = 4 << 20


def outlasting(operation):
    """The operation, repeated while the storage gives no answer."""
    @functools.wraps(operation)
    def repeated(self, *given):
        return self.outage.outlast(lambda: operation(self, *given))
    return repeated


class ClusterStorage:
    """Files below one folder. Names are relative to it, with forward slashes."""

    def __init__(self, gateway, root):
        self.gateway, self.jvm = gateway, gateway.jvm
        self.outage = Outage(self.may_pass)
        self.root = self.jvm.org.apache.hadoop.fs.Path(root)
        self.files = self.outage.outlast(lambda: self.root.getFileSystem(self.configuration()))

    def may_pass(self, error):
        """Without an exception of Java it is the JVM that is gone."""
        from py4j.protocol import Py4JJavaError
        if not isinstance(error, Py4JJavaError):
            return False
        exception = error.java_exception
        if not self.jvm.java.lang.Class.forName('java.io.IOException').isInstance(exception):
            return False
        name = exception.getClass().getName()
        # The name node's own exception, told by its name alone.
        name = exception.getClassName() if name.endswith('.RemoteException') else name
        return name.replace('$', '.').rpartition('.')[2] not in LASTING

    def configuration(self):
        """Spark's own has what the user's settings say of the storage (`spark.hadoop.*`)."""
        try:
            return self.jvm.org.apache.spark.deploy.SparkHadoopUtil.get().conf()
        except Exception:
            return self.jvm.org.apache.hadoop.conf.Configuration()

    def path(self, name):
        return self.jvm.org.apache.hadoop.fs.Path(self.root, name) if name else self.root

    def local(self, path):
        return self.jvm.org.apache.hadoop.fs.Path(self.jvm.java.io.File(path).toURI())

    @outlasting
    def exists(self, name):
        return self.files.exists(self.path(name))

    @outlasting
    def length(self, name):
        """Bytes of a file that is there."""
        return self.files.getFileStatus(self.path(name)).getLen()

    @outlasting
    def create(self, name, data, overwrite=False):
        """Writes a file. False when it is there and may not be overwritten: of several writers one gets True."""
        from py4j.protocol import Py4JJavaError
        try:
            stream = self.files.create(self.path(name), overwrite)
        except Py4JJavaError as error:
            if not overwrite and self.is_exists(error.java_exception):
                return False
            raise
        try:
            self.fill(stream, data)
        except Py4JJavaError as error:
            if overwrite or not self.may_pass(error):
                raise
            # It is there and ours: without overwriting, a second try would take it for another's.
            return self.create(name, data, True)
        return True

    def fill(self, stream, data):
        try:
            stream.write(bytearray(data))
        finally:
            stream.close()

    def is_exists(self, exception):
        """Another's file, also one that is being written at this moment."""
        name = exception.getClass().getName()
        return name.endswith('.FileAlreadyExistsException') or name.endswith('.AlreadyBeingCreatedException') \
            or 'already exists' in (exception.getMessage() or '')

    @outlasting
    def put(self, name, data):
        """Makes a file appear whole. False when there is one of that name, which may be of an attempt whose answer was lost."""
        folder, slash, last = name.rpartition('/')
        # A name for each attempt: what an earlier one has asked for may happen late.
        temporary = self.path('%s%s.%s.%s.new' % (folder, slash, last, nonce()))
        self.fill(self.files.create(temporary, True), data)
        if self.files.rename(temporary, self.path(name)):
            return True
        self.files.delete(temporary, False)
        return False

    @outlasting
    def read(self, name):
        """Bytes of a small file; None when there is none."""
        from py4j.protocol import Py4JJavaError
        try:
            stream = self.files.open(self.path(name))
        except Py4JJavaError as error:
            if error.java_exception.getClass().getName().endswith('FileNotFoundException'):
                return None
            raise
        try:
            return bytes(self.jvm.org.apache.commons.io.IOUtils.toByteArray(stream))
        finally:
            stream.close()

    @outlasting
    def delete(self, name):
        return self.files.delete(self.path(name), True)

    @outlasting
    def make_folder(self, name):
        self.files.mkdirs(self.path(name))

    @outlasting
    def download(self, name, target):
        self.files.copyToLocalFile(False, self.path(name), self.local(target), True)

    @outlasting
    def upload(self, source, name):
        """Copies a file or a folder of this machine, over what is there."""
        self.files.copyFromLocalFile(False, True, self.local(source), self.path(name))

    @outlasting
    def upload_in_pieces(self, source, name, tell):
        """The same for a large file: `tell(bytes)` hears after each piece how much of it is written."""
        content = self.jvm.java.io.FileInputStream(source)
        try:
            stream = self.files.create(self.path(name), True)
            try:
                while content.available() > 0:
                    self.jvm.org.apache.commons.io.IOUtils.copyLarge(content, stream, 0, PIECE)
                    tell(stream.getPos())
            finally:
                stream.close()
        finally:
            content.close()

    @outlasting
    def listing(self, name):
        """[(path below `name`, bytes, modified in milliseconds)] of all files; nothing when there is no such folder."""
        if not self.files.exists(self.path(name)):
            return []
        top = self.files.makeQualified(self.path(name)).toUri().getPath().rstrip('/') + '/'
        entries, found = self.files.listFiles(self.path(name), True), []
        while entries.hasNext():
            entry = entries.next()
            path = entry.getPath().toUri().getPath()
            if path.startswith(top):
                found.append((path[len(top):], entry.getLen(), entry.getModificationTime()))
        return found
