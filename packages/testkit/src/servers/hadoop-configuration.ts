import { userInfo } from 'node:os'
import { join } from 'node:path'

/** Every port that the daemons listen on, by its use. */
export interface HadoopPorts {
  readonly nameNode: number
  readonly nameNodeWeb: number
  readonly dataNode: number
  readonly dataNodeWeb: number
  readonly dataNodeIpc: number
  readonly scheduler: number
  readonly tracker: number
  readonly manager: number
  readonly admin: number
  readonly managerWeb: number
  readonly node: number
  readonly localizer: number
  readonly nodeWeb: number
}

export const hadoopPortNames = [
  'nameNode',
  'nameNodeWeb',
  'dataNode',
  'dataNodeWeb',
  'dataNodeIpc',
  'scheduler',
  'tracker',
  'manager',
  'admin',
  'managerWeb',
  'node',
  'localizer',
  'nodeWeb',
] as const satisfies readonly (keyof HadoopPorts)[]

type Properties = Readonly<Record<string, string | number | boolean>>

/** The contents of `core-site.xml` and the like, by file name, for one-machine HDFS and YARN whose data are below `data`. */
export function hadoopConfiguration(data: string, ports: HadoopPorts, memory: number): Readonly<Record<string, string>> {
  const at = (port: keyof HadoopPorts) => `127.0.0.1:${ports[port]}`
  const user = userInfo().username
  const files: Readonly<Record<string, Properties>> = {
    'core-site.xml': {
      'fs.defaultFS': `hdfs://${at('nameNode')}`,
      'hadoop.tmp.dir': join(data, 'tmp'),
      [`hadoop.proxyuser.${user}.hosts`]: '*',
      [`hadoop.proxyuser.${user}.groups`]: '*',
      'hadoop.http.staticuser.user': user,
    },
    'hdfs-site.xml': {
      'dfs.replication': 1,
      'dfs.namenode.name.dir': `file://${join(data, 'name')}`,
      'dfs.datanode.data.dir': `file://${join(data, 'data')}`,
      'dfs.namenode.rpc-address': at('nameNode'),
      'dfs.namenode.http-address': at('nameNodeWeb'),
      'dfs.datanode.address': at('dataNode'),
      'dfs.datanode.http.address': at('dataNodeWeb'),
      'dfs.datanode.ipc.address': at('dataNodeIpc'),
      'dfs.datanode.hostname': '127.0.0.1',
      'dfs.namenode.safemode.extension': 0,
      'dfs.namenode.datanode.registration.ip-hostname-check': false,
    },
    'yarn-site.xml': {
      'yarn.resourcemanager.hostname': '127.0.0.1',
      'yarn.resourcemanager.scheduler.address': at('scheduler'),
      'yarn.resourcemanager.resource-tracker.address': at('tracker'),
      'yarn.resourcemanager.address': at('manager'),
      'yarn.resourcemanager.admin.address': at('admin'),
      'yarn.resourcemanager.webapp.address': at('managerWeb'),
      'yarn.nodemanager.hostname': '127.0.0.1',
      'yarn.nodemanager.address': at('node'),
      'yarn.nodemanager.localizer.address': at('localizer'),
      'yarn.nodemanager.webapp.address': at('nodeWeb'),
      'yarn.nodemanager.local-dirs': join(data, 'node-local'),
      'yarn.nodemanager.log-dirs': join(data, 'node-logs'),
      // The default is one folder of the machine: two clusters that begin at once take each other's files away.
      'yarn.node-attribute.fs-store.root-dir': `file://${join(data, 'node-attribute')}`,
      'yarn.node-labels.fs-store.root-dir': `file://${join(data, 'node-labels')}`,
      'yarn.nodemanager.resource.memory-mb': memory,
      'yarn.nodemanager.resource.cpu-vcores': 8,
      'yarn.scheduler.minimum-allocation-mb': 256,
      'yarn.nodemanager.vmem-check-enabled': false,
      // The default, 90, means that a machine with a fuller disk has no node.
      'yarn.nodemanager.disk-health-checker.max-disk-utilization-per-disk-percentage': 100,
      'yarn.log-aggregation-enable': true,
      'yarn.nodemanager.remote-app-log-dir': '/app-logs',
      'yarn.nodemanager.delete.debug-delay-sec': 600,
      'yarn.resourcemanager.nodemanagers.heartbeat-interval-ms': 200,
      'yarn.nodemanager.env-whitelist': 'JAVA_HOME,PATH,LANG',
    },
    'capacity-scheduler.xml': {
      'yarn.scheduler.capacity.root.queues': 'default',
      'yarn.scheduler.capacity.root.default.capacity': 100,
      'yarn.scheduler.capacity.maximum-am-resource-percent': 1.0,
    },
  }
  return Object.fromEntries(Object.entries(files).map(([name, properties]) => [name, xml(properties)]))
}

function xml(properties: Properties): string {
  const lines = Object.entries(properties).map(
    ([name, value]) =>
      `  <property><name>${name}</name><value>${typeof value === 'number' && name.includes('percent') ? value.toFixed(1) : value}</value></property>`,
  )
  return ['<?xml version="1.0"?>', '<configuration>', ...lines, '</configuration>', ''].join('\n')
}

/** `spark-defaults.conf` for such a cluster: small, and with the interpreter that PySpark is installed in. */
export function sparkDefaults(python: string, sparkHome: string): string {
  const settings: Properties = {
    // Else 345 MB go to HDFS with every submit.
    'spark.yarn.jars': `local:${sparkHome}/jars/*`,
    'spark.yarn.appMasterEnv.PYSPARK_PYTHON': python,
    'spark.executorEnv.PYSPARK_PYTHON': python,
    // Else the driver listens on the outer interface.
    'spark.yarn.appMasterEnv.SPARK_LOCAL_IP': '127.0.0.1',
    'spark.executorEnv.SPARK_LOCAL_IP': '127.0.0.1',
    'spark.driver.memory': '512m',
    'spark.executor.memory': '512m',
    'spark.executor.instances': 1,
    'spark.executor.cores': 1,
    'spark.ui.enabled': false,
    'spark.yarn.maxAppAttempts': 1,
    'spark.driver.extraJavaOptions': '-XX:TieredStopAtLevel=1',
    'spark.executor.extraJavaOptions': '-XX:TieredStopAtLevel=1',
  }
  return Object.entries(settings)
    .map(([name, value]) => `${name} ${value}\n`)
    .join('')
}
