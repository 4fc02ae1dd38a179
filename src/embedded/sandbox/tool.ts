import { execFile } from 'node:child_process';
import { CancelledError, ToolError, UnsupportedError, errorCode } from '../../base/errors.ts';

export interface ToolOptions {
  /** For the error message: `start sandbox 12ab`. */
  readonly doing: string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Called with each piece of standard output as it comes. */
  readonly onStdout?: ((text: string) => void) | undefined;
  readonly env?: NodeJS.ProcessEnv | undefined;
}

const outputLimitBytes = 4 << 20;

/**
 * Runs a program with an argument array (no shell) and gives its standard output. Throws ToolError with the end of
 * standard error, CancelledError on deadline or abort (the program is killed), UnsupportedError when not installed.
 */
export function runTool(tool: string, args: readonly string[], options: ToolOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      tool,
      [...args],
      {
        timeout: options.timeoutMs,
        killSignal: 'SIGKILL',
        maxBuffer: outputLimitBytes,
        env: options.env ?? process.env,
        ...(options.signal === undefined ? {} : { signal: options.signal }),
      },
      (error, stdout, stderr) => {
        if (error === null) {
          resolve(stdout);
        } else if (errorCode(error) === 'ENOENT') {
          reject(new UnsupportedError(`${options.doing}: ${tool} is not installed; run the set-up`, { cause: error }));
        } else if (error.name === 'AbortError' || error.killed === true) {
          reject(
            new CancelledError(`${options.doing}: ${tool} stopped (limit ${options.timeoutMs} ms)`, { cause: error }),
          );
        } else {
          const exitCode = typeof error.code === 'number' ? error.code : null;
          reject(new ToolError({ tool, exitCode, stderr, doing: options.doing }));
        }
      },
    );
    child.stdin?.end();
    if (options.onStdout !== undefined) {
      child.stdout?.setEncoding('utf8').on('data', options.onStdout);
    }
  });
}
