import type { CommandSpec } from '../../../cli/command.ts';
import { checkNames, subjects } from './check-names.ts';

export const doctorCommand: CommandSpec = {
  name: 'doctor',
  summary: 'Find out whether this host can run VMs, and what to do if not',
  description:
    'Looks at the kernel, its settings and the programs that vmlet uses.\n' +
    'KVM is judged by running guest code. Nothing is changed.\n' +
    'What only root can find out is skipped for others.\n' +
    'Exit code: 0 no problem, though perhaps warnings; 1 problems.',
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
