import type { CommandSpec } from '../../../cli/command.ts';
import { encryptionKeyOption, stateDirOption } from '../../store-options.ts';

export const storeCommand: CommandSpec = {
  name: 'store',
  summary: 'Check the store of the API, or rotate the key that seals its Secrets',
  description:
    'check: reads every page and record and compares objects, history and counts; tells the first thing that is wrong.\n' +
    'rotate: puts a new key first in the key file and writes the whole store anew, so that nothing of the old file remains.\n' +
    'Both need vmlet stopped; VMs keep running.',
  arguments: [{ syntax: '<action>', description: 'what to do', choices: ['check', 'rotate'] }],
  options: [
    { flags: '--forget', description: 'rotate: drop the older keys; backups sealed with them need their own copy' },
    stateDirOption,
    encryptionKeyOption,
  ],
  examples: [
    ['vmlet down && vmlet store check && vmlet up --detach', 'is everything as it was written?'],
    ['vmlet down && vmlet store rotate && vmlet up --detach', 'a new key, for instance after somebody saw the old'],
  ],
  load: async () => (await import('./run.ts')).run,
};
