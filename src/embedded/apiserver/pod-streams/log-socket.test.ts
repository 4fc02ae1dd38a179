import assert from 'node:assert/strict';
import { once } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { WebSocket } from 'ws';
import { podType } from '../../../apimachinery/core.ts';
import { badRequest } from '../../../apimachinery/status.ts';
import { withDeadline } from '../../../base/deadline.ts';
import { startTestServer, type TestServer } from '../test-server.ts';
import type { LogRequest } from './backend.ts';

const timeoutMs = 10_000;

describe('a log over a WebSocket', () => {
  let server: TestServer;
  let log: () => Readable = () => Readable.from(['one\n', 'é\n']);
  const asked: LogRequest[] = [];
  before(async () => {
    server = await startTestServer({
      podStreams: {
        async openLog(_pod, request) {
          asked.push(request);
          return log();
        },
        exec: () => Promise.reject(badRequest('not here')),
        connect: () => Promise.reject(badRequest('not here')),
      },
      auth: {
        tokens: [{ token: 'reader', user: { name: 'reader', groups: [] } }],
        authorize: (user, { verb, subresource }) => ({
          allowed: user.name !== 'reader' || (verb === 'get' && subresource === 'log'),
        }),
      },
    });
    await server.client.create(podType, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'web', namespace: 'default' },
      spec: { containers: [{ name: 'compute', image: 'x' }] },
    });
  });
  after(() => server.close());

  function connect(query: string, protocols: string[] = [], headers: Record<string, string> = {}): WebSocket {
    const { ca, client } = server.certificates;
    const path = `/api/v1/namespaces/default/pods/web/log${query}`;
    const credentials = headers['Authorization'] === undefined ? { cert: client.cert, key: client.key } : {};
    const socket = new WebSocket(`wss://127.0.0.1:${server.port}${path}`, protocols, {
      ca: ca.cert,
      headers,
      ...credentials,
    });
    socket.on('error', () => undefined);
    return socket;
  }

  async function read(socket: WebSocket): Promise<{ code: number; messages: [string, boolean][] }> {
    const messages: [string, boolean][] = [];
    socket.on('message', (data, isBinary) => messages.push([(data as Buffer).toString('utf8'), isBinary]));
    const [code] = (await withDeadline(once(socket, 'close'), timeoutMs, 'the end of the log')) as [number];
    return { code, messages };
  }

  test('binary messages without a protocol', async () => {
    const { code, messages } = await read(connect('?follow=true&tailLines=5'));
    assert.equal(code, 1000);
    assert.equal(messages.map(([text]) => text).join(''), 'one\né\n');
    assert.ok(messages.every(([, isBinary]) => isBinary));
    assert.deepEqual([asked.at(-1)?.follow, asked.at(-1)?.tailLines], [true, 5]);
  });
  test('base64 texts by its protocol', async () => {
    const socket = connect('', ['base64.binary.k8s.io']);
    const { messages } = await read(socket);
    assert.equal(socket.protocol, 'base64.binary.k8s.io');
    assert.ok(messages.every(([, isBinary]) => !isBinary));
    assert.equal(messages.map(([text]) => Buffer.from(text, 'base64').toString('utf8')).join(''), 'one\né\n');
  });
  test('who may read logs but run nothing may have it', async () => {
    const { code } = await read(connect('', [], { Authorization: 'Bearer reader' }));
    assert.equal(code, 1000);
  });
  test('what is wrong is told before the upgrade', async () => {
    const [, response] = (await withDeadline(
      once(connect('?previous=true'), 'unexpected-response'),
      timeoutMs,
      'the refusal',
    )) as [unknown, { statusCode: number; destroy(): void }];
    assert.equal(response.statusCode, 400);
    response.destroy();
  });
  test('a client that leaves ends the log', async () => {
    const endless = new PassThrough();
    log = () => endless;
    const socket = connect('?follow=true');
    endless.write('first\n');
    await withDeadline(once(socket, 'message'), timeoutMs, 'the first line');
    const closed = once(endless, 'close');
    socket.terminate();
    await withDeadline(closed, timeoutMs, 'the end of the log');
  });
});
