/** The API server in a process of its own, so that its memory can be measured and its fall be seen. */
import { fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { withDeadline } from '../../src/base/deadline.ts';

export interface ServerAddress {
  readonly port: number;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export interface ServerProcess extends ServerAddress {
  readonly address: ServerAddress;
  rssBytes(): number;
  isRunning(): boolean;
  close(): Promise<void>;
}

const startTimeoutMs = 30_000;
const pageBytes = 4096;

export async function startServerProcess(): Promise<ServerProcess> {
  const child = fork(fileURLToPath(new URL('server-main.ts', import.meta.url)), {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
  });
  const ready = new Promise<{ port: number; ca: string; cert: string; key: string }>((resolve, reject) => {
    child.once('message', (message) => resolve(message as never));
    child.once('exit', (code) => reject(new Error(`the server ended with ${code} before it was ready`)));
  });
  const address = await withDeadline(ready, startTimeoutMs, 'the start of the server');
  return {
    ...address,
    address,
    rssBytes: () => Number(readFileSync(`/proc/${child.pid}/statm`, 'utf8').split(' ')[1]) * pageBytes,
    isRunning: () => child.exitCode === null && child.signalCode === null,
    async close() {
      child.disconnect();
      await withDeadline(exited, startTimeoutMs, 'the end of the server').catch(() => child.kill('SIGKILL'));
    },
  };
}
