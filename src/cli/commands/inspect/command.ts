import { apiOptions, type CommandSpec } from '../../command.ts';

export const inspectCommand: CommandSpec = {
  name: 'inspect',
  arguments: [{ syntax: '<name>', description: 'name of the VirtualMachineInstance' }],
  summary: 'Show what a VM is in the kernel, and whether it is as it should be',
  description:
    'Processes, limits, devices, links, routes, nftables rules with counters, and disks\n' +
    'of a running VM, as its node sees them now, beside what its manifest asks for.',
  options: [
    { flags: '-w, --watch', description: 'look again every second, until Ctrl-C' },
    { flags: '-o, --output <format>', description: 'output format', choices: ['json', 'yaml'] },
    ...apiOptions,
  ],
  completes: 'vmi',
  examples: [
    ['vmlet inspect web', 'one page about the VM "web"'],
    ['vmlet inspect web --watch', 'see counters and memory change'],
    ['vmlet inspect web -n lab -o yaml', 'for a program; `drift` lists what is not as it should be'],
    ['vmlet inspect web --watch -o json', 'one line of JSON a second'],
  ],
  load: async () => (await import('./run.ts')).run,
};
