/** Server processes that are killed and started again; a spare has its code loaded already. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { withDeadline } from '../../src/base/deadline.ts';

export interface ServerProcess {
  readonly port: number;
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
}

export interface ServerSupply {
  /** The next server on the directory; the one before must be gone. */
  start(): Promise<ServerProcess>;
  close(): Promise<void>;
}

const startTimeoutMs = 60_000;
const program = join(import.meta.dirname, 'server.ts');

export function supplyServers(directory: string, fault = ''): ServerSupply {
  const running = new Set<ChildProcess>();
  let spare = prepare();

  function prepare() {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', program, directory, fault], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    running.add(child);
    let complaints = '';
    child.stderr.on('data', (chunk: Buffer) => (complaints += chunk.toString('utf8')));
    child.once('exit', () => running.delete(child));
    child.stdin.on('error', () => undefined);
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const line = async (what: string): Promise<string> => {
      const next = await withDeadline(lines.next(), startTimeoutMs, what);
      if (next.done === true) {
        throw new Error(`the server ended while it was to ${what}: ${complaints.slice(-2000)}`);
      }
      return next.value;
    };
    const loaded = line('load');
    loaded.catch(() => undefined);
    return { child, line, loaded };
  }

  return {
    async start() {
      const { child, line, loaded } = spare;
      await loaded;
      child.stdin.write('\n');
      const { port } = JSON.parse(await line('listen')) as { port: number };
      spare = prepare();
      return { port, kill: () => end(child) };
    },
    async close() {
      await Promise.all([...running].map(end));
    },
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await withDeadline(gone, 10_000, 'end of a killed server');
  }
}
