import { apiOptions, type CommandSpec } from '../../command.ts';

export const stopCommand: CommandSpec = {
  name: 'stop',
  arguments: [{ syntax: '<name>', description: 'name of the VirtualMachine' }],
  summary: 'Shut a VirtualMachine down',
  options: [
    { flags: '--grace-period <seconds>', description: 'seconds until it is stopped by force' },
    { flags: '--force', description: 'stop at once: the guest does not shut down' },
    { flags: '--dry-run', description: 'check the request without doing it' },
    ...apiOptions,
  ],
  completes: 'vm',
  examples: [
    [
      'vmlet stop web',
      'Shut a VirtualMachine down in the current namespace'.replace('a VirtualMachine', 'the VirtualMachine "web"'),
    ],
  ],
  load: async () => (await import('./run.ts')).run,
};
