import { spawn } from 'node:child_process';
import { CancelledError, ToolError, UnsupportedError, errorCode } from '../../base/errors.ts';
import type { Fd } from '../../linux/fd/fd.ts';

const STDERR_BYTES_MAX = 64 * 1024;

export interface ToolRun {
  readonly tool: string;
  readonly args: readonly string[];
  readonly doing: string;
  readonly timeoutMs: number;
  /** Standard output goes here. */
  readonly output?: Fd;
  /** The child's descriptor 3, for `/proc/self/fd/3` in the arguments. */
  readonly file?: Fd;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/**
 * Runs a program without a shell and with a bare environment; its only descriptors are the ones given. ToolError with
 * the end of its messages when it fails, CancelledError when it had to be killed, UnsupportedError when not installed.
 */
export async function runTool(run: ToolRun): Promise<void> {
  const { tool, doing } = run;
  const child = spawn(tool, run.args, {
    stdio: ['ignore', run.output?.value ?? 'ignore', 'pipe', run.file?.value ?? 'ignore'],
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', ...run.env },
    ...(run.cwd === undefined ? {} : { cwd: run.cwd }),
  });
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-STDERR_BYTES_MAX);
  });
  let killed = false;
  const deadline = setTimeout(() => {
    killed = true;
    child.kill('SIGKILL');
  }, run.timeoutMs);
  const { promise, resolve, reject } = Promise.withResolvers<number | null>();
  child.once('error', reject);
  child.once('close', resolve);
  try {
    const exitCode = await promise;
    if (killed) {
      throw new CancelledError(`${doing}: ${tool} was stopped after ${run.timeoutMs} ms`);
    }
    if (exitCode !== 0) {
      throw new ToolError({ tool, exitCode, stderr, doing });
    }
  } catch (error) {
    if (errorCode(error) === 'ENOENT') {
      throw new UnsupportedError(`${doing}: ${tool} is not installed`, { cause: error });
    }
    throw error;
  } finally {
    clearTimeout(deadline);
  }
}
