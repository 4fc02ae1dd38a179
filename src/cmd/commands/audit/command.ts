import type { CommandSpec } from '../../../cli/command.ts';

export const auditCommand: CommandSpec = {
  name: 'audit',
  summary: 'Find what belongs to no VM, and what VMs lack, down to the kernel; --repair mends it',
  description:
    'Looks at links, nftables tables, control groups, processes, namespaces, mounts, sandboxes and files that have ' +
    'the mark of this instance, and at what the plans of running VMs say is missing.\n\n' +
    'Works while vmlet runs (through its API, which knows all VMs) and, for what was left behind, when it is down: ' +
    "then what nothing runs for counts as nobody's, and what cannot be told is said to be undecided.\n\n" +
    'Nothing is changed without --repair, and never anything without our mark or of another instance.\n\n' +
    'Exit code: 0 clean or all repaired, 1 findings, 2 a wrong command line.',
  options: [
    { flags: '--repair', description: "remove what is nobody's, put back what is missing" },
    { flags: '--state-dir <directory>', description: 'as given to `vmlet up`' },
    { flags: '--run-dir <directory>', description: 'as given to `vmlet up`' },
    { flags: '--bridge <name>', description: 'as given to `vmlet up`', defaultValue: 'vmlet0' },
    { flags: '-o, --output <format>', description: 'output format', choices: ['json'] },
  ],
  examples: [
    ['vmlet audit', 'what is wrong, what it means, and the command against it'],
    ['vmlet audit --repair', 'mend it'],
    ['vmlet down; vmlet audit', 'what was left behind'],
    ['vmlet audit -o json', 'for a program'],
  ],
  load: async () => (await import('./run.ts')).run,
};
