import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { test } from 'node:test';
import { withDeadline } from '../../../base/deadline.ts';
import { dial } from './dial.ts';
import { parseTarget } from './portforward.ts';

const deadlineMs = 5000;

test('a port and a protocol, nothing else', () => {
  assert.deepEqual(parseTarget(['22']), { port: 22, protocol: 'tcp' });
  assert.deepEqual(parseTarget(['53', 'udp']), { port: 53, protocol: 'udp' });
  for (const rest of [['0'], ['65536'], ['22a'], ['-1'], ['1e3'], ['22', 'sctp'], []]) {
    assert.throws(() => parseTarget(rest), /port|protocol/u);
  }
});

test('tcp: bytes both ways, and what comes after the last byte of the client', async (t) => {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    let text = '';
    socket.on('data', (data) => (text += data.toString()));
    socket.on('end', () => socket.end(`got ${text}`));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const stream = await dial({ address: '127.0.0.1', port, protocol: 'tcp' });
  stream.end('hello');
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  await withDeadline(once(stream, 'end'), deadlineMs, 'the answer');
  assert.equal(Buffer.concat(chunks).toString(), 'got hello');
  server.close();
  await once(server, 'close');
  await assert.rejects(dial({ address: '127.0.0.1', port, protocol: 'tcp' }), { code: 'ECONNREFUSED' });
});

test('udp: a chunk is a datagram', async (t) => {
  const server = createSocket('udp4', (message, from) => server.send(`got ${message.toString()}`, from.port));
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const stream = await dial({ address: '127.0.0.1', port: server.address().port, protocol: 'udp' });
  t.after(() => stream.destroy());
  const answers: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  stream.on('data', (chunk: Buffer) => {
    answers.push(chunk.toString());
    if (answers.length === 2) {
      resolve();
    }
  });
  stream.write('one');
  stream.write('two');
  await withDeadline(promise, deadlineMs, 'the answers');
  assert.deepEqual(answers, ['got one', 'got two']);
});
