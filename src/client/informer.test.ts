import assert from 'node:assert/strict';
import { once } from 'node:events';
import { EventEmitter } from 'node:events';
import { test, type TestContext } from 'node:test';
import { configMapType, type ConfigMap } from '../apimachinery/core.ts';
import { expired } from '../apimachinery/status.ts';
import { pollUntil } from '../base/deadline.ts';
import { silentLogger } from '../base/logger.ts';
import type { KubeClient } from './client.ts';
import { startInformer, type Informer } from './informer.ts';
import { createMemoryClient } from './memory-client.ts';

const map = (name: string, data: Record<string, string> = {}): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'ns' },
  data,
});

function start(t: TestContext, client: KubeClient): Informer<ConfigMap> {
  const abort = new AbortController();
  t.after(() => abort.abort());
  return startInformer(client, configMapType, {
    signal: abort.signal,
    logger: silentLogger,
    indexers: { color: (object) => (object.data?.['color'] === undefined ? [] : [object.data['color']]) },
  });
}

async function settled(condition: () => boolean): Promise<void> {
  await pollUntil(() => (condition() ? true : undefined), { timeoutMs: 5_000, intervalMs: 2, doing: 'informer' });
}

test('lists, follows, indexes and removes', async (t) => {
  const client = createMemoryClient();
  await client.create(configMapType, map('a', { color: 'red' }));
  const informer = start(t, client);
  await informer.ready;
  assert.deepEqual(
    informer.byIndex('color', 'red').map((it) => it.metadata.name),
    ['a'],
  );
  await client.patch(
    configMapType,
    { namespace: 'ns', name: 'a' },
    { type: 'merge', body: { data: { color: 'blue' } } },
  );
  await settled(() => informer.byIndex('color', 'blue').length === 1);
  assert.deepEqual(informer.byIndex('color', 'red'), []);
  await client.delete(configMapType, { namespace: 'ns', name: 'a' });
  await settled(() => informer.list().length === 0);
  assert.deepEqual(informer.byIndex('color', 'blue'), []);
  assert.throws(() => informer.byIndex('shape', 'round'), TypeError);
});

test('a late callback is told of what is already here, a failing one harms nobody', async (t) => {
  const client = createMemoryClient();
  await client.create(configMapType, map('a'));
  const informer = start(t, client);
  await informer.ready;
  const keys: string[] = [];
  informer.onChange(() => {
    throw new Error('mine');
  });
  informer.onChange(({ key }) => keys.push(key));
  assert.deepEqual(keys, ['ns/a']);
  await client.create(configMapType, map('b'));
  await settled(() => keys.includes('ns/b'));
});

test('after 410 it lists again and sees the deletion it missed', async (t) => {
  const memory = createMemoryClient();
  await memory.create(configMapType, map('gone'));
  const gate = new EventEmitter();
  let watches = 0;
  let lists = 0;
  const client: KubeClient = {
    ...memory,
    list(type, options) {
      lists += 1;
      return memory.list(type, options);
    },
    async *watch(type, options) {
      watches += 1;
      if (watches === 1) {
        await once(gate, 'expire');
        throw expired('too old');
      }
      yield* memory.watch(type, options);
    },
  };
  const informer = start(t, client);
  const deleted: string[] = [];
  informer.onChange(({ key, object }) => {
    if (object === undefined) {
      deleted.push(key);
    }
  });
  await informer.ready;
  await memory.delete(configMapType, { namespace: 'ns', name: 'gone' });
  gate.emit('expire');
  await settled(() => deleted.includes('ns/gone'));
  assert.equal(lists, 2);
});

test('a server that ends every watch at once is not asked in a loop', async (t) => {
  const memory = createMemoryClient();
  let watches = 0;
  const client: KubeClient = {
    ...memory,
    // oxlint-disable-next-line require-yield
    async *watch() {
      watches += 1;
    },
  };
  const informer = start(t, client);
  await informer.ready;
  await settled(() => watches >= 3);
  assert.ok(watches <= 4);
});

test('a stopped informer that never listed says so', async () => {
  const abort = new AbortController();
  abort.abort();
  const informer = startInformer(createMemoryClient(), configMapType, { signal: abort.signal, logger: silentLogger });
  await assert.rejects(informer.ready, { code: 'Cancelled' });
});
