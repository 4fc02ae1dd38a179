/**
 * Joins a terminal and the console's WebSocket, byte by byte. Neither side is read faster than the other takes: a guest
 * that writes more than the terminal shows waits, and so does a paste into a guest that does not read.
 */
import type { Readable, Writable } from 'node:stream';
import type { WebSocket } from 'ws';

/** ^], as in telnet and virtctl. */
export const escapeByte = 0x1d;
/** After the end of input from a pipe: how long the guest must be silent before its answer counts as complete. */
const quietMs = 500;
/** For the server's part of the closing handshake. */
const closeTimeoutMs = 1000;

/** `left`: ^] or the end of input. `closed`: the guest's side ended it. `lost`: the connection broke. */
export type ConsoleEnd = 'left' | 'closed' | 'lost' | 'interrupted';

/** `socket` is open and may be paused; it is closed when this resolves. Never rejects. */
export async function joinTerminal(
  socket: WebSocket,
  terminal: { readonly input: Readable; readonly output: Writable; readonly signal: AbortSignal },
): Promise<ConsoleEnd> {
  const { input, output, signal } = terminal;
  const { promise, resolve } = Promise.withResolvers<ConsoleEnd>();
  let quiet: NodeJS.Timeout | undefined;

  const onInput = (chunk: Buffer): void => {
    const end = chunk.indexOf(escapeByte);
    const bytes = end < 0 ? chunk : chunk.subarray(0, end);
    if (bytes.length > 0) {
      input.pause();
      socket.send(bytes, { binary: true }, () => input.resume());
    }
    if (end >= 0) {
      resolve('left');
    }
  };
  const onInputEnd = (): void => {
    quiet = setTimeout(() => resolve('left'), quietMs);
  };
  const onMessage = (data: Buffer): void => {
    quiet?.refresh();
    if (!output.write(data)) {
      socket.pause();
      output.once('drain', () => socket.resume());
    }
  };
  const onAbort = (): void => resolve('interrupted');

  socket.on('message', onMessage);
  socket.on('close', (code) => resolve(code === 1000 || code === 1005 ? 'closed' : 'lost'));
  socket.on('error', () => resolve('lost'));
  signal.addEventListener('abort', onAbort, { once: true });
  input.on('data', onInput);
  input.once('end', onInputEnd);
  socket.resume();
  if (signal.aborted) {
    onAbort();
  }
  const ended = await promise;

  clearTimeout(quiet);
  signal.removeEventListener('abort', onAbort);
  input.off('data', onInput);
  input.off('end', onInputEnd);
  socket.off('message', onMessage);
  await close(socket);
  // Only now: what was being sent resumes the input.
  input.pause();
  return ended;
}

async function close(socket: WebSocket): Promise<void> {
  if (socket.readyState === socket.CLOSED) {
    return;
  }
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.once('close', () => resolve());
  // A paused socket would not read the server's answer.
  socket.resume();
  socket.close(1000);
  const timer = setTimeout(() => socket.terminate(), closeTimeoutMs);
  await promise;
  clearTimeout(timer);
}
