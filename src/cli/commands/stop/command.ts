import { apiOptions, type CommandSpec } from '../../command.ts';

export const stopCommand: CommandSpec = {
  name: 'stop',
  arguments: [{ syntax: '<name>', description: 'name of the VirtualMachine' }],
  summary: 'Shut a VirtualMachine down',
  description: 'Asks the guest by ACPI, and stops it by force when its grace period is over.',
  options: [
    { flags: '--grace-period <seconds>', description: 'seconds until it is stopped by force' },
    { flags: '--force', description: 'stop at once: the guest does not shut down' },
    { flags: '--dry-run', description: 'check the request without doing it' },
    ...apiOptions,
  ],
  completes: 'vm',
  examples: [
    ['vmlet stop web', 'ask the guest of "web" to shut down'],
    ['vmlet stop web --grace-period 5', 'and stop it by force after 5 seconds'],
    ['vmlet stop web --force', 'as if its power was cut'],
  ],
  load: async () => (await import('./run.ts')).run,
};
