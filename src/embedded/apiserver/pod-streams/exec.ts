/** Joins a process in a Pod with a client's channels, of whichever transport. */
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { errorMessage } from '../../../base/errors.ts';
import type { ExecProcess } from './backend.ts';
import { openChannels } from './channels.ts';
import type { ExecOptions } from './options.ts';
import type { SpdyStream } from './spdy-session.ts';
import type { WebSocket } from 'ws';

export interface ExecChannels {
  readonly stdin: Readable | undefined;
  readonly stdout: Writable | undefined;
  readonly stderr: Writable | undefined;
  /** Lines of JSON: `{"Width": 80, "Height": 24}`. */
  readonly resize: Readable | undefined;
  /** A Status at the end. */
  readonly error: Writable;
  close(): void;
  /** Settles when the client is gone. */
  readonly closed: Promise<unknown>;
}

const [STDIN, STDOUT, STDERR, ERROR, RESIZE] = [0, 1, 2, 3, 4];
/** After its end, for what a process has left in its pipes. */
const drainTimeoutMs = 5000;
const resizeBytesMax = 256;

export function webSocketChannels(socket: WebSocket, options: ExecOptions): ExecChannels {
  const channels = openChannels(socket);
  return {
    stdin: options.stdin ? channels.input(STDIN) : undefined,
    stdout: options.stdout ? channels.output(STDOUT) : undefined,
    stderr: options.stderr ? channels.output(STDERR) : undefined,
    resize: options.tty ? channels.input(RESIZE) : undefined,
    error: channels.output(ERROR),
    close: () => channels.close(),
    closed: channels.closed,
  };
}

/** Which streams a client of SPDY opens for these options. */
export function expectedStreams(options: ExecOptions): string[] {
  return [
    'error',
    ...(options.stdin ? ['stdin'] : []),
    ...(options.stdout ? ['stdout'] : []),
    ...(options.stderr ? ['stderr'] : []),
    ...(options.tty ? ['resize'] : []),
  ];
}

export function spdyChannels(
  streams: ReadonlyMap<string, SpdyStream>,
  connection: { close(): void; readonly closed: Promise<unknown> },
): ExecChannels | undefined {
  const of = (type: string) => streams.get(type)?.stream;
  const error = of('error');
  return error === undefined
    ? undefined
    : { stdin: of('stdin'), stdout: of('stdout'), stderr: of('stderr'), resize: of('resize'), error, ...connection };
}

/** Until the process has ended and the client knows how, or the client is gone. Never rejects. */
export async function joinExec(start: () => Promise<ExecProcess>, channels: ExecChannels): Promise<void> {
  let process: ExecProcess;
  try {
    process = await start();
  } catch (error) {
    await finish(channels, failure(errorMessage(error)));
    return;
  }
  // A client that is gone leaves nobody behind.
  void channels.closed.then(() => process.kill());
  const { stdin, stdout, stderr } = channels;
  if (stdin !== undefined && process.stdin !== undefined) {
    process.stdin.on('error', () => stdin.resume());
    stdin.pipe(process.stdin);
  } else {
    stdin?.resume();
  }
  readSizes(channels.resize, (size) => process.resize(size));
  const outputs = [carry(process.stdout, stdout), ...(process.stderr ? [carry(process.stderr, stderr)] : [])];
  const code = await process.exitCode;
  const drained = Promise.allSettled(outputs);
  await Promise.race([drained, channels.closed, new Promise((resolve) => setTimeout(resolve, drainTimeoutMs).unref())]);
  await finish(channels, code === 0 ? { metadata: {}, status: 'Success' } : exited(code));
}

async function finish(channels: ExecChannels, status: object): Promise<void> {
  const { error, stderr, stdout } = channels;
  await Promise.race([
    channels.closed,
    Promise.allSettled(
      [stdout, stderr].flatMap((output) => (output === undefined ? [] : [finished(output.end(), { readable: false })])),
    ),
  ]);
  error.on('error', () => {});
  error.end(JSON.stringify(status));
  await Promise.race([channels.closed, once(error, 'finish').catch(() => undefined)]);
  channels.close();
}

/** Of remotecommand's v4 protocol. */
function exited(code: number): object {
  return {
    metadata: {},
    status: 'Failure',
    reason: 'NonZeroExitCode',
    message: `command terminated with non-zero exit code: error executing command in container: exit status ${code}`,
    details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
  };
}

function failure(message: string): object {
  return { metadata: {}, status: 'Failure', reason: 'InternalError', message, code: 500 };
}

async function carry(from: Readable, to: Writable | undefined): Promise<void> {
  if (to === undefined) {
    from.resume();
  } else {
    from.pipe(to, { end: false });
    to.on('error', () => from.resume());
  }
  await finished(from).catch(() => undefined);
}

function readSizes(
  resize: Readable | undefined,
  onSize: (size: { readonly columns: number; readonly rows: number }) => void,
): void {
  let pending = '';
  resize?.on('data', (chunk: Buffer) => {
    pending += chunk.toString('latin1');
    for (const match of pending.matchAll(/\{[^{}]*\}/gu)) {
      const size = parseSize(match[0]);
      if (size !== undefined) {
        onSize(size);
      }
    }
    const end = pending.lastIndexOf('}');
    pending = pending.slice(end + 1).slice(-resizeBytesMax);
  });
  resize?.on('error', () => {});
}

function parseSize(text: string): { columns: number; rows: number } | undefined {
  try {
    const { Width, Height } = JSON.parse(text) as Readonly<Record<string, unknown>>;
    const fits = (value: unknown): value is number =>
      Number.isInteger(value) && Number(value) > 0 && Number(value) < 65_536;
    return fits(Width) && fits(Height) ? { columns: Width, rows: Height } : undefined;
  } catch {
    return undefined;
  }
}
