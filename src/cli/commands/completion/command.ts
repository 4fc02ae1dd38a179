import type { CommandSpec } from '../../command.ts';

export const completionCommand: CommandSpec = {
  name: 'completion',
  arguments: [{ syntax: '<shell>', description: 'whose script', choices: ['bash', 'zsh', 'fish'] }],
  summary: 'Print the tab completion script of a shell',
  description: 'Completes commands, options, and the names of VMs and namespaces as the API server knows them.',
  examples: [
    ['source <(vmlet completion bash)', 'in this shell'],
    ['vmlet completion bash > /etc/bash_completion.d/vmlet', 'for everybody, in new shells'],
    ['vmlet completion fish > ~/.config/fish/completions/vmlet.fish', 'for fish'],
  ],
  load: async () => (await import('./run.ts')).run,
};
