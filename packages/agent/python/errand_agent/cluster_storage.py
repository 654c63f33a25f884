"""The cluster's file system as the driver's JVM sees it: HDFS, ABFS, WASB or whatever Hadoop has a class for."""


class ClusterStorage:
    """Files below one folder. Names are relative to it, with forward slashes."""

    def __init__(self, gateway, root):
        self.gateway, self.jvm = gateway, gateway.jvm
        self.root = self.jvm.org.apache.hadoop.fs.Path(root)
        self.files = self.root.getFileSystem(self.configuration())

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

    def exists(self, name):
        return self.files.exists(self.path(name))

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
            stream.write(bytearray(data))
        finally:
            stream.close()
        return True

    def is_exists(self, exception):
        """Another's file, also one that is being written at this moment."""
        name = exception.getClass().getName()
        return name.endswith('.FileAlreadyExistsException') or name.endswith('.AlreadyBeingCreatedException') \
            or 'already exists' in (exception.getMessage() or '')

    def put(self, name, data):
        """Makes a file appear whole. False when there is one of that name."""
        folder, _, last = name.rpartition('/')
        temporary = '%s/.%s.new' % (folder, last) if folder else '.%s.new' % last
        self.create(temporary, data, True)
        if self.files.rename(self.path(temporary), self.path(name)):
            return True
        self.files.delete(self.path(temporary), False)
        return False

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

    def delete(self, name):
        return self.files.delete(self.path(name), True)

    def make_folder(self, name):
        self.files.mkdirs(self.path(name))

    def download(self, name, target):
        self.files.copyToLocalFile(False, self.path(name), self.local(target), True)

    def upload(self, source, name):
        """Copies a file or a folder of this machine, over what is there."""
        self.files.copyFromLocalFile(False, True, self.local(source), self.path(name))

    def listing(self, name):
        """(path below `name`, bytes, modified in milliseconds) of each file; nothing when there is no such folder."""
        if not self.exists(name):
            return
        top = self.files.makeQualified(self.path(name)).toUri().getPath().rstrip('/') + '/'
        entries = self.files.listFiles(self.path(name), True)
        while entries.hasNext():
            entry = entries.next()
            path = entry.getPath().toUri().getPath()
            if path.startswith(top):
                yield path[len(top):], entry.getLen(), entry.getModificationTime()
