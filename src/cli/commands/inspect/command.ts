import { apiOptions, type CommandSpec } from '../../command.ts';

export const inspectCommand: CommandSpec = {
  name: 'inspect',
  arguments: [
    { syntax: '<name>', description: 'name of the VirtualMachineInstance; `vm` or `net` may stand before it' },
    { syntax: '[vm-name]', description: 'the name, after `vm` or `net`' },
  ],
  summary: 'Show what a VM is in the kernel, or the path of its packets, and what is not as it should be',
  description:
    'inspect vm: processes and threads with their CPUs, limits, pressure, devices, links, routes, nftables rules with\n' +
    'counters, and disks of a running VM, as its node sees them now, beside what its manifest asks for; what was changed\n' +
    'by others. Ends with 0 when the VM could be looked at.\n' +
    'inspect net: the path of its packets, from the guest by TAP, bridge and nftables to the way out of the host, in both\n' +
    'directions and both families; looks twice and names the hop where packets stop. Ends with 1 when they do.',
  options: [
    { flags: '-w, --watch', description: 'look again every second, until Ctrl-C' },
    { flags: '--deep', description: 'also what takes long: whether the system call filter is that of the profile' },
    { flags: '-o, --output <format>', description: 'output format', choices: ['json', 'yaml'] },
    ...apiOptions,
  ],
  completes: 'vmi',
  subjects: ['vm', 'net'],
  examples: [
    ['vmlet inspect vm web', 'one page about the VM "web"; `vmlet inspect web` is the same'],
    ['vmlet inspect vm web --deep', 'also read the system call filter from the kernel'],
    ['vmlet inspect vm web --watch', 'see counters and memory change'],
    ['vmlet inspect vm web -n lab -o yaml', 'for a program; `drift` lists what is not as it should be'],
    ['vmlet inspect net web', 'where do packets from and to the VM "web" stop?'],
    ['vmlet inspect net web --watch -o json', 'one line of JSON a second'],
  ],
  load: async () => (await import('./run.ts')).run,
};
