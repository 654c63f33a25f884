export { type SshDestination, parseAddress } from './destination.ts'
export { type ResolvedDestination, resolveDestination } from './ssh-config.ts'
export { type SshHost, type SshOptions, openSshHost } from './ssh-host.ts'
