import { runDirectory } from '../../../base/directories.ts';
import { pollUntil } from '../../../base/deadline.ts';
import { errorCode } from '../../../base/errors.ts';
import type { Invocation } from '../../../cli/command.ts';
import { UsageError } from '../../../cli/options.ts';
import { identify, readPidFile } from '../../pid-file.ts';
import { requireRoot } from '../../require-root.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { io, options } = invocation;
  requireRoot('down');
  const timeoutMs = Number(options['timeout']) * 1000;
  if (!Number.isFinite(timeoutMs) || timeoutMs <= 0) {
    throw new UsageError(`--timeout takes seconds, not "${String(options['timeout'])}"`);
  }
  const directory = typeof options['runDir'] === 'string' ? options['runDir'] : runDirectory();
  const running = readPidFile(`${directory}/vmlet.pid`);
  if (running === undefined) {
    io.out('vmlet is not running\n');
    return 0;
  }
  try {
    process.kill(running.pid, 'SIGTERM');
  } catch (error) {
    // Gone in the meantime is what was asked for.
    if (errorCode(error) !== 'ESRCH') {
      throw error;
    }
  }
  await pollUntil(() => (identify(running.pid)?.startTicks === running.startTicks ? undefined : true), {
    timeoutMs,
    intervalMs: 20,
    doing: `waiting for vmlet (pid ${running.pid}) to end`,
    signal: io.signal,
  });
  io.out('vmlet stopped; VMs that run keep running\n');
  return 0;
}
