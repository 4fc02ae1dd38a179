import { apiOptions, type CommandSpec } from '../../command.ts';

export const logsCommand: CommandSpec = {
  name: 'logs',
  arguments: [{ syntax: '<name>', description: 'name of the VirtualMachineInstance' }],
  summary: "Show a guest's last serial output, or QEMU's log",
  options: [{ flags: '--qemu', description: "QEMU's own log instead of the guest's serial output" }, ...apiOptions],
  completes: 'vmi',
  examples: [
    ['vmlet logs web', 'what the guest wrote to its serial console'],
    ['vmlet logs web --qemu', "QEMU's command line and warnings"],
  ],
  load: async () => (await import('./run.ts')).run,
};
