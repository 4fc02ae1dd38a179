/** A further process in a sandbox, through the OCI runtime: the sandbox's user, namespaces, cgroup and seccomp profile. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { ReadStream } from 'node:tty';
import { constants } from 'node:os';
import { Writable } from 'node:stream';
import { write } from 'node:fs';
import { type Pseudoterminal, openPseudoterminal, setWindowSize } from '../../linux/pty/pty.ts';
import type { ExecProcess, ExecRequest } from '../apiserver/pod-streams/backend.ts';
import { runtimeRoot, type SandboxSettings } from '../sandbox/settings.ts';

/** Between asking a process to end and ending it. */
const killAfterMs = 2000;
const killedExitCode = 128 + constants.signals.SIGKILL;

/** Starts it; a command that cannot be run ends with a code of the runtime and its words on standard error. */
export async function execInSandbox(settings: SandboxSettings, id: string, request: ExecRequest): Promise<ExecProcess> {
  const directory = `${settings.runDir}/exec`;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const pidFile = `${directory}/${randomUUID()}`;
  const terminal = request.tty ? openPseudoterminal() : undefined;
  const child = spawnRuntime(settings, { id, pidFile, request, terminal });
  const { promise: exitCode, resolve } = Promise.withResolvers<number>();
  child.once('error', () => resolve(killedExitCode));
  child.once('exit', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  void exitCode.then(() => rm(pidFile, { force: true }));
  return {
    ...(terminal === undefined ? pipesOf(child) : terminalOf(child, terminal)),
    exitCode,
    kill() {
      // The runtime passes it on.
      child.kill('SIGTERM');
      const timer = setTimeout(() => void killByFile(child, pidFile), killAfterMs);
      void exitCode.then(() => clearTimeout(timer));
    },
  };
}

function spawnRuntime(
  settings: SandboxSettings,
  how: {
    readonly id: string;
    readonly pidFile: string;
    readonly request: ExecRequest;
    readonly terminal: Pseudoterminal | undefined;
  },
): ChildProcess {
  const { id, pidFile, request, terminal } = how;
  const args = ['--root', runtimeRoot(settings), 'exec', '--pid-file', pidFile];
  args.push('--user', `${settings.uid}:${settings.gid}`, '--no-new-privs');
  if (terminal !== undefined) {
    args.push('--tty', '--env', 'TERM=xterm');
  }
  args.push(id, ...request.command);
  const slave = terminal?.slave;
  return spawn(settings.runtime, args, {
    stdio: slave === undefined ? [request.stdin ? 'pipe' : 'ignore', 'pipe', 'pipe'] : [slave, slave, slave],
    env: { PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
    // Its own group: Ctrl-C of whoever runs this process in a terminal is not for it.
    detached: true,
  });
}

type Streams = Pick<ExecProcess, 'stdin' | 'stdout' | 'stderr' | 'resize'>;

function pipesOf(child: ChildProcess): Streams {
  const { stderr, stdin, stdout } = child;
  if (stdout === null || stderr === null) {
    throw new TypeError('a child with pipes has them');
  }
  stdin?.on('error', () => {});
  return { stdin: stdin ?? undefined, stdout, stderr, resize() {} };
}

/** The master is read as a terminal; EIO is its end, once nobody has the other side open. */
function terminalOf(child: ChildProcess, { master, slave }: Pseudoterminal): Streams {
  // The runtime has it by now.
  closeSync(slave);
  const stdout = new ReadStream(master);
  stdout.on('error', () => stdout.destroy());
  let isOpen = true;
  stdout.once('close', () => (isOpen = false));
  const stdin = new Writable({
    write(chunk: Buffer, _encoding, done) {
      writeAll(master, chunk, () => isOpen, done);
    },
    final(done) {
      // ^D: the end of input, as a person gives it.
      writeAll(master, Buffer.of(4), () => isOpen, done);
    },
  });
  stdin.on('error', () => {});
  return {
    stdin,
    stdout,
    stderr: undefined,
    resize(size) {
      if (isOpen) {
        setWindowSize(master, size);
        child.kill('SIGWINCH');
      }
    },
  };
}

const fullRetryMs = 20;

/** A terminal that nobody reads is full at some time: then a moment later again. */
function writeAll(fd: number, bytes: Buffer, isOpen: () => boolean, done: (error?: Error | null) => void): void {
  if (bytes.length === 0 || !isOpen()) {
    done();
    return;
  }
  write(fd, bytes, (error, written) => {
    if (error !== null && error.code !== 'EAGAIN') {
      done(error);
      return;
    }
    const rest = bytes.subarray(error === null ? written : 0);
    if (error === null) {
      writeAll(fd, rest, isOpen, done);
    } else {
      setTimeout(() => writeAll(fd, rest, isOpen, done), fullRetryMs).unref();
    }
  });
}

/** While the runtime lives it is the process's parent, so the number is still the process's. */
async function killByFile(child: ChildProcess, pidFile: string): Promise<void> {
  const pid = Number(await readFile(pidFile, 'utf8').catch(() => ''));
  if (child.exitCode !== null || child.signalCode !== null) {
    return;
  }
  if (Number.isInteger(pid) && pid > 1) {
    process.kill(pid, 'SIGKILL');
  } else {
    child.kill('SIGKILL');
  }
}
