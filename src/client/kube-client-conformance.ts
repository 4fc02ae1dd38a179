/**
 * What every KubeClient must do, as one suite for node:test: run on the in-memory, the in-process and the HTTPS client, so
 * that a controller tested on the first behaves the same on the others.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import {
  configMapType,
  namespaceType,
  nodeType,
  podType,
  type ConfigMap,
  type Node,
  type Pod,
} from '../apimachinery/core.ts';
import type { KubeObject } from '../apimachinery/object.ts';
import { isAlreadyExists, isConflict, isNotFound, StatusError } from '../apimachinery/status.ts';
import { withDeadline } from '../base/deadline.ts';
import type { KubeClient, WatchEvent, WatchOptions } from './client.ts';

export interface ConformanceTarget {
  readonly client: KubeClient;
  close(): Promise<void>;
}

const DEADLINE_MS = 10_000;

export function describeKubeClient(name: string, open: () => Promise<ConformanceTarget>): void {
  describe(`KubeClient conformance: ${name}`, () => {
    const namespace = `conformance-${randomUUID().slice(0, 8)}`;
    let target: ConformanceTarget;
    let client: KubeClient;
    const unique = (): string => `it-${randomUUID().slice(0, 8)}`;
    const configMap = (name: string, more: Partial<ConfigMap> = {}): ConfigMap => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, namespace, ...more.metadata },
      data: more.data ?? { key: 'one' },
    });

    before(async () => {
      target = await open();
      client = target.client;
      await client.create(namespaceType, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
    });
    after(async () => {
      await target.close();
    });

    test('create fills the metadata that the server owns', async () => {
      const name = unique();
      const made = await client.create(configMapType, configMap(name));
      assert.match(made.metadata.uid ?? '', /^[0-9a-f-]{36}$/);
      assert.match(made.metadata.creationTimestamp ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
      assert.ok(Number(made.metadata.resourceVersion) > 0);
      assert.deepEqual(made.data, { key: 'one' });
      const read = await client.get(configMapType, { namespace, name });
      assert.deepEqual(read, made);
    });

    test('generateName gives each object its own name', async () => {
      const generated: ConfigMap = configMap('');
      const bare = { ...generated, metadata: { namespace, generateName: 'gen-' } as ConfigMap['metadata'] };
      const one = await client.create(configMapType, bare);
      const two = await client.create(configMapType, bare);
      assert.match(one.metadata.name, /^gen-[a-z0-9]{5}$/);
      assert.notEqual(one.metadata.name, two.metadata.name);
    });

    test('create of what exists is AlreadyExists, get of what does not is NotFound', async () => {
      const name = unique();
      await client.create(configMapType, configMap(name));
      await assert.rejects(client.create(configMapType, configMap(name)), (error) => isAlreadyExists(error));
      await assert.rejects(client.get(configMapType, { namespace, name: unique() }), (error) => isNotFound(error));
      await assert.rejects(client.delete(configMapType, { namespace, name: unique() }), (error) => isNotFound(error));
      await assert.rejects(
        client.patch(configMapType, { namespace, name: unique() }, { type: 'merge', body: {} }),
        (error) => error instanceof StatusError && error.status.code === 404,
      );
    });

    test('update with a stale resourceVersion is a Conflict and changes nothing', async () => {
      const name = unique();
      const first = await client.create(configMapType, configMap(name));
      const second = await client.update(configMapType, { ...first, data: { key: 'two' } });
      assert.notEqual(second.metadata.resourceVersion, first.metadata.resourceVersion);
      await assert.rejects(client.update(configMapType, { ...first, data: { key: 'three' } }), (error) =>
        isConflict(error),
      );
      assert.deepEqual((await client.get(configMapType, { namespace, name })).data, { key: 'two' });
    });

    test('concurrent read-modify-write loops lose no update', async () => {
      const name = unique();
      await client.create(configMapType, configMap(name, { data: { count: '0' } }));
      const increment = async (): Promise<void> => {
        for (;;) {
          const read = await client.get(configMapType, { namespace, name });
          const count = String(Number(read.data?.['count']) + 1);
          try {
            await client.update(configMapType, { ...read, data: { count } });
            return;
          } catch (error) {
            assert.ok(isConflict(error));
          }
        }
      };
      await withDeadline(Promise.all(Array.from({ length: 8 }, increment)), DEADLINE_MS, 'increments');
      assert.equal((await client.get(configMapType, { namespace, name })).data?.['count'], '8');
    });

    test('an update that changes nothing keeps the resourceVersion', async () => {
      const made = await client.create(configMapType, configMap(unique()));
      const same = await client.update(configMapType, made);
      assert.equal(same.metadata.resourceVersion, made.metadata.resourceVersion);
    });

    test('merge and JSON patches', async () => {
      const name = unique();
      await client.create(configMapType, configMap(name, { data: { a: '1', b: '2' } }));
      const key = { namespace, name };
      const merged = await client.patch(configMapType, key, { type: 'merge', body: { data: { a: null, c: '3' } } });
      assert.deepEqual(merged.data, { b: '2', c: '3' });
      const patched = await client.patch(configMapType, key, {
        type: 'json',
        body: [
          { op: 'test', path: '/data/b', value: '2' },
          { op: 'replace', path: '/data/b', value: '4' },
        ],
      });
      assert.deepEqual(patched.data, { b: '4', c: '3' });
      await assert.rejects(
        client.patch(configMapType, key, { type: 'json', body: [{ op: 'test', path: '/data/b', value: 'no' }] }),
        (error) => error instanceof StatusError && error.status.code === 422,
      );
      await assert.rejects(
        client.patch(configMapType, key, { type: 'merge', body: { metadata: { resourceVersion: '1' } } }),
        (error) => isConflict(error),
      );
    });

    test('a dry run answers and stores nothing', async () => {
      const name = unique();
      const made = await client.create(configMapType, configMap(name), { dryRun: true });
      assert.equal(made.metadata.name, name);
      await assert.rejects(client.get(configMapType, { namespace, name }), (error) => isNotFound(error));
    });

    test('the status subresource writes only status, the resource everything else', async () => {
      const name = unique();
      const node: Node = { apiVersion: 'v1', kind: 'Node', metadata: { name }, spec: { podCIDRs: ['10.9.0.0/24'] } };
      const made = await client.create(nodeType, node);
      const withStatus = await client.update(
        nodeType,
        { ...made, spec: { unschedulable: true }, status: { capacity: { cpu: '2' } } },
        { subresource: 'status' },
      );
      assert.deepEqual(withStatus.spec, { podCIDRs: ['10.9.0.0/24'] });
      assert.deepEqual(withStatus.status?.capacity, { cpu: '2' });
      const withSpec = await client.update(nodeType, {
        ...withStatus,
        spec: { podCIDRs: ['10.9.0.0/24'], unschedulable: true },
        status: {},
      });
      assert.equal(withSpec.spec?.unschedulable, true);
      assert.deepEqual(withSpec.status?.capacity, { cpu: '2' });
      await client.delete(nodeType, { name });
    });

    test('finalizers hold an object until the last one is taken off', async () => {
      const name = unique();
      const key = { namespace, name };
      const finalizers = ['vmlet.test/hold'];
      await client.create(configMapType, configMap(name, { metadata: { name, namespace, finalizers } }));
      await client.delete(configMapType, key);
      const marked = await client.get(configMapType, key);
      assert.ok(marked.metadata.deletionTimestamp !== undefined);
      await client.delete(configMapType, key);
      await client.patch(configMapType, key, { type: 'merge', body: { metadata: { finalizers: null } } });
      await assert.rejects(client.get(configMapType, key), (error) => isNotFound(error));
    });

    test('delete honours its preconditions', async () => {
      const name = unique();
      const made = await client.create(configMapType, configMap(name));
      const key = { namespace, name };
      const wrong = client.delete(configMapType, key, { preconditions: { uid: randomUUID() } });
      await assert.rejects(wrong, (error) => isConflict(error));
      const { uid } = made.metadata;
      assert.ok(uid !== undefined);
      await client.delete(configMapType, key, { preconditions: { uid } });
      await assert.rejects(client.get(configMapType, key), (error) => isNotFound(error));
    });

    test('a Pod on a node is deleted gracefully, then for good', async () => {
      const name = unique();
      const key = { namespace, name };
      const spec = {
        nodeName: 'somewhere',
        terminationGracePeriodSeconds: 20,
        containers: [{ name: 'c', image: 'i' }],
      };
      const pod: Pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace }, spec };
      await client.create(podType, pod);
      await client.delete(podType, key);
      const marked = await client.get(podType, key);
      assert.equal(marked.metadata.deletionGracePeriodSeconds, 20);
      await client.delete(podType, key, { gracePeriodSeconds: 0 });
      await assert.rejects(client.get(podType, key), (error) => isNotFound(error));
    });

    test('binding assigns a Pod once', async () => {
      if (client.createSubresource === undefined) {
        return;
      }
      const name = unique();
      const key = { namespace, name };
      const pod: Pod = {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name, namespace },
        spec: { containers: [{ name: 'c', image: 'i' }] },
      };
      await client.create(podType, pod);
      const binding = {
        apiVersion: 'v1',
        kind: 'Binding',
        metadata: { name, namespace },
        target: { apiVersion: 'v1', kind: 'Node', name: 'n1' },
      };
      await client.createSubresource(podType, key, 'binding', binding);
      const bound = await client.get(podType, key);
      assert.equal(bound.spec.nodeName, 'n1');
      assert.equal(bound.status?.conditions?.find((it) => it.type === 'PodScheduled')?.status, 'True');
      await assert.rejects(client.createSubresource(podType, key, 'binding', binding), (error) => isConflict(error));
      await client.delete(podType, key, { gracePeriodSeconds: 0 });
    });

    test('apply makes, changes and takes away its own fields, and names those of others', async () => {
      if (client.apply === undefined) {
        return;
      }
      const key = { namespace, name: unique() };
      const one = { fieldManager: 'one' };
      const made = await client.apply(configMapType, key, { data: { a: '1', b: '1' } }, one);
      assert.deepEqual(made.data, { a: '1', b: '1' });
      const other = client.apply(configMapType, key, { data: { a: '2' } }, { fieldManager: 'two' });
      await assert.rejects(other, (error) => {
        const causes = error instanceof StatusError ? error.status.details?.causes : undefined;
        return isConflict(error) && causes?.[0]?.field === '.data.a';
      });
      await client.apply(configMapType, key, { data: { a: '2' } }, { fieldManager: 'two', force: true });
      const left = await client.apply(configMapType, key, { data: {} }, one);
      assert.deepEqual(left.data, { a: '2' });
      const dry = await client.apply(configMapType, key, { data: { c: '3' } }, { ...one, dryRun: true });
      assert.deepEqual(dry.data, { a: '2', c: '3' });
      assert.deepEqual((await client.get(configMapType, key)).data, { a: '2' });
      await client.delete(configMapType, key);
    });

    test('lists select by namespace, label and field, in pages', async () => {
      const label = unique();
      for (const name of ['a', 'b', 'c']) {
        const labels = { set: label, letter: name };
        await client.create(
          configMapType,
          configMap('', { metadata: { name: `${label}-${name}`, namespace, labels } }),
        );
      }
      const names = async (options: object): Promise<string[]> =>
        (await client.list(configMapType, { namespace, ...options })).items.map((item) => item.metadata.name.slice(-1));
      assert.deepEqual(await names({ labelSelector: `set=${label}` }), ['a', 'b', 'c']);
      assert.deepEqual(await names({ labelSelector: `set=${label},letter!=b` }), ['a', 'c']);
      assert.deepEqual(await names({ fieldSelector: `metadata.name=${label}-b` }), ['b']);
      assert.deepEqual(await names({ labelSelector: `set=${label}`, namespace: 'elsewhere' }), []);
      const page = await client.list(configMapType, { namespace, labelSelector: `set=${label}`, limit: 2 });
      assert.equal(page.items.length, 2);
      assert.equal(page.kind, 'ConfigMapList');
      const next = page.metadata.continue;
      assert.ok(next !== undefined && next !== '');
      const rest = await client.list(configMapType, {
        namespace,
        labelSelector: `set=${label}`,
        limit: 2,
        continue: next,
      });
      assert.deepEqual(
        rest.items.map((item) => item.metadata.name),
        [`${label}-c`],
      );
    });

    test('a watch replays from a revision and then follows', async () => {
      const name = unique();
      const { resourceVersion } = (await client.list(configMapType, { namespace })).metadata;
      const made = await client.create(configMapType, configMap(name));
      const seen = collect(client, 3, { namespace, fieldSelector: `metadata.name=${name}`, resourceVersion });
      await client.update(configMapType, { ...made, data: { key: 'two' } });
      await client.delete(configMapType, { namespace, name });
      const events = await seen;
      assert.deepEqual(
        events.map((event) => event.type),
        ['ADDED', 'MODIFIED', 'DELETED'],
      );
      const revisions = events.map((event) => Number(event.object.metadata.resourceVersion));
      assert.deepEqual(
        revisions,
        revisions.toSorted((a, b) => a - b),
      );
      assert.equal(new Set(revisions).size, 3);
    });

    test('a watch without a revision starts with what exists', async () => {
      const name = unique();
      const made = await client.create(configMapType, configMap(name));
      const [event] = await collect(client, 1, { namespace, fieldSelector: `metadata.name=${name}` });
      assert.ok(event?.type === 'ADDED');
      assert.equal(event.object.metadata.uid, made.metadata.uid);
    });

    test('for a selecting watch, objects enter as ADDED and leave as DELETED', async () => {
      const name = unique();
      const label = unique();
      const { resourceVersion } = (await client.list(configMapType, { namespace })).metadata;
      await client.create(configMapType, configMap(name));
      const seen = collect(client, 2, { namespace, labelSelector: `mark=${label}`, resourceVersion });
      const key = { namespace, name };
      await client.patch(configMapType, key, { type: 'merge', body: { metadata: { labels: { mark: label } } } });
      await client.patch(configMapType, key, { type: 'merge', body: { metadata: { labels: { mark: null } } } });
      assert.deepEqual(
        (await seen).map((event) => event.type),
        ['ADDED', 'DELETED'],
      );
    });

    test('a watch ends when its signal aborts', async () => {
      const abort = new AbortController();
      const { resourceVersion } = (await client.list(configMapType, { namespace: 'nowhere' })).metadata;
      const options = { namespace: 'nowhere', resourceVersion, signal: abort.signal };
      const ended = (async () => {
        for await (const event of client.watch(configMapType, options)) {
          assert.equal(event.type, 'BOOKMARK');
        }
      })();
      abort.abort();
      await withDeadline(ended, DEADLINE_MS, 'end of the watch');
    });
  });

  /** The first `count` events, bookmarks left out. */
  async function collect(client: KubeClient, count: number, options: WatchOptions): Promise<WatchEvent[]> {
    const abort = new AbortController();
    const events: WatchEvent[] = [];
    const run = async (): Promise<void> => {
      for await (const event of client.watch<KubeObject>(configMapType, { ...options, signal: abort.signal })) {
        if (event.type !== 'BOOKMARK') {
          events.push(event);
        }
        if (events.length >= count) {
          return;
        }
      }
    };
    try {
      await withDeadline(run(), DEADLINE_MS, `${count} watch events`);
    } finally {
      abort.abort();
    }
    return events;
  }
}
