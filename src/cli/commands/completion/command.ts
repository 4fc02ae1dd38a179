import type { CommandSpec } from '../../command.ts';

export const completionCommand: CommandSpec = {
  name: 'completion',
  arguments: [{ syntax: '<shell>', description: 'bash, zsh or fish' }],
  summary: 'Print the tab completion script of a shell',
  examples: [
    ['source <(vmlet completion bash)', 'in this shell'],
    ['vmlet completion bash > /etc/bash_completion.d/vmlet', 'for everybody'],
  ],
  load: async () => (await import('./run.ts')).run,
};
