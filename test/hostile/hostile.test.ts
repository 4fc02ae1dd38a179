import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { withDeadline } from '../../src/base/deadline.ts';
import { jsonBodies, maps, otherBodies, wrongShapes } from './bodies.ts';
import type { HostileCase } from './bodies.ts';
import { startCanaryThread } from './canary.ts';
import type { Canary, CanaryReport } from './canary.ts';
import { createHostileClient } from './client.ts';
import type { HostileClient } from './client.ts';
import { exchange, openSocket } from './raw-socket.ts';
import { headers, patches, paths, queries } from './requests.ts';
import { startServerProcess } from './server-process.ts';
import type { ServerProcess } from './server-process.ts';
import { socketCases } from './sockets.ts';

const mebibyte = 1024 * 1024;
const maxP99Ms = 500;
/** What the floods hold at once (150 MiB of bodies, 225 MiB of lists) and what of it the heap keeps for later. */
const maxGrowthBytes = 600 * mebibyte;
const busyFactor = 10;
/** 200 watchers with up to 8 MB unread each: far less, as it is the same 8 MB. */
const maxUnreadBytes = 300 * mebibyte;
const aloneMs = 2000;
const slowConnections = 100;
/** Three seconds, and the half minute after which Node.js looks for such connections again. */
const slowDeadlineMs = 45_000;

const groups: readonly (readonly [string, readonly HostileCase[]])[] = [
  ['JSON', jsonBodies],
  ['YAML and protobuf', otherBodies],
  ['wrong shapes', wrongShapes],
  ['paths', paths],
  ['queries', queries],
  ['headers', headers],
  ['patches', patches],
];

describe('hostile requests get the right answer and harm no other', () => {
  let server: ServerProcess;
  let client: HostileClient;
  let canary: Canary;
  let alone: CanaryReport;
  let rssAtStart = 0;
  let slow: Promise<unknown>;

  before(async () => {
    server = await startServerProcess();
    client = createHostileClient(server);
    await client.call({ method: 'POST', path: maps, body: { metadata: { name: 'target' }, data: { a: '1' } } });
    rssAtStart = server.rssBytes();
    const first = startCanaryThread(server.address);
    await delay(aloneMs);
    alone = await first.stop();
    canary = startCanaryThread(server.address);
    slow = holdSlowConnections(server);
    slow.catch(() => undefined);
  });

  after(async () => {
    client.close();
    await server.close();
  });

  test('there are at least 200 of them, each with a name of its own', () => {
    const names = [
      ...groups.flatMap(([group, cases]) => cases.map(({ name }) => `${group}: ${name}`)),
      ...socketCases.map(({ name }) => name),
    ];
    assert.ok(names.length >= 200, `${names.length}`);
    assert.equal(new Set(names).size, names.length);
  });

  for (const [group, cases] of groups) {
    describe(group, () => {
      for (const hostile of cases) {
        test(hostile.name, async () => {
          const { code, text, status } = await callOrCut(client, hostile);
          const wanted = typeof hostile.code === 'number' ? [hostile.code] : hostile.code;
          assert.ok(wanted.includes(code), `expected ${wanted.join(' or ')}, got ${code}: ${text.slice(0, 300)}`);
          if (code >= 400 && hostile.method !== 'HEAD') {
            assert.equal(status?.kind, 'Status', text.slice(0, 300));
            assert.equal(status.code, code);
          }
          assert.ok(server.isRunning());
        });
      }
    });
  }

  describe('bytes', () => {
    for (const { name, send, answer, plain = false, answers } of socketCases) {
      test(name, async () => {
        const { text, ended } = await exchange(server, send, { plain });
        assert.match(text.slice(0, 300), answer);
        assert.ok(ended, `the connection is still open after: ${text.slice(0, 300)}`);
        if (answers !== undefined) {
          assert.equal(text.split(/^HTTP\/1\.1 /mu).length - 1, answers);
        }
        assert.ok(server.isRunning());
      });
    }
  });

  describe('floods', () => {
    test('300 watches, which nobody reads', async () => {
      const sockets = await Promise.all(Array.from({ length: 300 }, () => openSocket(server)));
      for (const socket of sockets) {
        socket.pause();
        socket.write(`GET ${maps}?watch=true HTTP/1.1\r\nHost: a\r\n\r\n`);
      }
      const answer = await client.call({ method: 'GET', path: `${maps}/target` });
      assert.equal(answer.code, 200);
      for (const socket of sockets) {
        socket.destroy();
      }
    });
    test('200 watches, which nobody reads, of an object that changes', async (t) => {
      await client.call({ method: 'POST', path: maps, body: { metadata: { name: 'unread' } } });
      const path = `${maps}?watch=true&fieldSelector=metadata.name%3Dunread`;
      const sockets = await Promise.all(Array.from({ length: 200 }, () => openSocket(server)));
      const beforeBytes = server.rssBytes();
      await Promise.all(
        sockets.map(async (socket) => {
          const started = once(socket, 'data');
          socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
          await withDeadline(started, aloneMs * 10, 'the watch');
          socket.pause();
        }),
      );
      // Just what each may leave unread, so that none is cut.
      for (let count = 0; count < 26; count += 1) {
        const body = { data: { value: `${count} ${'x'.repeat(300_000)}` } };
        const { code } = await client.call({
          method: 'PATCH',
          path: `${maps}/unread`,
          body,
          type: 'application/merge-patch+json',
        });
        assert.equal(code, 200);
      }
      const grownBytes = server.rssBytes() - beforeBytes;
      for (const socket of sockets) {
        socket.destroy();
      }
      t.diagnostic(`${Math.round(grownBytes / mebibyte)} MiB`);
      assert.ok(grownBytes < maxUnreadBytes, `grew by ${grownBytes} bytes`);
    });
    test('500 connections that say nothing', async () => {
      const sockets = await Promise.all(Array.from({ length: 500 }, () => openSocket(server, true)));
      assert.equal((await client.call({ method: 'GET', path: `${maps}/target` })).code, 200);
      for (const socket of sockets) {
        socket.destroy();
      }
    });
    test('200 requests that are cut in their middle', async () => {
      await Promise.all(
        Array.from({ length: 200 }, async () => {
          const socket = await openSocket(server);
          socket.write(
            `POST ${maps} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"met`,
          );
          socket.destroy();
        }),
      );
      assert.equal((await client.call({ method: 'GET', path: `${maps}/target` })).code, 200);
    });
    test('50 bodies of 3 MiB at once', async () => {
      const body = Buffer.alloc(3 * mebibyte - 10, 0x20);
      const answers = await Promise.all(
        Array.from({ length: 50 }, () => client.call({ method: 'POST', path: maps, body })),
      );
      assert.ok(answers.every(({ code }) => code === 400));
    });
    test('a large list, asked for 50 times and not read', async () => {
      for (let index = 0; index < 5; index += 1) {
        await client.call({
          method: 'POST',
          path: maps,
          body: { metadata: { name: `large-${index}` }, data: { a: 'x'.repeat(900_000) } },
        });
      }
      const sockets = await Promise.all(Array.from({ length: 50 }, () => openSocket(server)));
      for (const socket of sockets) {
        socket.pause();
        socket.write(`GET ${maps} HTTP/1.1\r\nHost: a\r\n\r\n`);
      }
      assert.equal((await client.call({ method: 'GET', path: `${maps}/target` })).code, 200);
      for (const socket of sockets) {
        socket.destroy();
      }
      for (let index = 0; index < 5; index += 1) {
        await client.call({ method: 'DELETE', path: `${maps}/large-${index}` });
      }
    });
  });

  test(`${slowConnections} connections that send a header byte by byte are cut`, async () => {
    await slow;
  });

  test('no prototype was changed', async () => {
    const { status } = await client.call({ method: 'GET', path: `${maps}/target` });
    assert.equal((status as unknown as Record<string, unknown>)['polluted'], undefined);
    assert.deepEqual((status as unknown as { data: object }).data, { a: '1' });
  });

  test(`the canary met no error and a p99 below ${maxP99Ms} ms`, async (t) => {
    const { requests, failures, p99Ms } = await canary.stop();
    t.diagnostic(`${requests} requests, p99 ${p99Ms.toFixed(1)} ms; alone ${alone.p99Ms.toFixed(1)} ms`);
    assert.deepEqual(failures, []);
    assert.ok(requests > 100, `${requests} requests`);
    // A machine that is busy with something else is no fault of the server's.
    const allowedMs = Math.max(maxP99Ms, busyFactor * alone.p99Ms);
    assert.ok(p99Ms < allowedMs, `p99 ${p99Ms} ms; alone ${alone.p99Ms} ms`);
  });

  test(`memory grew by less than ${maxGrowthBytes / mebibyte} MiB`, (t) => {
    const growth = server.rssBytes() - rssAtStart;
    t.diagnostic(`${Math.round(growth / mebibyte)} MiB`);
    assert.ok(growth < maxGrowthBytes, `${Math.round(growth / mebibyte)} MiB`);
  });
});

/** A server that answers 413 ends the connection while the body is still on its way: then the answer may be lost. */
async function callOrCut(client: HostileClient, hostile: HostileCase): ReturnType<HostileClient['call']> {
  try {
    return await client.call(hostile);
  } catch (error) {
    const cut = ['EPIPE', 'ECONNRESET'].includes((error as NodeJS.ErrnoException).code ?? '');
    if (cut && hostile.code === 413) {
      return { code: 413, text: '', status: { kind: 'Status', code: 413 } };
    }
    throw error;
  }
}

async function holdSlowConnections(server: ServerProcess): Promise<void> {
  await Promise.all(
    Array.from({ length: slowConnections }, async () => {
      const socket = await openSocket(server);
      const closed = new Promise<void>((resolve) => {
        socket.once('close', () => resolve());
      });
      socket.resume();
      socket.write(`GET ${maps} HTTP/1.1\r\nHost: a\r\nX-Slow: `);
      const drip = setInterval(() => socket.write('x'), 200);
      try {
        await withDeadline(closed, slowDeadlineMs, 'the end of a slow connection');
      } finally {
        clearInterval(drip);
        socket.destroy();
      }
    }),
  );
}
