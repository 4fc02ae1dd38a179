import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { setImmediate as turn } from 'node:timers/promises';
import { after, before, describe, test } from 'node:test';
import { withDeadline } from '../../../base/deadline.ts';
import { startTestServer } from '../test-server.ts';
import type { TestServer } from '../test-server.ts';

const timeoutMs = 20_000;
const maps = '/api/v1/namespaces/default/configmaps';
/** More than a watcher may leave unread, and more than the kernel keeps for it. */
const initialObjects = 30;
const large = 'x'.repeat(900_000);

describe('a client that reads slowly', () => {
  let server: TestServer;
  before(async () => {
    server = await startTestServer();
    for (let index = 0; index < initialObjects; index += 1) {
      const metadata = { name: `large-${index}`, labels: { set: 'large' } };
      await server.call('POST', maps, { body: { metadata, data: { large } } });
    }
  });
  after(() => server.close());

  async function open(): Promise<IncomingMessage> {
    const { ca, client } = server.certificates;
    const place = { host: '127.0.0.1', port: server.port, path: `${maps}?watch=true&labelSelector=set%3Dlarge` };
    const asked = request({ ...place, ca: ca.cert, cert: client.cert, key: client.key, agent: false });
    asked.end();
    const [response] = (await withDeadline(once(asked, 'response'), timeoutMs, 'the watch')) as [IncomingMessage];
    return response;
  }
  const change = (value: string) =>
    server.call('PATCH', `${maps}/large-0`, { body: { data: { value } }, type: 'application/merge-patch+json' });

  test('is not cut for a change while it still reads what there was', async () => {
    const response = await open();
    await change('1');
    await turn();
    let added = 0;
    let tail = '';
    const whole = new Promise<void>((resolve, reject) => {
      response.setEncoding('utf8').on('data', (chunk: string) => {
        const text = tail + chunk;
        added += text.split('"type":"ADDED"').length - 1;
        if (text.includes('"value":"1"')) {
          resolve();
        }
        // Of what may be cut in two, no whole mark: it would be counted twice.
        tail = text.slice(-13);
      });
      response.on('close', () => reject(new Error(`cut after ${added} objects`)));
    });
    await withDeadline(whole, timeoutMs, 'the change');
    response.destroy();
    assert.equal(added, initialObjects);
  });
  test('is cut when changes pile up', async () => {
    const response = await open();
    const closed = once(response.socket, 'close');
    for (let count = 0; count < 20; count += 1) {
      await change(`${count} more`);
    }
    response.resume();
    response.on('error', () => undefined);
    await withDeadline(closed, timeoutMs, 'the cut');
  });
});
