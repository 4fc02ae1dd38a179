import { apiOptions, type CommandSpec } from '../../command.ts';

export const pauseCommand: CommandSpec = {
  name: 'pause',
  arguments: [{ syntax: '<name>', description: 'name of the VirtualMachineInstance' }],
  summary: 'Halt the CPUs of a running guest',
  description: 'The guest keeps its memory, disks and addresses, and does nothing until it is unpaused.',
  options: [{ flags: '--dry-run', description: 'check the request without doing it' }, ...apiOptions],
  completes: 'vmi',
  examples: [['vmlet pause web', 'halt the CPUs of "web"; `vmlet unpause web` lets it go on']],
  load: async () => (await import('./run.ts')).run,
};
