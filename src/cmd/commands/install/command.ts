import type { CommandSpec } from '../../../cli/command.ts';

export const installCommand: CommandSpec = {
  name: 'install',
  summary: 'Install vmlet as a systemd service',
  options: [
    { flags: '--uninstall', description: 'remove the service' },
    { flags: '--print', description: 'print the unit and change nothing' },
  ],
  examples: [
    ['vmlet install', 'write the unit, start it now and at boot'],
    ['vmlet install --print', 'look at the unit first'],
  ],
  load: async () => (await import('./run.ts')).run,
};
