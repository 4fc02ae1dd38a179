import { apiOptions, type CommandSpec } from '../../command.ts';

export const startCommand: CommandSpec = {
  name: 'start',
  arguments: [{ syntax: '<name>', description: 'name of the VirtualMachine' }],
  summary: 'Start a VirtualMachine',
  options: [
    { flags: '--paused', description: 'start it with its CPUs halted' },
    { flags: '--dry-run', description: 'check the request without doing it' },
    ...apiOptions,
  ],
  completes: 'vm',
  examples: [
    [
      'vmlet start web',
      'Start a VirtualMachine in the current namespace'.replace('a VirtualMachine', 'the VirtualMachine "web"'),
    ],
  ],
  load: async () => (await import('./run.ts')).run,
};
