/** Where each target is asked what the kit asks: test files by the name that the suite has there. The order is that of the page. */
export const suites: Readonly<Record<string, string>> = {
  local: 'plugins/local/test/target.test.ts',
  docker: 'plugins/docker/test/target.test.ts',
  remote: 'plugins/remote-user-managed/test/target.test.ts',
  remotedocker: 'plugins/remotedocker/test/target.slow.test.ts',
  cluster: 'plugins/hdinsight-livy/test/target.slow.test.ts',
  // Generated when it is asked for.
  mytarget: 'test/target.test.ts',
  broken: 'plugins/local/test/broken-target.test.ts',
}
