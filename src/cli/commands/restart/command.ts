import { apiOptions, type CommandSpec } from '../../command.ts';

export const restartCommand: CommandSpec = {
  name: 'restart',
  arguments: [{ syntax: '<name>', description: 'name of the VirtualMachine' }],
  summary: 'Shut a VirtualMachine down and start it again',
  options: [
    { flags: '--grace-period <seconds>', description: 'seconds until it is stopped by force' },
    { flags: '--dry-run', description: 'check the request without doing it' },
    ...apiOptions,
  ],
  completes: 'vm',
  examples: [
    ['vmlet restart web', 'shut the guest of "web" down and boot it again'],
    ['vmlet restart web --grace-period 5', 'by force if it has not shut down after 5 seconds'],
  ],
  load: async () => (await import('./run.ts')).run,
};
