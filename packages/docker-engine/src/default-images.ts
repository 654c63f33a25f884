/**
 * Images that a target without `baseDockerImage` starts from; `docs/docker.md` says why these. A tag moves with every fix of Debian or Ubuntu below
 * it, so the digest says which image is meant; each is that of an index of linux/amd64 and linux/arm64. Several public repositories that have
 * nothing to do with each other pair the tag and the digest so: for Python Dockerfiles (September 2026), for Spark the record of the Docker
 * Official Images (docker-library/repo-info, `repos/spark/remote/3.5.9-java17-python3.md`) and the pinned base of another project.
 */
export const defaultImages = {
  python: 'python:3.12.14-slim-bookworm@sha256:782412e85d0f0984994c290652577d4018aff08145c85b262bb63dc0c7522254',
  pyspark: 'spark:3.5.9-java17-python3@sha256:0fd2f57b122301c9fd02988ba8d7d68f03fa6f680ba092a9e6249c92610bd2ed',
} as const
