import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { after, before, describe, test } from 'node:test';
import { namespaceConditions } from './namespace-conditions.ts';
import { startTestServer } from './test-server.ts';
import type { Json, TestServer } from './test-server.ts';

const nothing = { remaining: [], finalizers: new Map<string, number>(), failures: [] };

test('a condition keeps its time as long as its status stays', () => {
  const pods = (count: number) => ({ ...nothing, remaining: [{ resource: 'pods', group: '', count }] });
  const first = namespaceConditions(pods(2), [], '2026-01-01T00:00:00Z');
  const second = namespaceConditions(pods(1), first, '2026-01-01T00:00:05Z');
  const third = namespaceConditions(nothing, second, '2026-01-01T00:00:09Z');
  const times = [first, second, third].map(
    (all) => all.find(({ type }) => type === 'NamespaceContentRemaining')?.lastTransitionTime,
  );
  assert.deepEqual(times, ['2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z', '2026-01-01T00:00:09Z']);
  const messages = second.map(({ type, status, message }) => [type, status, message]);
  assert.deepEqual(messages, [
    ['NamespaceDeletionDiscoveryFailure', 'False', 'All resources successfully discovered'],
    ['NamespaceDeletionGroupVersionParsingFailure', 'False', 'All legacy kube types successfully parsed'],
    ['NamespaceDeletionContentFailure', 'False', 'All content successfully deleted, may be waiting on finalization'],
    ['NamespaceContentRemaining', 'True', 'Some resources are remaining: pods. has 1 resource instances'],
    ['NamespaceFinalizersRemaining', 'False', 'All content-preserving finalizers finished'],
  ]);
});

test('failures are told, but not at any length', () => {
  const failures = Array.from({ length: 100 }, (_, index) => `kind${index}: ${'x'.repeat(400)}`);
  const failure = namespaceConditions({ ...nothing, failures }, [], '2026-01-01T00:00:00Z')[2];
  assert.equal(failure?.status, 'True');
  assert.equal(failure?.reason, 'ContentDeletionFailed');
  assert.match(failure?.message ?? '', /^Failed to delete all resource types, 100 remaining: kind0: x/u);
  assert.equal(failure?.message?.length, 1024);
});

describe('the end of a namespace', () => {
  let server: TestServer;
  before(async () => {
    server = await startTestServer();
  });
  after(() => server.close());

  async function until(path: string, done: (code: number, json: Json) => boolean): Promise<Json> {
    const deadline = Date.now() + 10_000;
    for (;;) {
      const { code, json } = await server.call('GET', path);
      if (done(code, json)) {
        return json;
      }
      assert.ok(Date.now() < deadline, `${path}: ${JSON.stringify(json)}`);
      await delay(20);
    }
  }

  test('finalizers of others in its spec hold it until finalize takes them off', async () => {
    const path = '/api/v1/namespaces/held';
    const { json: made } = await server.call('POST', '/api/v1/namespaces', { body: { metadata: { name: 'held' } } });
    const finalizers = ['kubernetes', 'example.com/hold'];
    const put = await server.call('PUT', `${path}/finalize`, {
      body: { ...made, spec: { finalizers }, status: { phase: 'Nonsense' } },
    });
    assert.equal(put.code, 200);
    assert.deepEqual(put.json.spec.finalizers, finalizers);
    assert.equal(put.json.status.phase, 'Active');
    await server.call('DELETE', path);
    const waiting = await until(path, (_, json) => json.spec.finalizers?.length === 1);
    assert.deepEqual(waiting.spec.finalizers, ['example.com/hold']);
    const last = await server.call('PUT', `${path}/finalize`, { body: { ...waiting, spec: {} } });
    assert.equal(last.code, 200);
    assert.equal((await server.call('GET', path)).code, 404);
  });
  test('a namespace that waits for a finalizer of its metadata is not written again and again', async () => {
    const path = '/api/v1/namespaces/quiet';
    const metadata = { name: 'quiet', finalizers: ['example.com/hold'] };
    await server.call('POST', '/api/v1/namespaces', { body: { metadata } });
    await server.call('DELETE', path);
    const empty = await until(path, (_, json) => json.spec.finalizers === undefined);
    // Longer than the interval at which it is looked at.
    await delay(1200);
    const later = await server.call('GET', path);
    assert.equal(later.json.metadata.resourceVersion, empty.metadata.resourceVersion);
  });
  test('only PUT, and only for namespaces', async () => {
    assert.equal((await server.call('PATCH', '/api/v1/namespaces/default/finalize', { body: {} })).code, 405);
    const maps = '/api/v1/namespaces/default/configmaps/none/finalize';
    assert.equal((await server.call('PUT', maps, { body: {} })).code, 404);
  });
});
