import type { TargetDefinition } from '@errand/core'

/** Data for the definitions of targets behind SSH: importing it loads nothing. */

/** What a login may ask for. */
export const machineSecrets = {
  password: { description: 'Password', optional: true },
  passphrase: { description: 'Passphrase of the private key', optional: true },
  jumpPassword: { description: 'Password of the jump host', optional: true },
} satisfies TargetDefinition['secrets']

/** What `computetarget attach` takes besides the settings, in the spellings of the original. `attachMachine` does what they say. */
export const machineFlags = {
  address: { char: 'a', help: 'The machine: HOST, HOST:PORT, [IPv6]:PORT, or a name of your SSH configuration.' },
  username: { char: 'u', help: 'User to log in as.' },
  useAzuremlSshKey: {
    char: 'k',
    boolean: true,
    help: 'Log in with a key of this project, which is made when there is none, and let that machine know it.',
    writes: { privateKey: 'project' },
  },
  privateKeyFile: {
    help: 'Log in with this key once, to let that machine know the key of this project.',
    writes: { privateKey: 'project' },
  },
  privateKeyPassphrase: { help: 'Its passphrase. Shell histories keep it: better leave it away and be asked.' },
  acceptHostKey: { help: 'Accept the host key with this fingerprint, SHA256:…, when the machine is met for the first time.' },
} satisfies NonNullable<TargetDefinition['attach']>['flags']
