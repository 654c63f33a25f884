export { type Agent, type AgentPlace, openAgent } from './agent.ts'
export type { Answer, CallParameters, CallSettings, Hello } from './connection.ts'
export { unlessAborted } from './repeated-call.ts'
export { type Launch, type ObjectSource, agentLeftovers, findRun, removeAgentLeftover, runHandle, submitRun } from './agent-run.ts'
