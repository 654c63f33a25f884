import { join } from 'node:path'
import { expect, it } from 'vitest'
import { type TemporaryProject, temporaryProject } from './project.ts'

const attach = (project: TemporaryProject, line: string) => project.errand('computetarget', 'attach', ...line.split(' '))

it('shows a target as it is understood, and no secret', async () => {
  using project = temporaryProject()
  project.write(
    'aml_config/vm.compute',
    'type: remote\naddress: gpu\nusername: ann\npassword: c4nary-P4ss\nstorageKey: c4nary-K3y-of-the-storage\n',
  )
  const { stdout, stderr } = await project.errand('computetarget', 'show', 'vm')
  expect(JSON.parse(stdout)).toMatchObject({
    name: 'vm',
    type: 'remote',
    address: 'gpu',
    pythonLocation: 'python',
    password: 'compute file',
  })
  expect(`${stdout}${stderr}`).not.toContain('c4nary')
  await attach(project, 'remotedocker -n far -a gpu -u ann -w c4nary-P4ss')
  const far = await project.errand('computetarget', 'show', 'far')
  expect(JSON.parse(far.stdout)).toMatchObject({ type: 'remotedocker', address: 'gpu', sharedVolumes: true })
  expect(far.stdout).not.toContain('c4nary')
})

it('detaches a target with its secret and names what still points to it', async () => {
  using project = temporaryProject()
  await attach(project, 'remote -n vm -a gpu -u ann -w x')
  await project.errand('runconfiguration', 'create', '-n', 'nightly', '-t', 'vm')
  project.write('aml_config/vm.compute', `${project.read('aml_config/vm.compute')}password: null\n`)
  const detached = await project.errand('computetarget', 'detach', '-n', 'vm')
  expect(detached).toMatchObject({
    exitCode: 0,
    stdout: 'Compute target vm detached: aml_config/vm.compute deleted; forgotten: password.\n',
  })
  expect(detached.stderr).toBe('aml_config/nightly.runconfig still points to vm.\naml_config/vm.runconfig still points to vm.\n')
  expect(JSON.parse((await project.errand('secret', 'list')).stdout)).toEqual([])
  expect(project.has('aml_config/vm.runconfig')).toBe(true)
  const again = await project.errand('computetarget', 'detach', '-n', 'vm')
  expect([again.exitCode, again.stderr]).toEqual([1, expect.stringMatching(/^ERROR: There is no target vm/)])
})

it('checks a target hop by hop: one line each, exit code 1 when something failed', async () => {
  using project = temporaryProject()
  const good = await project.errand('computetarget', 'check', 'local')
  expect(good.exitCode).toBe(0)
  expect(good.stdout).toMatch(/^ok {6}configuration: .*\nok {6}python: Python 3.*\nok {6}folder: /)
  project.write('aml_config/broken.compute', 'type: local\npythonLocation: /no/such/python\n')
  const bad = await project.errand('computetarget', 'check', 'broken', '-o', 'json')
  expect(bad.exitCode).toBe(1)
  expect(JSON.parse(bad.stdout)).toEqual([
    { name: 'configuration', outcome: 'ok', detail: 'aml_config/broken.compute, type local' },
    { name: 'python', outcome: 'failed', detail: expect.stringContaining('/no/such/python'), hint: expect.any(String) },
  ])
  project.write('aml_config/empty.compute', '')
  expect(await project.errand('computetarget', 'check', 'empty')).toMatchObject({
    exitCode: 1,
    stdout: expect.stringMatching(/^failed +configuration: aml_config\/empty/),
  })
  project.write('aml_config/far.compute', 'type: remotedocker\naddress: gpu.invalid\nusername: ann\n')
  const far = await project.errand('computetarget', 'check', 'far')
  expect(far.stdout).toMatch(/^ok +configuration: .*\nfailed +address: .* gpu\.invalid\.\n +Correct the address/)
})

it('gives the key of a project to a colleague and takes it', async () => {
  using mine = temporaryProject()
  using theirs = temporaryProject()
  const none = await mine.errand('computetarget', 'key', 'export')
  expect([none.exitCode, none.stdout]).toEqual([1, ''])
  const body = Buffer.concat([Buffer.from('openssh-key-v1\0'), Buffer.alloc(200, 7)]).toString('base64')
  const key = `-----BEGIN OPENSSH PRIVATE KEY-----\n${body}\n-----END OPENSSH PRIVATE KEY-----\n`
  const imported = await mine.errandWith({ input: key.replaceAll('\n', '\r\n') }, 'computetarget', 'key', 'import')
  expect(imported).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(join(mine.parent, 'config/keys')) })
  const exported = await mine.errand('computetarget', 'key', 'export')
  expect(exported.stdout).toBe(key)
  expect(exported.stderr).toContain('whoever has it can log in')
  theirs.write('team-key', exported.stdout)
  expect(await theirs.errand('computetarget', 'key', 'import', 'team-key')).toMatchObject({ exitCode: 0 })
  expect(await theirs.errand('computetarget', 'key', 'import', 'team-key')).toMatchObject({ exitCode: 0 })
  const other = `-----BEGIN OPENSSH PRIVATE KEY-----\n${Buffer.from(`openssh-key-v1\0other`).toString('base64')}\n-----END OPENSSH PRIVATE KEY-----\n`
  expect(await theirs.errandWith({ input: other }, 'computetarget', 'key', 'import')).toMatchObject({ exitCode: 1 })
  expect((await theirs.errand('computetarget', 'key', 'export')).stdout).toBe(key)
  const garbage = await theirs.errandWith({ input: 'ssh-ed25519 AAAA ann\n' }, 'computetarget', 'key', 'import')
  expect([garbage.exitCode, garbage.stderr]).toEqual([1, expect.stringMatching(/^ERROR: What was given is no private key/)])
})
