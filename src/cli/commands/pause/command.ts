import { apiOptions, type CommandSpec } from '../../command.ts';

export const pauseCommand: CommandSpec = {
  name: 'pause',
  arguments: [{ syntax: '<name>', description: 'name of the VirtualMachineInstance' }],
  summary: 'Halt the CPUs of a running guest',
  options: [{ flags: '--dry-run', description: 'check the request without doing it' }, ...apiOptions],
  completes: 'vmi',
  examples: [['vmlet pause web', 'Halt the CPUs of a running guest']],
  load: async () => (await import('./run.ts')).run,
};
