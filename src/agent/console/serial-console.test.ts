import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { withDeadline } from '../../base/deadline.ts';
import { RingBuffer } from './ring-buffer.ts';
import { SerialConsole } from './serial-console.ts';

test('the ring keeps the newest bytes in order', () => {
  for (const sizes of [[3], [8], [9], [5, 5], [7, 7, 7], [20, 1]]) {
    const ring = new RingBuffer(8);
    const all: number[] = [];
    for (const size of sizes) {
      const chunk = Buffer.from(Array.from({ length: size }, (_, index) => (all.length + index) & 0xff));
      all.push(...chunk);
      ring.write(chunk);
    }
    assert.deepEqual([...ring.read()], all.slice(-8));
  }
});

async function guestPair(): Promise<{ guest: Socket; agent: Socket; close: () => void }> {
  const directory = mkdtempSync(join(tmpdir(), 'serial-'));
  const path = join(directory, 'serial');
  const server = createServer();
  server.listen(path);
  await once(server, 'listening');
  const agent = connect(path);
  const [guest] = (await once(server, 'connection')) as [Socket];
  return {
    guest,
    agent,
    close: () => {
      guest.destroy();
      agent.destroy();
      server.close();
      rmSync(directory, { recursive: true });
    },
  };
}

test('every viewer sees all output, a late one the scrollback, and typing reaches the guest', async () => {
  const { guest, agent, close } = await guestPair();
  const serial = new SerialConsole();
  serial.attach(agent);
  const early = serial.view();
  assert.ok(early);
  guest.write('boot');
  const [first] = (await once(early, 'data')) as [Buffer];
  assert.equal(first.toString(), 'boot');

  const late = serial.view();
  assert.ok(late);
  const [replay] = (await once(late, 'data')) as [Buffer];
  assert.equal(replay.toString(), 'boot');

  late.write('uname\n');
  const [typed] = (await once(guest, 'data')) as [Buffer];
  assert.equal(typed.toString(), 'uname\n');

  serial.close();
  await once(early.resume(), 'end');
  close();
});

test('typing into a console without a guest does not block the viewer', async () => {
  const serial = new SerialConsole();
  const viewer = serial.view();
  assert.ok(viewer);
  await new Promise<void>((resolve) => {
    viewer.write('x', () => resolve());
  });
  serial.close();
});

test('a guest that writes without end is read at a bounded pace, and nothing is lost', async () => {
  const { guest, agent, close } = await guestPair();
  const serial = new SerialConsole();
  const totalBytes = 3 * 1024 * 1024;
  let bytes = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  agent.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes === totalBytes) {
      resolve();
    }
  });
  serial.attach(agent);
  const beganMs = Date.now();
  guest.write(Buffer.alloc(totalBytes, 'x'));
  await withDeadline(promise, 10_000, 'all output');
  assert.ok(Date.now() - beganMs >= 350, `read in ${Date.now() - beganMs} ms`);
  serial.close();
  close();
});
