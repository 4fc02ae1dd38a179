/** One QEMU with its ports: started from the image's own tree, driven over QMP, ended by its pid. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { pollUntil, withDeadline } from '../../src/base/deadline.ts';
import { errorMessage } from '../../src/base/errors.ts';
import { createLineSplitter } from './protocol.ts';

const connectTimeoutMs = 20_000;
const commandTimeoutMs = 30_000;
const keptLogCharacters = 32 * 1024;

/** The machine did not do its part: nothing is said about the tests. */
export class InfrastructureError extends Error {
  override readonly name = 'InfrastructureError';
}

export interface MachineOptions {
  /** Directory of the built image. */
  readonly image: string;
  /** Directory for sockets, of this run alone; short, as a socket's path is. */
  readonly directory: string;
  readonly arguments: readonly string[];
  /** Starts from this saved state. */
  readonly incoming?: string;
  onLine(line: string): void;
}

export interface Machine {
  /** Writes to the control port. */
  send(text: string): void;
  /** Saves the machine's memory and devices to `file`; it stands still afterwards. */
  save(file: string): Promise<void>;
  /** Settles when QEMU is gone, with what it said. */
  readonly ended: Promise<string>;
  /** Last part of what the guest's kernel and programs printed. */
  readonly log: () => string;
  [Symbol.asyncDispose](): Promise<void>;
}

/** QEMU of the tree, through the tree's own loader and libraries: this machine's packages stay as they are. */
export function qemuCommand(image: string): {
  readonly command: string;
  readonly words: readonly string[];
  readonly modules: string;
} {
  const tree = join(image, 'tree');
  const libraries = join(tree, 'usr/lib/x86_64-linux-gnu');
  const loader = readdirSync(libraries).includes('ld-linux-x86-64.so.2')
    ? join(libraries, 'ld-linux-x86-64.so.2')
    : join(tree, 'lib64/ld-linux-x86-64.so.2');
  return {
    command: loader,
    words: [
      ['--library-path', libraries, join(tree, 'usr/bin/qemu-system-x86_64')],
      ['-L', join(tree, 'usr/share/qemu'), '-L', join(tree, 'usr/share/seabios')],
    ].flat(),
    modules: join(libraries, 'qemu'),
  };
}

interface QmpReply {
  readonly return?: unknown;
  readonly error?: { readonly desc: string };
  readonly event?: string;
  readonly data?: { readonly status?: string };
}

async function connectPort(path: string, ended: Promise<string>, isOver: () => boolean): Promise<Socket> {
  return await pollUntil(
    async () => {
      if (isOver()) {
        throw new InfrastructureError(`QEMU ended at once: ${await ended}`);
      }
      const socket = connect(path);
      try {
        await once(socket, 'connect');
        return socket;
      } catch {
        socket.destroy();
        return undefined;
      }
    },
    { timeoutMs: connectTimeoutMs, doing: `QEMU to open ${path}` },
  );
}

export async function startMachine(options: MachineOptions): Promise<Machine> {
  const { command, words, modules } = qemuCommand(options.image);
  const port = (name: string): string => join(options.directory, name);
  const sockets = ['control', 'output', 'serial'].flatMap((name) => [
    '-chardev',
    `socket,id=${name},path=${port(name)},server=on,wait=off`,
  ]);
  const incoming = options.incoming === undefined ? [] : ['-incoming', `file:${options.incoming}`];
  // Stopped until the ports are connected, so that nothing that the guest says is lost.
  const qmpWords = ['-S', '-qmp', `unix:${port('qmp')},server=on,wait=off`];
  // Ends with this process even when that is killed.
  const child = spawn(
    'setpriv',
    ['--pdeathsig', 'KILL', command, ...words, ...options.arguments, ...sockets, ...qmpWords, ...incoming],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { PATH: '/usr/bin:/bin', QEMU_MODULE_DIR: modules },
    },
  );
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString('utf8')).slice(-4000)));
  let over = false;
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(errorMessage(error)));
    child.once('close', (code, signal) => resolve(`${said.trim()} (${code ?? signal})`));
  });
  void ended.then(() => (over = true));
  const open: Socket[] = [];
  async function dispose(): Promise<void> {
    for (const socket of open) {
      socket.destroy();
    }
    if (!over) {
      child.kill('SIGKILL');
      await withDeadline(ended, commandTimeoutMs, 'QEMU to end');
    }
  }
  async function openPort(name: string): Promise<Socket> {
    const socket = await connectPort(port(name), ended, () => over);
    socket.on('error', () => socket.destroy());
    open.push(socket);
    return socket;
  }

  try {
    let log = '';
    for (const name of ['output', 'serial']) {
      const socket = await openPort(name);
      socket.on('data', (chunk) => (log = (log + chunk.toString('utf8')).slice(-keptLogCharacters)));
    }
    const control = await openPort('control');
    const lines = createLineSplitter();
    control.on('data', (chunk) => lines.push(chunk).forEach((line) => options.onLine(line)));
    const qmp = await openQmp(await openPort('qmp'));
    await qmp.execute('qmp_capabilities');
    if (options.incoming === undefined) {
      await qmp.execute('cont');
    } else {
      await qmp.execute('migrate-set-capabilities', { capabilities: [{ capability: 'events', state: true }] });
      await qmp.waitForMigration();
      await qmp.execute('cont');
    }
    return {
      send: (text) => void control.write(text),
      save: async (file) => {
        await qmp.execute('migrate-set-parameters', { 'max-bandwidth': 4 * 2 ** 30 });
        await qmp.execute('stop');
        await qmp.execute('migrate', { uri: `file:${file}` });
        await qmp.waitForMigration();
      },
      ended,
      log: () => log,
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

interface Qmp {
  execute(command: string, args?: object): Promise<unknown>;
  waitForMigration(): Promise<void>;
}

async function openQmp(socket: Socket): Promise<Qmp> {
  const lines = createLineSplitter();
  const waiting: ((reply: QmpReply) => void)[] = [];
  const greeting = new Promise<void>((resolve) => {
    socket.on('data', (chunk) => {
      for (const line of lines.push(chunk)) {
        const reply = JSON.parse(line) as QmpReply & { readonly QMP?: object };
        if (reply.QMP !== undefined) {
          resolve();
        } else if (reply.event === undefined) {
          waiting.shift()?.(reply);
        }
      }
    });
  });
  socket.once('close', () => waiting.splice(0).forEach((answer) => answer({ error: { desc: 'QEMU is gone' } })));
  await withDeadline(greeting, commandTimeoutMs, 'the greeting of QEMU');
  async function execute(command: string, args: object = {}): Promise<unknown> {
    if (socket.destroyed) {
      throw new InfrastructureError(`QMP ${command}: QEMU is gone`);
    }
    const answer = new Promise<QmpReply>((resolve) => waiting.push(resolve));
    socket.write(`${JSON.stringify({ execute: command, arguments: args })}\n`);
    const reply = await withDeadline(answer, commandTimeoutMs, `QMP ${command}`);
    if (reply.error !== undefined) {
      throw new InfrastructureError(`QMP ${command}: ${reply.error.desc}`);
    }
    return reply.return;
  }
  return {
    execute,
    waitForMigration: async () => {
      await pollUntil(
        async () => {
          const { status } = (await execute('query-migrate')) as { readonly status?: string };
          if (status === 'failed' || status === 'cancelled') {
            throw new InfrastructureError(`saving or restoring the machine ${status}`);
          }
          return status === 'completed' ? true : undefined;
        },
        { timeoutMs: 120_000, intervalMs: 100, doing: 'the state of the machine to be saved or restored' },
      );
    },
  };
}
