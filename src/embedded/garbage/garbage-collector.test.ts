import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { configMapType, secretType, type ConfigMap, type Secret } from '../../apimachinery/core.ts';
import type { KubeObject, OwnerReference, ResourceType } from '../../apimachinery/object.ts';
import { isNotFound } from '../../apimachinery/status.ts';
import { pollUntil } from '../../base/deadline.ts';
import { silentLogger } from '../../base/logger.ts';
import type { KubeClient } from '../../client/client.ts';
import { createMemoryClient } from '../../client/memory-client.ts';
import type { ServedKind, ServedKinds } from '../apiserver/registry.ts';
import { startGarbageCollector } from './garbage-collector.ts';

/** Gives what makes another kind known. */
function start(t: TestContext, client: KubeClient): (type: ResourceType) => void {
  const abort = new AbortController();
  t.after(() => abort.abort());
  const served = [configMapType, secretType].map(servedKind);
  let changed = (): void => undefined;
  const kinds: ServedKinds = {
    list: () => [...served],
    onChange: (callback) => {
      changed = callback;
    },
  };
  startGarbageCollector({ client, logger: silentLogger, signal: abort.signal, kinds });
  return (type) => {
    served.push(servedKind(type));
    changed();
  };
}

function servedKind(type: ResourceType): ServedKind {
  return { type, versions: [type.version] };
}

const owner = (name: string): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'ns' },
});
const owned = (name: string, ...ownerReferences: OwnerReference[]): Secret => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name, namespace: 'ns', ownerReferences },
});
const referenceTo = (object: KubeObject, uid = object.metadata.uid ?? ''): OwnerReference => ({
  apiVersion: object.apiVersion,
  kind: object.kind,
  name: object.metadata.name,
  uid,
  blockOwnerDeletion: true,
});

async function gone(client: KubeClient, type: ResourceType, name: string): Promise<void> {
  await pollUntil(
    async () => {
      try {
        await client.get(type, { namespace: 'ns', name });
        return undefined;
      } catch (error) {
        assert.ok(isNotFound(error));
        return true;
      }
    },
    { timeoutMs: 5_000, intervalMs: 2, doing: `deletion of ${name}` },
  );
}

test('what an owner leaves behind goes with it, what others own too stays', async (t) => {
  const client = createMemoryClient();
  const a = await client.create(configMapType, owner('a'));
  const b = await client.create(configMapType, owner('b'));
  await client.create(secretType, owned('only-a', referenceTo(a)));
  await client.create(secretType, owned('both', referenceTo(a), referenceTo(b)));
  start(t, client);
  await client.delete(configMapType, { namespace: 'ns', name: 'a' });
  await gone(client, secretType, 'only-a');
  const both = await pollUntil(
    async () => {
      const secret = await client.get(secretType, { namespace: 'ns', name: 'both' });
      return secret.metadata.ownerReferences?.length === 1 ? secret : undefined;
    },
    { timeoutMs: 5_000, intervalMs: 2, doing: 'dropped owner' },
  );
  assert.equal(both.metadata.ownerReferences?.[0]?.uid, b.metadata.uid);
});

test('an owner of the same name and another uid is no owner', async (t) => {
  const client = createMemoryClient();
  const a = await client.create(configMapType, owner('a'));
  await client.create(secretType, owned('stale', referenceTo(a, 'an-older-uid')));
  await client.create(secretType, owned('foreign', { apiVersion: 'x/v1', kind: 'Y', name: 'y', uid: 'z' }));
  start(t, client);
  await gone(client, secretType, 'stale');
  await client.get(secretType, { namespace: 'ns', name: 'foreign' });
});

test('an owner of a kind that becomes known later, and is not there', async (t) => {
  const client = createMemoryClient();
  const reference = { apiVersion: 'example.com/v1', kind: 'Rack', name: 'r', uid: 'u' };
  await client.create(secretType, owned('racked', reference));
  await client.create(secretType, owned('other-version', { ...reference, apiVersion: 'example.com/v9' }));
  const a = await client.create(configMapType, owner('a'));
  await client.create(secretType, owned('only-a', referenceTo(a)));
  const serve = start(t, client);
  await client.delete(configMapType, { namespace: 'ns', name: 'a' });
  await gone(client, secretType, 'only-a');
  await client.get(secretType, { namespace: 'ns', name: 'racked' });
  serve({ group: 'example.com', version: 'v1', resource: 'racks', kind: 'Rack', namespaced: true });
  await gone(client, secretType, 'racked');
  await client.get(secretType, { namespace: 'ns', name: 'other-version' });
});

test('foreground: the owner goes last', async (t) => {
  const client = createMemoryClient();
  const a = await client.create(configMapType, owner('a'));
  const held = owned('held', referenceTo(a));
  held.metadata.finalizers = ['vmlet.test/hold'];
  await client.create(secretType, held);
  start(t, client);
  await client.delete(configMapType, { namespace: 'ns', name: 'a' }, { propagationPolicy: 'Foreground' });
  const marked = await pollUntil(
    async () => {
      const secret = await client.get(secretType, { namespace: 'ns', name: 'held' });
      return secret.metadata.finalizers?.length === 1 && secret.metadata.deletionTimestamp ? secret : undefined;
    },
    { timeoutMs: 5_000, intervalMs: 2, doing: 'mark of the dependent' },
  );
  await client.get(configMapType, { namespace: 'ns', name: 'a' });
  await client.update(secretType, { ...marked, metadata: { ...marked.metadata, finalizers: [] } });
  await gone(client, configMapType, 'a');
});

test('orphan: the dependents stay, without their reference', async (t) => {
  const client = createMemoryClient();
  const a = await client.create(configMapType, owner('a'));
  await client.create(secretType, owned('stays', referenceTo(a)));
  start(t, client);
  await client.delete(configMapType, { namespace: 'ns', name: 'a' }, { propagationPolicy: 'Orphan' });
  await gone(client, configMapType, 'a');
  const secret = await client.get(secretType, { namespace: 'ns', name: 'stays' });
  assert.deepEqual(secret.metadata.ownerReferences, []);
});

test('foreground: what another owner still holds stays and holds nothing up', async (t) => {
  const client = createMemoryClient();
  const a = await client.create(configMapType, owner('a'));
  const b = await client.create(configMapType, owner('b'));
  await client.create(secretType, owned('both', referenceTo(a), referenceTo(b)));
  await client.create(secretType, owned('only-a', referenceTo(a)));
  start(t, client);
  await client.delete(configMapType, { namespace: 'ns', name: 'a' }, { propagationPolicy: 'Foreground' });
  await gone(client, configMapType, 'a');
  await gone(client, secretType, 'only-a');
  const { metadata } = await client.get(secretType, { namespace: 'ns', name: 'both' });
  assert.equal(metadata.deletionTimestamp, undefined);
  assert.deepEqual(
    metadata.ownerReferences?.map(({ uid }) => uid),
    [b.metadata.uid],
  );
});
