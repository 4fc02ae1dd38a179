import type { CommandSpec } from '../../../cli/command.ts';
import { checkNames, subjects } from './check-names.ts';

export const doctorCommand: CommandSpec = {
  name: 'doctor',
  summary: 'Find out whether this host can run VMs, and what to do if not',
  description:
    'Looks at the kernel, its settings and the programs that vmlet uses; /dev/kvm by running guest code.\n' +
    'Says for each finding what it means for VMs and the exact remedy. Changes nothing. What only root can find\n' +
    'out is skipped for others. Exit code: 0 no problem (there may be warnings), 1 problems, 2 a wrong command line.',
  options: [
    { flags: '--check <name>', description: 'only this check or subject', choices: [...subjects, ...checkNames] },
    { flags: '-o, --output <format>', description: 'output format', choices: ['json'] },
  ],
  examples: [
    ['vmlet doctor', 'problems first, then warnings, then what is well'],
    ['vmlet doctor --check kvm', 'the checks about KVM only'],
    ['vmlet doctor --check kvm-guest-code', 'one check'],
    ['vmlet doctor -o json', 'for a program'],
  ],
  load: async () => (await import('./run.ts')).run,
};
