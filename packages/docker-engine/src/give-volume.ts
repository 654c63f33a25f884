import type { AgentHost } from '@errand/agent'
import { type CallOptions, ErrandError } from '@errand/core'
import { storeFolder } from './store-volume.ts'

/** A user and a group, as names or numbers, are those of the image. */
const program = `import os, sys
user, _, group = sys.argv[2].partition(":")
def number(text, find):
    return int(text) if text.isdigit() else find(text)
import grp, pwd
uid = number(user, lambda name: pwd.getpwnam(name).pw_uid)
if group:
    gid = number(group, lambda name: grp.getgrnam(name).gr_gid)
else:
    gid = pwd.getpwuid(uid).pw_gid if any(entry.pw_uid == uid for entry in pwd.getpwall()) else 0
os.chown(sys.argv[1], uid, gid)
`

/** Makes the store belong to the container's user. `host` runs commands as root. Error: `VOLUME_NOT_GIVEN`. */
export async function giveVolume(
  host: AgentHost,
  user: string,
  pythons: readonly string[],
  { signal }: Pick<CallOptions, 'signal'>,
): Promise<void> {
  const [python = 'python3'] = pythons
  const { exitCode, stderr } = await host.run([python, '-E', '-s', '-S', '-c', program, storeFolder, user], { signal })
  if (exitCode === 0) return
  const last = stderr.toString('utf8').trim().split('\n').at(-1) ?? ''
  throw new ErrandError('VOLUME_NOT_GIVEN', `The ${host.name} could not be handed over to the user ${user}: ${last}`, {
    hint: 'Name a user that the image knows, or a number.',
  })
}
