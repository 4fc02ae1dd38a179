import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { connect } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { withDeadline } from '../../../base/deadline.ts';
import { startTestServer } from '../test-server.ts';
import type { TestServer } from '../test-server.ts';

const timeoutMs = 10_000;
const maps = '/api/v1/namespaces/default/configmaps';

/** What the sockets of these tests see of the server: every byte. */
describe('a watch on the wire', () => {
  let server: TestServer;
  const sockets: TLSSocket[] = [];
  before(async () => {
    server = await startTestServer();
  });
  after(async () => {
    for (const socket of sockets) {
      socket.destroy();
    }
    await server.close();
  });

  function ask(text: string): { until(mark: string): Promise<string> } {
    const { ca, client } = server.certificates;
    const socket = connect({ host: '127.0.0.1', port: server.port, ca: ca.cert, cert: client.cert, key: client.key });
    sockets.push(socket);
    let seen = '';
    let told = Promise.withResolvers<void>();
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      seen += chunk;
      told.resolve();
      told = Promise.withResolvers();
    });
    socket.on('error', told.reject);
    socket.write(text);
    return {
      until: (mark) =>
        withDeadline(
          (async () => {
            while (!seen.includes(mark)) {
              await told.promise;
            }
            return seen;
          })(),
          timeoutMs,
          `wait for ${mark}`,
        ),
    };
  }
  const path = (name: string, more = ''): string => `${maps}?watch=true&fieldSelector=metadata.name%3D${name}${more}`;
  const create = (name: string, value = '') =>
    server.call('POST', maps, { body: { metadata: { name }, data: { value } } });
  const change = (name: string, value: string) =>
    server.call('PATCH', `${maps}/${name}`, { body: { data: { value } }, type: 'application/merge-patch+json' });

  /** Throws where the bytes are no body in chunks. Gives the lines, and whether the last chunk is there. */
  function readBody(answer: string): { lines: string[]; ended: boolean } {
    const head = answer.indexOf('\r\n\r\n');
    assert.match(answer.slice(0, head), /^transfer-encoding: chunked$/imu);
    let rest = Buffer.from(answer.slice(head + 4));
    let body = '';
    while (rest.length > 0) {
      const end = rest.indexOf('\r\n');
      const length = Number.parseInt(rest.toString('latin1', 0, end), 16);
      assert.ok(length >= 0, `a chunk begins with its length, not ${rest.toString('latin1', 0, 20)}`);
      assert.equal(rest.toString('latin1', end + 2 + length, end + 4 + length), '\r\n');
      if (length === 0) {
        return { lines: body.split('\n').slice(0, -1), ended: true };
      }
      body += rest.toString('utf8', end + 2, end + 2 + length);
      rest = rest.subarray(end + 4 + length);
    }
    return { lines: body.split('\n').slice(0, -1), ended: false };
  }
  const valuesOf = (lines: readonly string[]): string[] =>
    lines.map((line) => (JSON.parse(line) as { object: { data: { value: string } } }).object.data.value);

  test('events are whole chunks in their order, the same for all who watch', async () => {
    await create('wire', 'start');
    const watches = Array.from({ length: 60 }, () => ask(`GET ${path('wire')} HTTP/1.1\r\nHost: a\r\n\r\n`));
    await Promise.all(watches.map((watch) => watch.until('"start"')));
    const values = Array.from({ length: 20 }, (_, index) => `grün ${index}`);
    await Promise.all(values.slice(0, -1).map((value) => change('wire', value)));
    await change('wire', values.at(-1) ?? '');
    const answers = await Promise.all(watches.map((watch) => watch.until(`"${values.at(-1)}"`)));
    const bodies = answers.map((answer) => readBody(answer).lines);
    for (const lines of bodies) {
      assert.deepEqual(lines, bodies[0]);
    }
    assert.deepEqual(valuesOf(bodies[0] ?? []).toSorted(), ['start', ...values].toSorted());
  });

  test('the end of a watch comes after its last event', async () => {
    await create('ends', 'start');
    const watch = ask(`GET ${path('ends', '&timeoutSeconds=1')} HTTP/1.1\r\nHost: a\r\n\r\n`);
    await watch.until('"start"');
    await change('ends', 'last');
    const { lines, ended } = readBody(await watch.until('\r\n0\r\n\r\n'));
    assert.deepEqual(valuesOf(lines), ['start', 'last']);
    assert.ok(ended);
  });

  test('HTTP/1.0 knows no chunks: the lines come as they are', async () => {
    await create('old', 'start');
    const watch = ask(`GET ${path('old')} HTTP/1.0\r\nHost: a\r\n\r\n`);
    await watch.until('"start"');
    await change('old', 'more');
    const answer = await watch.until('"more"');
    const lines = answer.slice(answer.indexOf('\r\n\r\n') + 4).split('\n');
    assert.doesNotMatch(answer, /transfer-encoding/iu);
    assert.deepEqual(valuesOf(lines.slice(0, 2)), ['start', 'more']);
  });

  test('a watch behind another request on the same connection waits for that answer', async () => {
    await create('behind', 'start');
    const first = `GET ${path('behind', '&timeoutSeconds=2')} HTTP/1.1\r\nHost: a\r\n\r\n`;
    const second = `GET ${path('behind')} HTTP/1.1\r\nHost: a\r\n\r\n`;
    const both = ask(first + second);
    await both.until('"start"');
    await change('behind', 'more');
    const answer = await both.until('\r\n0\r\n\r\n');
    const end = answer.indexOf('\r\n0\r\n\r\n') + 7;
    assert.deepEqual(valuesOf(readBody(answer.slice(0, end)).lines), ['start', 'more']);
    await change('behind', 'later');
    const whole = await both.until('"later"');
    const values = valuesOf(readBody(whole.slice(end)).lines);
    assert.equal(values[0], 'start');
    assert.equal(values.at(-1), 'later');
  });
});
