import { apiOptions, type CommandSpec } from '../../command.ts';

export const versionCommand: CommandSpec = {
  name: 'version',
  summary: 'Print the version of this command and of the API server',
  options: [
    { flags: '--client', description: 'this command only' },
    { flags: '-o, --output <format>', description: 'output format', choices: ['json', 'yaml'] },
    ...apiOptions,
  ],
  examples: [
    ['vmlet version', 'client and server'],
    ['vmlet version --client -o json', 'for a program'],
  ],
  load: async () => (await import('./run.ts')).run,
};
