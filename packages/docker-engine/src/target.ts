/** What a target of containers is made with, and no more: what only some commands need is loaded by them. */
export { type OpenedOnce, openOnce } from '@errand/agent'
export { type DockerPlace, createDockerTarget } from './docker-target.ts'
export { usualSocket } from './engine-address.ts'
