import type { CommandSpec } from '../../../cli/command.ts';

export const demoCommand: CommandSpec = {
  name: 'demo',
  summary: 'Run one VM from manifest to web page and back, and show what happens in the kernel',
  options: [{ flags: '--keep', description: 'leave the VM and vmlet running' }],
  examples: [['vmlet demo', 'about 15 seconds; leaves nothing behind']],
  load: async () => (await import('./run.ts')).run,
};
