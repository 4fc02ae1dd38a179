import { apiOptions, type CommandSpec } from '../../command.ts';

export const consoleCommand: CommandSpec = {
  name: 'console',
  arguments: [{ syntax: '<name>', description: 'name of the VirtualMachineInstance' }],
  summary: 'Open the serial console of a guest; ^] leaves it',
  description:
    'Shows the last output and then the live console. Several people can look at once. ^] (Ctrl and ]) leaves without\ntouching the guest.',
  options: [
    { flags: '--timeout <seconds>', description: 'how long to wait for the guest to run', defaultValue: '60' },
    ...apiOptions,
  ],
  completes: 'vmi',
  examples: [['vmlet console web', 'the console of "web"; press Enter for its prompt, ^] to leave']],
  load: async () => (await import('./run.ts')).run,
};
