import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough, Writable } from 'node:stream';
import { test, type TestContext } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import { withDeadline } from '../../../base/deadline.ts';
import { joinTerminal } from './terminal.ts';

const deadlineMs = 10_000;

/** A console of the test's own, and the terminal's side of it. */
async function open(t: TestContext, onOpen: (peer: WebSocket) => void) {
  const http = createServer();
  const server = new WebSocketServer({ server: http });
  server.on('connection', onOpen);
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  t.after(() => {
    server.clients.forEach((client) => client.terminate());
    server.close();
    http.close();
  });
  const socket = new WebSocket(`ws://127.0.0.1:${(http.address() as AddressInfo).port}`);
  socket.once('open', () => socket.pause());
  await once(socket, 'open');
  const input = new PassThrough();
  const chunks: Buffer[] = [];
  const output = new Writable({
    highWaterMark: 1024,
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk);
      setImmediate(done);
    },
  });
  const stop = new AbortController();
  const ended = withDeadline(joinTerminal(socket, { input, output, signal: stop.signal }), deadlineMs, 'the console');
  return { socket, input, output, stop, ended, text: () => Buffer.concat(chunks).toString('latin1') };
}

test('every byte passes both ways; ^] leaves, and what follows it is not sent', async (t) => {
  const received: Buffer[] = [];
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, value) => value).filter((value) => value !== 0x1d));
  const consoleSide = await open(t, (peer) => {
    peer.on('message', (data: Buffer) => {
      received.push(data);
      peer.send(data);
      if (Buffer.concat(received).length === bytes.length) {
        peer.send('done');
      }
    });
  });
  consoleSide.input.write(bytes.subarray(0, 100));
  consoleSide.input.write(bytes.subarray(100));
  consoleSide.socket.on('message', (data: Buffer) => {
    if (data.toString() === 'done') {
      consoleSide.input.write(Buffer.from('ab\u001dcd'));
    }
  });
  assert.equal(await consoleSide.ended, 'left');
  assert.equal(consoleSide.socket.readyState, WebSocket.CLOSED);
  assert.deepEqual(Buffer.concat(received), Buffer.concat([bytes, Buffer.from('ab')]));
  assert.ok(consoleSide.text().startsWith(bytes.toString('latin1')));
});

test('a flood for a slow terminal arrives whole', async (t) => {
  const line = Buffer.alloc(8192, 'x');
  const consoleSide = await open(t, (peer) => {
    for (let count = 0; count < 200; count++) {
      peer.send(line);
    }
    peer.close(1000);
  });
  assert.equal(await consoleSide.ended, 'closed');
  consoleSide.output.end();
  await once(consoleSide.output, 'finish');
  assert.equal(consoleSide.text().length, 200 * line.length);
});

test('a broken connection is lost, an interrupt leaves, a closing code tells which', async (t) => {
  const broken = await open(t, (peer) => peer.terminate());
  assert.equal(await broken.ended, 'lost');
  const failed = await open(t, (peer) => peer.close(1011));
  assert.equal(await failed.ended, 'lost');
  const interrupted = await open(t, () => undefined);
  interrupted.stop.abort();
  assert.equal(await interrupted.ended, 'interrupted');
});

test('a server that does not answer the close does not hold us', async (t) => {
  const consoleSide = await open(t, (peer) => peer.pause());
  consoleSide.input.write('\u001d');
  assert.equal(await consoleSide.ended, 'left');
});

test('after the end of piped input, the answer is still shown', async (t) => {
  const consoleSide = await open(t, (peer) => {
    peer.on('message', (data: Buffer) => setImmediate(() => peer.send(`got ${data.toString()}`)));
  });
  consoleSide.input.end('date\n');
  assert.equal(await consoleSide.ended, 'left');
  assert.equal(consoleSide.text(), 'got date\n');
});
