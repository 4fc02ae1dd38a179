import { apiOptions, type CommandSpec } from '../../command.ts';

export const explainCommand: CommandSpec = {
  name: 'explain',
  arguments: [{ syntax: '[name]', description: 'a running VM: what differs from its plan now' }],
  summary: 'Show every kernel operation that a manifest would cause, and why, without doing any',
  description:
    'With -f, asks the node what it would do for a VirtualMachine or VirtualMachineInstance: control group, links,\n' +
    'addresses, nftables rules, files, the libvirt domain; and what stands in the way. Nothing is stored or changed.\n' +
    'With a name, compares a running VM with its plan: what somebody changed, and how it would be put back.\n' +
    'Ends with 1 when there are conflicts or differences.',
  options: [
    { flags: '-f, --filename <file>', description: 'manifest, YAML or JSON; - for standard input' },
    { flags: '--details', description: 'also rules, file contents and XML' },
    { flags: '-o, --output <format>', description: 'output format', choices: ['json', 'yaml'] },
    ...apiOptions,
  ],
  completes: 'vmi',
  examples: [
    ['vmlet explain -f vm.yaml', 'what would happen, step by step'],
    ['vmlet explain -f vm.yaml --details | less', 'with the rules and the XML'],
    ['vmlet explain web', 'what differs from the plan of the running VM "web"'],
    ['kubectl get vm web -o yaml | vmlet explain -f -', 'the next start of a VM that is there'],
  ],
  load: async () => (await import('./run.ts')).run,
};
