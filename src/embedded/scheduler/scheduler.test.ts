import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { eventType, nodeType, podType, type Node, type Pod } from '../../apimachinery/core.ts';
import { conflict } from '../../apimachinery/status.ts';
import { pollUntil } from '../../base/deadline.ts';
import { silentLogger } from '../../base/logger.ts';
import type { KubeClient } from '../../client/client.ts';
import { createEventRecorder } from '../../client/events.ts';
import { createMemoryClient } from '../../client/memory-client.ts';
import { startScheduler } from './scheduler.ts';

const node: Node = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'n1' },
  status: { allocatable: { cpu: '2', memory: '4Gi', pods: '10' } },
};
const pod = (name: string, cpu: string): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'ns' },
  spec: { containers: [{ name: 'c', image: 'i', resources: { requests: { cpu } } }] },
});

function start(t: TestContext, client: KubeClient): void {
  const abort = new AbortController();
  t.after(() => abort.abort());
  const events = createEventRecorder(client, { component: 'default-scheduler' });
  startScheduler({ client, logger: silentLogger, signal: abort.signal, events });
}

function until<T>(doing: string, probe: () => Promise<T | undefined>): Promise<T> {
  return pollUntil(probe, { timeoutMs: 5_000, intervalMs: 2, doing });
}

const podOf = (client: KubeClient, name: string): Promise<Pod> => client.get(podType, { namespace: 'ns', name });
const bound = (client: KubeClient, name: string): Promise<Pod> =>
  until(`binding of ${name}`, async () => {
    const pod = await podOf(client, name);
    return pod.spec.nodeName === 'n1' ? pod : undefined;
  });
const refused = (client: KubeClient, name: string): Promise<string> =>
  until(`refusal of ${name}`, async () => {
    const condition = (await podOf(client, name)).status?.conditions?.find((it) => it.status === 'False');
    return condition?.message;
  });

test('binds, says why it cannot, and binds when there is room', async (t) => {
  const client = createMemoryClient();
  client.seed(nodeType, node);
  start(t, client);
  await client.create(podType, pod('a', '1500m'));
  await bound(client, 'a');
  await client.create(podType, pod('b', '1500m'));
  assert.equal(await refused(client, 'b'), '0/1 nodes are available: 1 Insufficient cpu.');
  await client.delete(podType, { namespace: 'ns', name: 'a' }, { gracePeriodSeconds: 0 });
  const b = await bound(client, 'b');
  assert.equal(b.status?.conditions?.find((it) => it.type === 'PodScheduled')?.status, 'True');
  const reasons = await until('events', async () => {
    const { items } = await client.list(eventType, { namespace: 'ns' });
    return items.length === 3 ? items.map((it) => it.reason) : undefined;
  });
  assert.deepEqual(
    reasons.map(String).toSorted((a, b) => a.localeCompare(b)),
    ['FailedScheduling', 'Scheduled', 'Scheduled'],
  );
});

test('a node that comes later takes the Pods that waited', async (t) => {
  const client = createMemoryClient();
  start(t, client);
  await client.create(podType, pod('a', '1'));
  assert.equal(await refused(client, 'a'), 'no nodes available to schedule pods');
  client.seed(nodeType, node);
  await bound(client, 'a');
});

test('many Pods at once never overfill the node', async (t) => {
  const client = createMemoryClient();
  client.seed(nodeType, node);
  start(t, client);
  const names = Array.from({ length: 8 }, (_, index) => `p${index}`);
  await Promise.all(names.map((name) => client.create(podType, pod(name, '500m'))));
  const pods = await until('all decided', async () => {
    const { items } = await client.list(podType);
    const decided = items.every((it) => (it.status?.conditions ?? []).length > 0);
    return decided ? items : undefined;
  });
  assert.equal(pods.filter((it) => it.spec.nodeName === 'n1').length, 4);
});

test('a binding that was refused gives its room back and is tried again', async (t) => {
  const memory = createMemoryClient();
  memory.seed(nodeType, node);
  let calls = 0;
  const client: KubeClient = {
    ...memory,
    async createSubresource(type, key, subresource, body) {
      calls += 1;
      if (calls === 1) {
        throw conflict(type, key.name);
      }
      return memory.createSubresource(type, key, subresource, body);
    },
  };
  start(t, client);
  await client.create(podType, pod('a', '2'));
  await bound(client, 'a');
  assert.equal(calls, 2);
});

test('Pods of another scheduler are left alone', async (t) => {
  const client = createMemoryClient();
  client.seed(nodeType, node);
  start(t, client);
  const foreign = pod('foreign', '1');
  foreign.spec.schedulerName = 'mine';
  await client.create(podType, foreign);
  const unnamed = pod('unnamed', '1');
  unnamed.spec.schedulerName = '';
  await client.create(podType, unnamed);
  await client.create(podType, pod('ours', '1'));
  await bound(client, 'ours');
  await bound(client, 'unnamed');
  assert.equal((await podOf(client, 'foreign')).spec.nodeName, undefined);
});

test('Pods are bound while another binding is still on its way, and none of them twice', async (t) => {
  const memory = createMemoryClient();
  memory.seed(nodeType, node);
  const held = Promise.withResolvers<void>();
  let calls = 0;
  const client: KubeClient = {
    ...memory,
    async createSubresource(type, key, subresource, body) {
      calls += 1;
      if (key.name === 'slow') {
        await held.promise;
      }
      return memory.createSubresource(type, key, subresource, body);
    },
  };
  start(t, client);
  await client.create(podType, pod('slow', '1'));
  await client.create(podType, pod('quick', '1'));
  await client.create(podType, pod('late', '1'));
  await bound(client, 'quick');
  assert.equal(await refused(client, 'late'), '0/1 nodes are available: 1 Insufficient cpu.');
  held.resolve();
  await bound(client, 'slow');
  assert.equal(calls, 2);
});
