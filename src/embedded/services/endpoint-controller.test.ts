import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { podType, type Pod } from '../../apimachinery/core.ts';
import { pollUntil } from '../../base/deadline.ts';
import { silentLogger } from '../../base/logger.ts';
import type { KubeClient } from '../../client/client.ts';
import { startInformer } from '../../client/informer.ts';
import { createMemoryClient } from '../../client/memory-client.ts';
import { sliceIndexers, startEndpointController } from './endpoint-controller.ts';
import { endpointSliceType, endpointsType, type Service, serviceType } from './kinds.ts';

function start(t: TestContext, client: KubeClient): void {
  const abort = new AbortController();
  t.after(() => abort.abort());
  const { signal } = abort;
  const logger = silentLogger;
  const services = startInformer<Service>(client, serviceType, {
    signal,
    logger,
    indexers: { namespace: ({ metadata }) => [metadata.namespace ?? ''] },
  });
  const slices = startInformer(client, endpointSliceType, { signal, logger, indexers: sliceIndexers });
  startEndpointController({ client, logger, signal, services, slices });
}

const service: Service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web', namespace: 'ns' },
  spec: { selector: { app: 'web' }, ports: [{ port: 80 }] },
};

function pod(name: string, ip: string): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'ns', labels: { app: 'web' } },
    spec: { containers: [{ name: 'c', image: 'i' }] },
    status: { phase: 'Running', podIPs: [{ ip }], conditions: [{ type: 'Ready', status: 'True' }] },
  };
}

async function createPod(client: KubeClient, made: Pod): Promise<Pod> {
  const { metadata } = await client.create(podType, made);
  return client.update(podType, { ...made, metadata }, { subresource: 'status' });
}

async function addresses(client: KubeClient): Promise<string> {
  const { items } = await client.list(endpointSliceType, { namespace: 'ns' });
  return items.flatMap(({ endpoints }) => (endpoints ?? []).flatMap((endpoint) => endpoint.addresses)).join(' ');
}

function reach(client: KubeClient, wanted: string): Promise<unknown> {
  const look = async () => ((await addresses(client)) === wanted ? true : undefined);
  return pollUntil(look, { timeoutMs: 5000, intervalMs: 2, doing: `endpoints ${JSON.stringify(wanted)}` });
}

test('slices follow Pods, labels and selector, are put back, and go with the Service', async (t) => {
  const client = createMemoryClient();
  start(t, client);
  const made = await client.create(serviceType, service);
  await createPod(client, pod('a', '10.0.0.1'));
  await reach(client, '10.0.0.1');
  const second = await createPod(client, pod('b', '10.0.0.2'));
  await reach(client, '10.0.0.1 10.0.0.2');
  await client.update(podType, { ...second, metadata: { ...second.metadata, labels: {} } });
  await reach(client, '10.0.0.1');
  const { items } = await client.list(endpointSliceType, { namespace: 'ns' });
  await client.delete(endpointSliceType, { namespace: 'ns', name: items[0]?.metadata.name ?? '' });
  await reach(client, '10.0.0.1');
  await client.delete(podType, { namespace: 'ns', name: 'a' });
  await reach(client, '');
  const { subsets } = await client.get(endpointsType, { namespace: 'ns', name: 'web' });
  assert.equal(subsets, undefined);
  await client.delete(serviceType, made.metadata);
  await pollUntil(
    async () => {
      const [slices, endpoints] = await Promise.all([client.list(endpointSliceType), client.list(endpointsType)]);
      return slices.items.length + endpoints.items.length === 0 ? true : undefined;
    },
    { timeoutMs: 5000, intervalMs: 2, doing: 'nothing left' },
  );
});
