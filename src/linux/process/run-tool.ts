import { spawn } from 'node:child_process';
import { CancelledError, ToolError, UnsupportedError, errorCode } from '../../base/errors.ts';
import type { Fd } from '../fd/fd.ts';

const OUTPUT_BYTES_MAX = 4 * 1024 * 1024;
const STDERR_CHARACTERS_MAX = 64 * 1024;
const USUAL_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface ToolRun {
  /** For the error message: `start sandbox 12ab`. */
  readonly doing: string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Called with each piece of standard output as it comes. */
  readonly onStdout?: ((text: string) => void) | undefined;
  /** Beside PATH and LC_ALL=C, the only variables that a program gets. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Standard output goes here, and the result is empty. */
  readonly output?: Fd;
  /** The child's descriptor 3, for `/proc/self/fd/3` in the arguments. */
  readonly file?: Fd;
}

/**
 * Runs a program without a shell and gives its standard output, at most 4 MiB. It gets no descriptors and no environment
 * but what is named. Throws ToolError with the end of its messages when it fails, CancelledError when it had to be killed
 * (deadline, abort), UnsupportedError when it is not installed.
 */
export async function runTool(tool: string, args: readonly string[], run: ToolRun): Promise<string> {
  const { doing } = run;
  const child = spawn(tool, args, {
    stdio: ['ignore', run.output?.value ?? 'pipe', 'pipe', run.file?.value ?? 'ignore'],
    env: { PATH: process.env['PATH'] ?? USUAL_PATH, LC_ALL: 'C', ...run.env },
    ...(run.cwd === undefined ? {} : { cwd: run.cwd }),
  });
  let killedFor: string | undefined;
  const kill = (why: string): void => {
    killedFor ??= why;
    child.kill('SIGKILL');
  };
  let stdout = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    run.onStdout?.(text);
    if (stdout.length > OUTPUT_BYTES_MAX) {
      kill('it wrote too much');
    }
  });
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-STDERR_CHARACTERS_MAX);
  });
  const deadline = setTimeout(() => kill(`it took more than ${run.timeoutMs} ms`), run.timeoutMs);
  const onAbort = (): void => kill('the work was given up');
  run.signal?.addEventListener('abort', onAbort, { once: true });
  const { promise, resolve, reject } = Promise.withResolvers<number | null>();
  child.once('error', reject);
  child.once('close', resolve);
  if (run.signal?.aborted === true) {
    onAbort();
  }
  try {
    const exitCode = await promise;
    if (killedFor !== undefined) {
      throw new CancelledError(`${doing}: ${tool} was stopped: ${killedFor}`);
    }
    if (exitCode !== 0) {
      throw new ToolError({ tool, exitCode, stderr, doing });
    }
    return stdout;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') {
      throw new UnsupportedError(`${doing}: ${tool} is not installed; run the set-up`, { cause: error });
    }
    throw error;
  } finally {
    clearTimeout(deadline);
    run.signal?.removeEventListener('abort', onAbort);
  }
}
