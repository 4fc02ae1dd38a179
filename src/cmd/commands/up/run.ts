import { spawn } from 'node:child_process';
import { existsSync, openSync, readFileSync, closeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { VmletError } from '../../../base/errors.ts';
import { createLogger } from '../../../base/logger.ts';
import type { Fd } from '../../../linux/fd/fd.ts';
import { tryLock } from '../../../linux/lock/lock.ts';
import type { Invocation, Io } from '../../../cli/command.ts';
import { boundLogFile } from '../../log-rotation.ts';
import { readPidFile, removePidFile, writePidFile } from '../../pid-file.ts';
import { ensurePrivateDirectory } from '../../private-directory.ts';
import { requireRoot } from '../../require-root.ts';
import { logFileName, pidFileName, standaloneSettings, type StandaloneSettings } from '../../standalone/settings.ts';

const executable = fileURLToPath(new URL('../../../../bin/vmlet', import.meta.url));
const readyLine = 'vmlet is ready';
const detachTimeoutMs = 120_000;
const logBytesMax = 64 * 1024 * 1024;

export async function run(invocation: Invocation): Promise<number> {
  const { io, options } = invocation;
  requireRoot('up');
  const settings = standaloneSettings(options);
  ensurePrivateDirectory(settings.stateDir, 0o700);
  ensurePrivateDirectory(settings.runDir, 0o711);
  const pidFile = `${settings.runDir}/${pidFileName}`;
  const other = readPidFile(pidFile);
  if (other !== undefined) {
    throw new VmletError('AlreadyRunning', `vmlet already runs here (pid ${other.pid}): \`vmlet down\` stops it`);
  }
  if (options['detach'] === true) {
    return detach(io, settings);
  }
  // Two that start at the same moment both find no pid file, and a state directory can be named with another run directory.
  using _stateLock = takeLock(settings.stateDir, pidFile);
  using _runLock = takeLock(settings.runDir, pidFile);
  writePidFile(pidFile);
  try {
    return await serve(io, settings);
  } finally {
    removePidFile(pidFile);
  }
}

function takeLock(directory: string, pidFile: string): Fd {
  const lock = tryLock(`${directory}/lock`);
  if (lock === undefined) {
    const pid = readPidFile(pidFile)?.pid;
    const who = pid === undefined ? 'another vmlet' : `another vmlet (pid ${pid})`;
    throw new VmletError('AlreadyRunning', `${who} uses ${directory}: stop it, or name other directories`);
  }
  return lock;
}

async function serve(io: Io, settings: StandaloneSettings): Promise<number> {
  const { startStandalone } = await import('../../standalone/standalone.ts');
  const fd = process.stderr.isTTY ? logFile(settings) : 2;
  const logger = createLogger({ level: settings.logLevel, destinationFd: fd });
  using _bound = boundLogFile({ path: logPath(settings), fd, bytesMax: logBytesMax, logger });
  const standalone = await startStandalone({
    settings,
    logger,
    signal: io.signal,
    onProgress: (message) => io.out(`${message} ...\n`),
  });
  io.out(
    `${readyLine}: ${standalone.url}\n` +
      `  kubeconfig    ${standalone.kubeconfig}   (export KUBECONFIG=${standalone.kubeconfig})\n` +
      `  guests        ${standalone.emulationReason === undefined ? 'run with KVM' : 'are EMULATED, which is slow'}\n` +
      (standalone.emulationReason === undefined ? '' : `  why           ${standalone.emulationReason}\n`) +
      `  taken over    ${standalone.adopted} running VM${standalone.adopted === 1 ? '' : 's'}\n`,
  );
  await new Promise<void>((resolve) => {
    io.signal.addEventListener('abort', () => resolve(), { once: true });
    if (io.signal.aborted) {
      resolve();
    }
  });
  io.out('stopping; VMs that run keep running\n');
  await standalone.close();
  return 0;
}

/** Starts the same command in a session of its own and shows its output until the API answers. */
async function detach(io: Io, settings: StandaloneSettings): Promise<number> {
  const words = process.argv.slice(2).filter((word) => word !== '--detach');
  const log = logPath(settings);
  const output = openSync(log, 'a', 0o600);
  const from = existsSync(log) ? readFileSync(log).length : 0;
  const child = spawn(executable, words, { stdio: ['ignore', output, output], detached: true });
  closeSync(output);
  let exit: string | undefined;
  child.once('exit', (code, signal) => (exit = String(code ?? signal)));
  child.unref();
  const endMs = Date.now() + detachTimeoutMs;
  for (;;) {
    const text = readFileSync(log).subarray(from).toString('utf8');
    const ready = text.indexOf(readyLine);
    if (ready >= 0 && text.includes('taken over')) {
      io.out(text.slice(ready));
      io.out(`  log           ${log}\n`);
      return 0;
    }
    if (exit !== undefined || Date.now() > endMs || io.signal.aborted) {
      if (exit === undefined) {
        child.kill('SIGTERM');
      }
      io.err(text.slice(-4000));
      throw new VmletError(
        'NotStarted',
        exit === undefined ? 'vmlet did not start in time' : `vmlet ended with ${exit}; the end of ${log} is above`,
      );
    }
    await sleep(20);
  }
}

function logFile(settings: StandaloneSettings): number {
  return openSync(logPath(settings), 'a', 0o600);
}

function logPath(settings: StandaloneSettings): string {
  return `${settings.stateDir}/${logFileName}`;
}
