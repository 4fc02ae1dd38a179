import { apiOptions, type CommandSpec } from '../../command.ts';

export const startCommand: CommandSpec = {
  name: 'start',
  arguments: [{ syntax: '<name>', description: 'name of the VirtualMachine' }],
  summary: 'Start a VirtualMachine',
  description:
    'Works for the run strategies Manual, Halted and RerunOnFailure; VMs with Always and Once start by themselves.',
  options: [
    { flags: '--paused', description: 'start it with its CPUs halted' },
    { flags: '--dry-run', description: 'check the request without doing it' },
    ...apiOptions,
  ],
  completes: 'vm',
  examples: [
    ['vmlet start web', 'start the VirtualMachine "web"'],
    ['vmlet start web -n lab', 'the one in the namespace "lab"'],
    ['vmlet start web --paused', 'hold it before its first instruction; `vmlet unpause web` lets it go'],
  ],
  load: async () => (await import('./run.ts')).run,
};
