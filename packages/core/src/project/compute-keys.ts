import type { KeyKind } from './values.ts'

/** A key of `.compute` files and the types of the original that use it. */
export interface ComputeKey {
  readonly kind: KeyKind
  readonly types: readonly string[]
}

const remoteTypes = ['remotedocker', 'remote', 'cluster']
const dockerTypes = ['docker', 'remotedocker']

/** Source: `reference/config-files.md` §2.2. Keys of no type are what the successor's cloud services read. */
export const computeKeys: Readonly<Record<string, ComputeKey>> = {
  address: { kind: 'text', types: remoteTypes },
  username: { kind: 'text', types: remoteTypes },
  password: { kind: 'secret', types: remoteTypes },
  privateKey: { kind: 'text', types: remoteTypes },
  baseDockerImage: { kind: 'text', types: dockerTypes },
  sharedVolumes: { kind: 'boolean', types: dockerTypes },
  nativeSharedDirectory: { kind: 'path', types: ['local', 'docker', 'remotedocker', 'remote'] },
  nvidiaDocker: { kind: 'boolean', types: dockerTypes },
  userManagedEnvironment: { kind: 'boolean', types: ['local', ...remoteTypes] },
  pythonLocation: { kind: 'text', types: ['local', 'remote'] },
  sparkSubmitLocation: { kind: 'text', types: ['local'] },
  yarnDeployMode: { kind: 'text', types: ['cluster'] },
  cluster: { kind: 'boolean', types: [] },
  native: { kind: 'boolean', types: [] },
  nodeCount: { kind: 'any', types: [] },
  subscriptionId: { kind: 'any', types: [] },
  resourceGroup: { kind: 'any', types: [] },
  clusterName: { kind: 'any', types: [] },
  workspaceName: { kind: 'any', types: [] },
  imageRepository: { kind: 'any', types: [] },
}
