import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { after, before, describe, test, type TestContext } from 'node:test';
import { configMapType } from '../apimachinery/core.ts';
import { StatusError, expired, notFound } from '../apimachinery/status.ts';
import { withDeadline } from '../base/deadline.ts';
import { startTestServer } from '../embedded/apiserver/test-server.ts';
import { createCertificates, type Certificates } from '../embedded/apiserver/pki.ts';
import { serveUpgrade } from '../vm/subresources/websocket.ts';
import { connectEndpoint } from './https-client.ts';
import { createTransport, type TransportLimits } from './https-transport.ts';
import type { ApiEndpoint } from './kubeconfig.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

const deadlineMs = 10_000;
let directory: string;
let certificates: Certificates;
before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'vmlet-https-'));
  certificates = await createCertificates({ directory });
});
after(() => rmSync(directory, { recursive: true }));

function endpoint(port: number, more: Partial<ApiEndpoint> = {}): ApiEndpoint {
  return {
    server: `https://127.0.0.1:${port}`,
    ca: Buffer.from(certificates.ca.cert),
    cert: undefined,
    key: undefined,
    token: undefined,
    insecure: false,
    serverName: undefined,
    defaultNamespace: 'default',
    ...more,
  };
}

/** A TLS server that answers as the test says: what a broken or hostile API server may do. */
async function serve(t: TestContext, handler: Handler): Promise<number> {
  const server = createServer({ ...certificates.server, keepAliveTimeout: 60_000 }, handler);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

async function collect(values: AsyncIterable<unknown>): Promise<unknown[]> {
  const found: unknown[] = [];
  for await (const value of values) {
    found.push(value);
  }
  return found;
}

async function open(t: TestContext, handler: Handler, limits: Partial<TransportLimits> = {}) {
  return createTransport(endpoint(await serve(t, handler)), { limits });
}

const event = (name: string) => ({ type: 'ADDED', object: { metadata: { name } } });

describe('watch streams', () => {
  test('events survive any split, also inside a character', async (t) => {
    const events = [event('grüße-🦊'), event('b'), event('c')];
    const bytes = Buffer.from(events.map((each) => `${JSON.stringify(each)}\n`).join('\n'));
    const transport = await open(t, (request, response) => {
      const size = Number(new URL(request.url ?? '', 'https://x').searchParams.get('size'));
      response.socket?.setNoDelay(true);
      const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
        bytes.subarray(index * size, (index + 1) * size),
      );
      const next = (): void => {
        const chunk = chunks.shift();
        if (chunk === undefined) {
          response.end();
        } else {
          response.write(chunk, () => setImmediate(next));
        }
      };
      next();
    });
    for (const size of [1, 2, 3, 7, 41, 1000]) {
      assert.deepEqual(await collect(transport.stream(`/watch?size=${size}`, undefined)), events, `chunks of ${size}`);
    }
  });

  test('what follows the last line break is no event', async (t) => {
    const transport = await open(t, (_request, response) => response.end(`${JSON.stringify(event('a'))}\n{"type":"AD`));
    assert.deepEqual(await collect(transport.stream('/', undefined)), [event('a')]);
  });

  test('an ERROR event is thrown as StatusError, after the events before it', async (t) => {
    const gone = { type: 'ERROR', object: expired('too old resource version').status };
    const transport = await open(t, (_request, response) =>
      response.end(`${JSON.stringify(event('a'))}\n${JSON.stringify(gone)}\n`),
    );
    const seen: unknown[] = [];
    const watch = async (): Promise<void> => {
      for await (const value of transport.stream('/', undefined)) {
        seen.push(value);
      }
    };
    await assert.rejects(watch(), (error: unknown) => error instanceof StatusError && error.status.code === 410);
    assert.deepEqual(seen, [event('a')]);
  });

  test('a refusal before the first event is thrown as StatusError', async (t) => {
    const { status } = notFound({ group: '', resource: 'pods' }, 'web');
    const transport = await open(t, (_request, response) => response.writeHead(404).end(JSON.stringify(status)));
    await assert.rejects(collect(transport.stream('/', undefined)), {
      code: 'NotFound',
      message: status.message ?? '',
    });
  });

  test('abort ends it: before the answer, in the middle, and when already aborted', async (t) => {
    const asked = Promise.withResolvers<void>();
    const transport = await open(t, (request, response) => {
      if (request.url === '/silent') {
        asked.resolve();
      } else {
        response.write(`${JSON.stringify(event('a'))}\n`);
      }
    });
    const early = new AbortController();
    const silent = collect(transport.stream('/silent', early.signal));
    await asked.promise;
    early.abort();
    assert.deepEqual(await withDeadline(silent, deadlineMs, 'the silent watch'), []);

    const middle = new AbortController();
    const seen: unknown[] = [];
    const watch = async (): Promise<void> => {
      for await (const value of transport.stream('/', middle.signal)) {
        seen.push(value);
        middle.abort();
      }
    };
    await withDeadline(watch(), deadlineMs, 'the watch');
    assert.deepEqual(seen, [event('a')]);
    assert.deepEqual(await collect(transport.stream('/', AbortSignal.abort())), []);
  });

  test("leaving the loop closes the server's side", async (t) => {
    const closed = Promise.withResolvers<void>();
    const transport = await open(t, (_request, response) => {
      response.on('close', () => closed.resolve());
      response.write(`${JSON.stringify(event('a'))}\n`);
    });
    for await (const value of transport.stream('/', undefined)) {
      assert.deepEqual(value, event('a'));
      break;
    }
    await withDeadline(closed.promise, deadlineMs, 'the connection to close');
  });

  test('a connection that breaks is Unreachable, what is no event UnexpectedAnswer, an endless line AnswerTooLarge', async (t) => {
    const transport = await open(
      t,
      (request, response) => {
        if (request.url === '/breaks') {
          response.write(`${JSON.stringify(event('a'))}\n{`, () => response.destroy());
        } else if (request.url === '/html') {
          response.end('<html>\n');
        } else if (request.url === '/null') {
          response.end('null\n');
        } else {
          response.write('x'.repeat(5000));
        }
      },
      { eventBytesMax: 4096 },
    );
    await assert.rejects(collect(transport.stream('/breaks', undefined)), { code: 'Unreachable' });
    await assert.rejects(collect(transport.stream('/html', undefined)), { code: 'UnexpectedAnswer' });
    await assert.rejects(collect(transport.stream('/null', undefined)), { code: 'UnexpectedAnswer' });
    await assert.rejects(collect(transport.stream('/endless', undefined)), { code: 'AnswerTooLarge' });
  });
});

describe('requests', () => {
  test('nobody listens: the message says so and what to do', async () => {
    const server = createTcpServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    const transport = createTransport(endpoint(port));
    const refused = {
      code: 'Unreachable',
      message: `no answer from https://127.0.0.1:${port}: connection refused. Is vmlet running? Start it with \`vmlet up\``,
    };
    await assert.rejects(transport.request({ method: 'GET', path: '/version' }), refused);
    await assert.rejects(collect(transport.stream('/watch', undefined)), refused);
    await assert.rejects(transport.openWebSocket('/console', 'plain.kubevirt.io'), refused);
  });

  test('a server with a certificate of another authority or name is not spoken to', async (t) => {
    let asked = 0;
    const port = await serve(t, (_request, response) => {
      asked++;
      response.end('{}');
    });
    const other = mkdtempSync(join(tmpdir(), 'vmlet-https-'));
    t.after(() => rmSync(other, { recursive: true }));
    const { ca } = await createCertificates({ directory: other });
    const stranger = createTransport(endpoint(port, { ca: Buffer.from(ca.cert) }));
    const wrongAuthority = {
      code: 'Unreachable',
      message: /certificate is not from the authority that the kubeconfig names/,
    };
    await assert.rejects(stranger.request({ method: 'GET', path: '/' }), wrongAuthority);
    await assert.rejects(stranger.openWebSocket('/', 'plain.kubevirt.io'), wrongAuthority);
    const misnamed = createTransport(endpoint(port, { serverName: 'elsewhere.example' }));
    await assert.rejects(misnamed.request({ method: 'GET', path: '/' }), {
      message: /certificate is for another name/,
    });
    assert.equal(asked, 0);
    const careless = createTransport(endpoint(port, { ca: Buffer.from(ca.cert), insecure: true }));
    assert.deepEqual(await careless.request({ method: 'GET', path: '/' }), {});
  });

  test('answers that are no API are UnexpectedAnswer; an empty one is undefined', async (t) => {
    const transport = await open(
      t,
      (request, response) => {
        const answers: Readonly<Record<string, () => unknown>> = {
          '/empty': () => response.writeHead(202).end(),
          '/html': () => response.writeHead(200).end('<html>a proxy</html>'),
          '/moved': () => response.writeHead(302, { location: '/' }).end(),
          '/bad-gateway': () => response.writeHead(502).end('bad gateway'),
          '/large': () => response.end('x'.repeat(5000)),
        };
        answers[request.url ?? '']?.();
      },
      { answerBytesMax: 4096, requestTimeoutMs: 200 },
    );
    const get = (path: string) => transport.request({ method: 'GET', path });
    assert.equal(await get('/empty'), undefined);
    await assert.rejects(get('/html'), { code: 'UnexpectedAnswer', message: /answered 200: <html>a proxy/ });
    await assert.rejects(get('/moved'), { code: 'UnexpectedAnswer', message: /answered 302/ });
    await assert.rejects(get('/bad-gateway'), { code: 'UnexpectedAnswer', message: /answered 502: bad gateway/ });
    await assert.rejects(get('/large'), { code: 'AnswerTooLarge' });
    await assert.rejects(get('/silent'), { code: 'Unreachable', message: /within 200 ms/ });
  });

  test('an answer that stops in the middle ends with the deadline', async (t) => {
    const transport = await open(t, (_request, response) => response.write('{"kind":'), { requestTimeoutMs: 200 });
    await assert.rejects(transport.request({ method: 'GET', path: '/' }), { message: /within 200 ms/ });
  });

  test("the transport's signal cancels requests and WebSockets", async (t) => {
    const stop = new AbortController();
    const asked = Promise.withResolvers<void>();
    const port = await serve(t, () => asked.resolve());
    const transport = createTransport(endpoint(port), { signal: stop.signal });
    const request = transport.request({ method: 'GET', path: '/' });
    await asked.promise;
    stop.abort();
    await assert.rejects(withDeadline(request, deadlineMs, 'the request'), { code: 'Cancelled' });
    await assert.rejects(transport.openWebSocket('/', 'plain.kubevirt.io'), { code: 'Cancelled' });
  });

  test('many at once on one signal raise no warning', async (t) => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error): number => warnings.push(warning);
    process.on('warning', onWarning);
    t.after(() => process.off('warning', onWarning));
    const port = await serve(t, (_request, response) => response.end('{}'));
    const transport = createTransport(endpoint(port), { signal: new AbortController().signal });
    await Promise.all(Array.from({ length: 50 }, () => transport.request({ method: 'GET', path: '/' })));
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(warnings, []);
  });

  test('a GET on a kept connection that the server had closed is sent again', async (t) => {
    let count = 0;
    const transport = await open(t, (request, response) => {
      if (++count === 2) {
        request.socket.destroy();
      } else {
        response.end(JSON.stringify({ count }));
      }
    });
    assert.deepEqual(await transport.request({ method: 'GET', path: '/' }), { count: 1 });
    assert.deepEqual(await transport.request({ method: 'GET', path: '/' }), { count: 3 });
    assert.equal(count, 3);
  });
});

test('wrong credentials are Unauthorized by name', async (t) => {
  const server = await startTestServer();
  t.after(() => server.close());
  const { client } = connectEndpoint(
    endpoint(server.port, { ca: Buffer.from(server.certificates.ca.cert), token: 'not-known' }),
  );
  await assert.rejects(client.list(configMapType, { namespace: 'default' }), { code: 'Unauthorized' });
});

test('WebSocket to a delegated group: bytes both ways from the first on, and refusals as Status', async (t) => {
  const server = await startTestServer({
    delegated: [
      {
        group: 'subresources.kubevirt.io',
        versions: ['v1'],
        resources: [
          {
            name: 'virtualmachineinstances/console',
            singularName: '',
            namespaced: true,
            kind: 'VirtualMachineInstance',
            verbs: ['get'],
          },
        ],
        handle: () => Promise.resolve({ code: 405 }),
        upgrade(request, socket, head, upgradeRequest) {
          const connect = (): Promise<Duplex> =>
            request.name === 'web'
              ? Promise.resolve(greetingEcho())
              : Promise.reject(
                  notFound({ group: 'kubevirt.io', resource: 'virtualmachineinstances' }, request.name ?? ''),
                );
          void serveUpgrade(connect, { request: upgradeRequest, socket, head });
        },
      },
    ],
  });
  t.after(() => server.close());
  const { cert, key } = server.certificates.client;
  const connection = connectEndpoint(
    endpoint(server.port, {
      ca: Buffer.from(server.certificates.ca.cert),
      cert: Buffer.from(cert),
      key: Buffer.from(key),
    }),
  );
  const path = (name: string): string =>
    `/apis/subresources.kubevirt.io/v1/namespaces/default/virtualmachineinstances/${name}/console`;
  const socket = await connection.openWebSocket(path('web'), 'plain.kubevirt.io');
  // The greeting is here by now, and must not have been lost.
  await new Promise((resolve) => setImmediate(resolve));
  const nonce = randomUUID();
  let text = '';
  const answered = new Promise<void>((resolve) => {
    socket.on('message', (data: Buffer) => {
      text += data.toString('latin1');
      if (text.includes(`${nonce}\u00ff`)) {
        resolve();
      }
    });
  });
  socket.resume();
  socket.send(Buffer.from(`\u0000${nonce}\u00ff`, 'latin1'), { binary: true });
  await withDeadline(answered, deadlineMs, 'the echo');
  assert.equal(text, `hello\u0000${nonce}\u00ff`);
  const closed = once(socket, 'close');
  socket.close();
  await withDeadline(closed, deadlineMs, 'the close');
  await assert.rejects(connection.openWebSocket(path('gone'), 'plain.kubevirt.io'), {
    code: 'NotFound',
    message: 'virtualmachineinstances.kubevirt.io "gone" not found',
  });
});

/** Says hello at once and gives back what it gets. */
function greetingEcho(): Duplex {
  const stream = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      stream.push(chunk);
      done();
    },
  });
  stream.push('hello');
  return stream;
}
