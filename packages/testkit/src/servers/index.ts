export { type Sshd, type SshdSettings, type TestKey, makeTestKey, sshdProblem, startSshd } from './sshd.ts'
export { type FaultyProxy, startFaultyProxy } from './faulty-proxy.ts'
