import type { CommandSpec } from '../../../cli/command.ts';
import { encryptionKeyOption, stateDirOption } from '../../store-options.ts';

export const backupCommand: CommandSpec = {
  name: 'backup',
  summary: 'Write all objects of the API to a file',
  description:
    'Takes every object as it is at one moment, with the history that watches resume from, while vmlet runs or not.\n' +
    'The file is compressed, checksummed, readable by root only, and complete or not there. Secrets in it stay sealed:\n' +
    'to restore on another host, add --with-keys or copy the key file there yourself.\n' +
    'Disks of VMs are not in it.',
  arguments: [{ syntax: '<file>', description: 'where to write; - is standard output' }],
  options: [
    {
      flags: '--with-keys',
      description: 'also the certificates and the keys of sealed Secrets: guard such a file well',
    },
    { flags: '--force', description: 'replace the file if it exists' },
    {
      flags: '--check',
      description: 'write nothing: look through the file, an earlier backup, and say whether it is good',
    },
    stateDirOption,
    encryptionKeyOption,
  ],
  examples: [
    ['vmlet backup /root/vmlet.backup', 'all objects; keys stay on the host'],
    ['vmlet backup --with-keys /root/vmlet.backup', 'all that another host needs to take over'],
    ['vmlet backup - | ssh backup-host tee vmlet.backup >/dev/null', 'straight to another host'],
    ['vmlet backup --check /root/vmlet.backup', 'is it whole?'],
  ],
  load: async () => (await import('./run.ts')).run,
};
