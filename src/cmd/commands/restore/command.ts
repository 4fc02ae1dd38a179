import type { CommandSpec } from '../../../cli/command.ts';
import { encryptionKeyOption, stateDirOption } from '../../store-options.ts';

export const restoreCommand: CommandSpec = {
  name: 'restore',
  summary: 'Bring back the objects of a backup, while vmlet is stopped',
  description:
    'Looks through the whole backup first, then puts it in place at once: what was there before stays until then, and beside\n' +
    'it afterwards. VMs of the backup start with the next `vmlet up` as their manifests say; disks are not in a backup.',
  arguments: [{ syntax: '<file>', description: 'what `vmlet backup` wrote; - is standard input' }],
  options: [
    { flags: '--force', description: 'replace the objects that are there' },
    stateDirOption,
    encryptionKeyOption,
  ],
  examples: [
    ['vmlet restore /root/vmlet.backup', 'on a host where vmlet has no objects yet'],
    ['vmlet down && vmlet restore --force /root/vmlet.backup && vmlet up --detach', 'back to an earlier state'],
  ],
  load: async () => (await import('./run.ts')).run,
};
