import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventType } from '../apimachinery/core.ts';
import { createEventRecorder } from './events.ts';
import { createMemoryClient } from './memory-client.ts';

const object = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', namespace: 'ns', uid: 'u1' } };

test('repeats raise the count of one event', async () => {
  const client = createMemoryClient();
  let nowMs = Date.UTC(2026, 0, 1);
  const recorder = createEventRecorder(client, { component: 'virt-controller', host: 'n1', now: () => nowMs });
  recorder.record({ object, type: 'Warning', reason: 'Failed', message: 'no' });
  nowMs += 5_000;
  recorder.record({ object, type: 'Warning', reason: 'Failed', message: 'no' });
  recorder.record({ object, type: 'Normal', reason: 'Started', message: 'yes' });
  await recorder.flush();
  const { items } = await client.list(eventType, { namespace: 'ns' });
  assert.deepEqual(
    items.map((it) => [it.reason, it.count, it.lastTimestamp]),
    [
      ['Failed', 2, '2026-01-01T00:00:05Z'],
      ['Started', 1, '2026-01-01T00:00:05Z'],
    ],
  );
  const [first] = items;
  assert.equal(first?.involvedObject.uid, 'u1');
  assert.deepEqual(first?.source, { component: 'virt-controller', host: 'n1' });
});

test('an event that was deleted meanwhile is written anew', async () => {
  const client = createMemoryClient();
  const recorder = createEventRecorder(client, { component: 'c' });
  recorder.record({ object, type: 'Normal', reason: 'R', message: 'm' });
  await recorder.flush();
  const [event] = (await client.list(eventType)).items;
  assert.ok(event !== undefined);
  await client.delete(eventType, { namespace: 'ns', name: event.metadata.name });
  recorder.record({ object, type: 'Normal', reason: 'R', message: 'm' });
  await recorder.flush();
  assert.equal((await client.list(eventType)).items.length, 1);
});

test('a client that refuses does not throw at the caller', async () => {
  const client = {
    ...createMemoryClient(),
    create: async () => {
      throw new Error('down');
    },
  };
  const recorder = createEventRecorder(client, { component: 'c' });
  recorder.record({ object, type: 'Normal', reason: 'R', message: 'm' });
  await recorder.flush();
});
