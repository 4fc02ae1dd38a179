import type { CommandSpec } from '../../../cli/command.ts';

export const downCommand: CommandSpec = {
  name: 'down',
  summary: 'Stop vmlet on this host; its VMs keep running',
  options: [
    { flags: '--run-dir <directory>', description: 'as given to `vmlet up`' },
    { flags: '--timeout <seconds>', description: 'how long to wait for it to end', defaultValue: '30' },
  ],
  examples: [['vmlet down', 'stop it; `vmlet up` takes the VMs over again']],
  load: async () => (await import('./run.ts')).run,
};
