/**
 * Images that a target without `baseDockerImage` starts from; `docs/docker.md` says why these. They are pinned by tag: a digest is part of the
 * environment's key anyway, as the engine has it.
 */
export const defaultImages = {
  python: 'python:3.12-slim-bookworm',
  pyspark: 'apache/spark:3.5.7-java17-python3',
} as const
