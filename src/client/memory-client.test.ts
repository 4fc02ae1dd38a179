import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configMapType, nodeType, type ConfigMap } from '../apimachinery/core.ts';
import { isExpired } from '../apimachinery/status.ts';
import { describeKubeClient } from './kube-client-conformance.ts';
import { createMemoryClient } from './memory-client.ts';

describeKubeClient('in memory', async () => ({ client: createMemoryClient(), close: async () => {} }));

const configMap: ConfigMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'ns' } };

test('a watch behind the kept history is Expired', async () => {
  const client = createMemoryClient({ maxHistory: 2 });
  for (const name of ['a', 'b', 'c', 'd']) {
    await client.create(configMapType, { ...configMap, metadata: { name, namespace: 'ns' } });
  }
  const watch = client.watch(configMapType, { resourceVersion: '1' })[Symbol.asyncIterator]();
  await assert.rejects(watch.next(), (error) => isExpired(error));
});

test('a compacted history expires a watch that is behind', async () => {
  const client = createMemoryClient();
  const made = await client.create(configMapType, configMap);
  await client.update(configMapType, { ...made, data: { a: 'b' } });
  client.compact();
  const watch = client.watch(configMapType, { resourceVersion: '1' })[Symbol.asyncIterator]();
  await assert.rejects(watch.next(), (error) => isExpired(error));
});

test('seed keeps the status that create drops', async () => {
  const client = createMemoryClient();
  const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n' }, status: { capacity: { cpu: '2' } } };
  assert.equal((await client.create(nodeType, node, { dryRun: true })).status, undefined);
  client.seed(nodeType, node);
  assert.deepEqual((await client.get(nodeType, { name: 'n' })).status, { capacity: { cpu: '2' } });
});
