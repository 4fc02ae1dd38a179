import { apiOptions, type CommandSpec } from '../../command.ts';

export const portForwardCommand: CommandSpec = {
  name: 'port-forward',
  arguments: [
    { syntax: '<name>', description: 'name of the VirtualMachineInstance' },
    { syntax: '<ports>', description: '[LOCAL:]REMOTE, several with commas; LOCAL 0 takes a free one' },
  ],
  summary: 'Carry connections from ports of this machine to ports of a VM',
  description:
    'Listens on this machine until Ctrl-C and carries every connection through the API to the VM, wherever the API is.\nTCP only.',
  options: [
    { flags: '--address <address>', description: 'address to listen on', defaultValue: '127.0.0.1' },
    ...apiOptions,
  ],
  completes: 'vmi',
  subjects: ['vm'],
  examples: [
    ['vmlet port-forward web 8080:80', 'http://127.0.0.1:8080/ is port 80 of "web"'],
    ['vmlet port-forward web 2222:22,8080:80', 'two ports'],
  ],
  load: async () => (await import('./run.ts')).run,
};
