import { apiOptions, type CommandSpec } from '../../command.ts';

export const unpauseCommand: CommandSpec = {
  name: 'unpause',
  arguments: [{ syntax: '<name>', description: 'name of the VirtualMachineInstance' }],
  summary: 'Let a paused guest go on',
  options: [{ flags: '--dry-run', description: 'check the request without doing it' }, ...apiOptions],
  completes: 'vmi',
  examples: [['vmlet unpause web', 'let "web" go on where it was paused']],
  load: async () => (await import('./run.ts')).run,
};
