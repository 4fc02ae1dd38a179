/** Every command that needs no more than the API. Those that run vmlet on this host are in src/cmd. */
import type { CommandSpec } from '../command.ts';
import { completionCommand } from './completion/command.ts';
import { consoleCommand } from './console/command.ts';
import { explainCommand } from './explain/command.ts';
import { exposeCommand } from './expose/command.ts';
import { inspectCommand } from './inspect/command.ts';
import { listCommand } from './list/command.ts';
import { logsCommand } from './logs/command.ts';
import { pauseCommand } from './pause/command.ts';
import { portForwardCommand } from './port-forward/command.ts';
import { restartCommand } from './restart/command.ts';
import { startCommand } from './start/command.ts';
import { stopCommand } from './stop/command.ts';
import { traceCommand } from './trace/command.ts';
import { unpauseCommand } from './unpause/command.ts';
import { versionCommand } from './version/command.ts';

export const machineCommands: readonly CommandSpec[] = [
  listCommand,
  startCommand,
  stopCommand,
  restartCommand,
  pauseCommand,
  unpauseCommand,
  consoleCommand,
  portForwardCommand,
  exposeCommand,
  logsCommand,
  inspectCommand,
  explainCommand,
  traceCommand,
];

export const generalCommands: readonly CommandSpec[] = [versionCommand, completionCommand];
