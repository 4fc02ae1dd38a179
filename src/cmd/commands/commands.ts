/** Commands that run on the host itself: they start, stop and show vmlet. */
import type { CommandSpec } from '../../cli/command.ts';
import { auditCommand } from './audit/command.ts';
import { backupCommand } from './backup/command.ts';
import { demoCommand } from './demo/command.ts';
import { doctorCommand } from './doctor/command.ts';
import { downCommand } from './down/command.ts';
import { installCommand } from './install/command.ts';
import { restoreCommand } from './restore/command.ts';
import { storeCommand } from './store/command.ts';
import { upCommand } from './up/command.ts';

export const hostCommands: readonly CommandSpec[] = [
  upCommand,
  downCommand,
  installCommand,
  doctorCommand,
  auditCommand,
  backupCommand,
  restoreCommand,
  storeCommand,
  demoCommand,
];
