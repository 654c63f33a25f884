"""What Livy is asked to run: `errand_agent_driver.py HOME RUN AGENT`. Brings the agent from the cluster's storage and leaves the rest to it."""
import json
import os
import shutil
import sys
import tempfile


def main():
    home, run, agent = sys.argv[1:4]
    from pyspark.java_gateway import launch_gateway
    gateway = launch_gateway()
    # YARN gives each driver a folder of its own that goes with it; elsewhere the driver is where Livy is, and cleans up.
    contained = 'CONTAINER_ID' in os.environ
    folder = os.path.abspath('errand-' + run) if contained else tempfile.mkdtemp(prefix='errand-' + run + '-')
    try:
        return supervise(gateway, home, run, agent, folder)
    finally:
        if not contained:
            shutil.rmtree(folder, ignore_errors=True)


def supervise(gateway, home, run, agent, folder):
    package = os.path.join(folder, 'agent')
    os.makedirs(package)
    for name, text in files_of_agent(gateway.jvm, home + '/agent/' + agent + '/agent.json', folder).items():
        path = os.path.join(package, *name.split('/'))
        if not os.path.isdir(os.path.dirname(path)):
            os.makedirs(os.path.dirname(path))
        with open(path, 'wb') as file:
            file.write(text.encode('utf-8'))
    os.environ['ERRAND_HOME'] = os.path.join(folder, 'home')
    sys.path.insert(0, package)
    from errand_agent import driver
    return driver.main(gateway, home, run)


def files_of_agent(jvm, source, folder):
    """{path: text}. The JVM knows the cluster's storage, whichever it is."""
    path, copy = jvm.org.apache.hadoop.fs.Path(source), os.path.join(folder, 'agent.json')
    files = path.getFileSystem(jvm.org.apache.hadoop.conf.Configuration())
    files.copyToLocalFile(False, path, jvm.org.apache.hadoop.fs.Path('file://' + copy), True)
    with open(copy, 'rb') as file:
        return json.loads(file.read().decode('utf-8'))


if __name__ == '__main__':
    sys.exit(main())
