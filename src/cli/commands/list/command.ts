import { apiOptions, outputOption, type CommandSpec } from '../../command.ts';

export const listCommand: CommandSpec = {
  name: 'list',
  summary: 'List VMs with their state, addresses and node',
  description: 'Shows every VirtualMachine, and every VirtualMachineInstance that no VirtualMachine owns.',
  options: [{ flags: '-A, --all-namespaces', description: 'in all namespaces' }, outputOption, ...apiOptions],
  examples: [
    ['vmlet list', 'the VMs of the current namespace'],
    ['vmlet list -A -o wide', 'all VMs, with emulation and pause state'],
    ['vmlet list -n lab -o name', 'only the names, one a line'],
    ['vmlet list -o json', 'for a program'],
  ],
  load: async () => (await import('./run.ts')).run,
};
