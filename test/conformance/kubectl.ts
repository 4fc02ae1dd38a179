/** A real kubectl, run to its end. */
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface Kubectl {
  /** Arguments after `--kubeconfig FILE --namespace NS`; `input` is its standard input. */
  run(args: readonly string[], input?: string, environment?: Readonly<Record<string, string>>): Promise<Outcome>;
  close(): void;
}

const timeoutMs = 60_000;

/** undefined: no such program. */
export function findKubectl(executable: string): string | undefined {
  try {
    execFileSync(executable, ['version', '--client'], { stdio: 'ignore', timeout: timeoutMs });
    return executable;
  } catch {
    return undefined;
  }
}

export function createKubectl(options: { executable: string; kubeconfig: string; namespace: string }): Kubectl {
  // Its cache of discovery is its own, so that no earlier server shows.
  const home = mkdtempSync(join(tmpdir(), 'conformance-kubectl-'));
  const fixed = [
    '--kubeconfig',
    options.kubeconfig,
    '--namespace',
    options.namespace,
    '--cache-dir',
    join(home, 'cache'),
  ];
  return {
    run(args, input, environment = {}) {
      return new Promise((resolve) => {
        const child = execFile(
          options.executable,
          [...fixed, ...args],
          {
            timeout: timeoutMs,
            killSignal: 'SIGKILL',
            maxBuffer: 64 * 1024 * 1024,
            env: { PATH: process.env['PATH'] ?? '', HOME: home, ...environment },
          },
          (error, out, err) => {
            const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
            resolve({ code, out, err: code === -1 ? `${err}${error?.message ?? ''}` : err });
          },
        );
        child.stdin?.on('error', () => undefined);
        child.stdin?.end(input ?? '');
      });
    },
    close() {
      rmSync(home, { recursive: true, force: true });
    },
  };
}
