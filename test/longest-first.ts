import { existsSync } from 'node:fs'
import { join, posix } from 'node:path'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/**
 * Files that take minutes, by turns of what they wait for (YARN, an engine, many interpreters, a package server).
 * Without cached durations, as in a clean clone, vitest begins with the biggest files; a kit of conformance is a
 * small file that takes ten minutes, and at the end all workers but one would wait for it.
 */
const longest = [
  'plugins/hdinsight-livy/test/yarn.slow.test.ts',
  'plugins/docker/test/podman.slow.test.ts',
  'packages/agent/test/python.test.ts',
  'packages/docker-engine/test/index-credentials.slow.test.ts',
  'plugins/hdinsight-livy/test/target.slow.test.ts',
  'plugins/remotedocker/test/target.slow.test.ts',
  'plugins/hdinsight-livy/test/nameless.slow.test.ts',
  'test/published.slow.test.ts',
  'plugins/docker/test/target.test.ts',
  'plugins/hdinsight-livy/test/environment.slow.test.ts',
  'test/managed-environments.slow.test.ts',
  'plugins/remotedocker/test/without-forwarding.slow.test.ts',
  'test/cluster.slow.test.ts',
  'plugins/hdinsight-livy/test/managed.slow.test.ts',
  'test/docker-examples.slow.test.ts',
  'packages/docker-engine/test/moved-base.slow.test.ts',
  'plugins/remote-user-managed/test/target.test.ts',
  'test/million-lines.slow.test.ts',
]

/** The longest files first, the others as vitest would have them. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const { root } = this.ctx.config
    const gone = longest.filter((name) => !existsSync(join(root, name)))
    if (gone.length > 0) throw new Error(`test/longest-first.ts names files that are not there: ${gone.join(', ')}`)
    const place = (file: TestSpecification) => longest.indexOf(posix.relative(root, file.moduleId)) + 1 || longest.length + 1
    // oxlint-disable-next-line unicorn/no-array-sort -- not an array: the method of vitest
    const sorted = await super.sort(files)
    return sorted.toSorted((one, other) => place(one) - place(other))
  }
}
