import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { once } from 'node:events';
import { request } from 'node:https';
import { WebSocket } from 'ws';
import { withDeadline } from '../../../base/deadline.ts';
import { startTestServer } from '../test-server.ts';
import type { Json, TestServer } from '../test-server.ts';

const timeoutMs = 10_000;
const maps = '/api/v1/namespaces/default/configmaps';
const token = 'the token of a reader';
const encoded = `base64url.bearer.authorization.k8s.io.${Buffer.from(token).toString('base64url')}`;

describe('a watch over a WebSocket', () => {
  let server: TestServer;
  const open: WebSocket[] = [];
  before(async () => {
    server = await startTestServer({
      auth: { tokens: [{ token, user: { name: 'reader', groups: ['system:masters'] } }] },
    });
  });
  after(async () => {
    for (const socket of open) {
      socket.terminate();
    }
    await server.close();
  });

  function connect(path: string, protocols: string[] = [], certificate = true, headers: Record<string, string> = {}) {
    const { ca, client } = server.certificates;
    const credentials = certificate ? { cert: client.cert, key: client.key } : {};
    const options = { ca: ca.cert, ...credentials, headers, origin: 'https://console.example.com' };
    const socket = new WebSocket(`wss://127.0.0.1:${server.port}${path}`, protocols, options);
    open.push(socket);
    socket.on('error', () => undefined);
    const events: Json[] = [];
    let told = Promise.withResolvers<void>();
    socket.on('message', (data, isBinary) => {
      assert.equal(isBinary, false);
      events.push(JSON.parse((data as Buffer).toString('utf8')));
      told.resolve();
      told = Promise.withResolvers();
    });
    const next = async (): Promise<Json> => {
      while (events.length === 0) {
        await withDeadline(told.promise, timeoutMs, 'an event');
      }
      return events.shift();
    };
    return { socket, next };
  }

  /** Code and Status of an upgrade that is refused. */
  async function refused(path: string, protocols: string[] = [], certificate = true): Promise<Json> {
    const { socket } = connect(path, protocols, certificate);
    const [, response] = await withDeadline(once(socket, 'unexpected-response'), timeoutMs, 'the refusal');
    const chunks: Buffer[] = [];
    for await (const chunk of response as AsyncIterable<Buffer>) {
      chunks.push(chunk);
    }
    const status: Json = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    assert.equal(status.code, response.statusCode);
    return status;
  }

  const make = (name: string): Promise<unknown> =>
    server.call('POST', maps, { body: { metadata: { name }, data: { text: 'a\nb' } } });

  test('one event per message, from what exists to what changes', async () => {
    await Promise.all([make('first'), make('second')]);
    const { next, socket } = connect(`${maps}?watch=1&fieldSelector=metadata.name!%3Dkube-root-ca.crt`);
    const names = [await next(), await next()].map(({ type, object }) => `${type} ${object.metadata.name}`);
    assert.deepEqual(names, ['ADDED first', 'ADDED second']);
    await server.call('DELETE', `${maps}/first`);
    const gone = await next();
    assert.deepEqual([gone.type, gone.object.metadata.name, gone.object.data], ['DELETED', 'first', { text: 'a\nb' }]);
    assert.equal(socket.protocol, '');
  });
  test('a token as subprotocol says who asks and is not repeated', async () => {
    await make('third');
    const protocols = ['base64.binary.k8s.io', encoded];
    const { next, socket } = connect(`${maps}?watch=true&fieldSelector=metadata.name%3Dthird`, protocols, false);
    assert.equal((await next()).object.metadata.name, 'third');
    assert.equal(socket.protocol, 'base64.binary.k8s.io');
  });
  test('a token that is not known, or that is offered alone, is 401', async () => {
    const path = `${maps}?watch=true`;
    assert.equal((await refused(path, ['a', `${encoded}xx`], true)).code, 401);
    assert.equal((await refused(path, [encoded], false)).code, 401);
    assert.equal((await refused(path, ['a', encoded, `${encoded}x`], false)).code, 401);
    assert.equal((await refused(path, [], false)).code, 401);
  });
  test('what is wrong is told before the upgrade', async () => {
    assert.equal((await refused(`${maps}?watch=true&labelSelector=%3D%3D`)).code, 400);
    assert.equal((await refused('/api/v1/nothings?watch=true')).code, 404);
    assert.equal((await refused(maps)).code, 404);
  });
  test('the deprecated path', async () => {
    await make('fourth');
    const { next } = connect('/api/v1/watch/namespaces/default/configmaps/fourth');
    assert.equal((await next()).object.metadata.name, 'fourth');
  });
  test('an end by timeoutSeconds is a normal closure', async () => {
    const { socket } = connect(`${maps}?watch=true&timeoutSeconds=1&resourceVersion=9`);
    const [code] = (await withDeadline(once(socket, 'close'), timeoutMs, 'the end')) as [number];
    assert.equal(code, 1000);
  });
  test('a revision that is not kept is an ERROR event', async () => {
    const { next } = connect(`${maps}?watch=true&resourceVersion=999999999`);
    const event = await next();
    assert.deepEqual([event.type, event.object.kind, event.object.code], ['ERROR', 'Status', 410]);
  });
  test('a client that sends much is closed, what it sends in small is not looked at', async () => {
    await make('fifth');
    const { next, socket } = connect(`${maps}?watch=true&fieldSelector=metadata.name%3Dfifth`);
    await next();
    socket.send('{"type":"anything"}');
    await server.call('DELETE', `${maps}/fifth`);
    assert.equal((await next()).type, 'DELETED');
    socket.send('x'.repeat(5000));
    const [code] = (await withDeadline(once(socket, 'close'), timeoutMs, 'the end')) as [number];
    assert.equal(code, 1009);
  });
  test('an upgrade that is no proper one is refused and harms nobody', async () => {
    const { ca, client } = server.certificates;
    const ask = (headers: Record<string, string>, method = 'GET'): Promise<number> =>
      new Promise((resolve, reject) => {
        const tls = { ca: ca.cert, cert: client.cert, key: client.key };
        const place = { host: '127.0.0.1', port: server.port, path: `${maps}?watch=true`, agent: false };
        const asked = request(
          { ...place, ...tls, method, headers: { Connection: 'Upgrade', ...headers } },
          (answer) => {
            answer.destroy();
            resolve(answer.statusCode ?? 0);
          },
        );
        asked.on('upgrade', (_, socket) => {
          socket.destroy();
          resolve(101);
        });
        asked.on('error', reject);
        asked.end();
      });
    const good = { 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': 'MDEyMzQ1Njc4OWFiY2RlZg==' };
    assert.equal(await ask({ Upgrade: 'websocket', ...good }), 101);
    assert.equal(await ask({ Upgrade: 'websocket' }), 400);
    assert.equal(await ask({ Upgrade: 'websocket', ...good, 'Sec-WebSocket-Key': 'short' }), 400);
    assert.equal(await ask({ Upgrade: 'something', ...good }), 400);
    assert.equal(await ask({ Upgrade: 'websocket', ...good }, 'POST'), 405);
    assert.equal((await server.call('GET', maps)).code, 200);
  });
  test('who does not read is cut', async () => {
    const { next, socket } = connect(`${maps}?watch=true&fieldSelector=metadata.name%3Dlarge`);
    await once(socket, 'open');
    await server.call('POST', maps, { body: { metadata: { name: 'large' } } });
    await next();
    socket.pause();
    const closed = once(socket, 'close');
    for (let count = 0; count < 40; count += 1) {
      await server.call('PUT', `${maps}/large`, {
        body: { metadata: { name: 'large' }, data: { text: `${count}`.padEnd(900_000, 'x') } },
      });
    }
    socket.resume();
    const [code] = (await withDeadline(closed, timeoutMs, 'the cut')) as [number];
    assert.equal(code, 1006);
  });
});
