import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { forbidden } from '../../apimachinery/status.ts';
import { nextOf, startTestServer } from './test-server.ts';
import type { TestServer } from './test-server.ts';

const maps = '/api/v1/namespaces/default/configmaps';
const pods = '/api/v1/namespaces/default/pods';

function configMap(name: string, data: Record<string, string> = {}, metadata: object = {}): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, ...metadata }, data };
}

describe('API server over HTTPS', () => {
  let server: TestServer;
  before(async () => {
    server = await startTestServer({
      auth: { tokens: [{ token: 'reader-token', user: { name: 'reader', groups: ['people'] } }] },
      admission: [
        {
          name: 'no-forbidden',
          matches: (type, operation) => type.resource === 'configmaps' && operation === 'CREATE',
          admit: async ({ object, name }) => {
            if (name === 'forbidden') {
              throw forbidden({ group: '', resource: 'configmaps' }, name, 'because');
            }
            return name === 'changed' && object !== undefined
              ? {
                  object: { ...object, metadata: { ...object.metadata, labels: { by: 'admission' } } },
                  warnings: ['mind it'],
                }
              : undefined;
          },
        },
      ],
      delegated: [
        {
          group: 'sub.example.com',
          versions: ['v1'],
          resources: [{ name: 'things/start', singularName: '', namespaced: true, kind: 'Thing', verbs: ['update'] }],
          handle: async ({ method, namespace, name, subresource, user, body }) => ({
            code: 202,
            body: { method, namespace, name, subresource, user: user.name, body },
          }),
        },
      ],
    });
  });
  after(async () => {
    await server.close();
  });

  test('only health and version are open to anonymous callers', async () => {
    for (const path of ['/livez', '/readyz', '/healthz', '/version']) {
      assert.equal((await server.call('GET', path, { anonymous: true })).code, 200, path);
    }
    const refused = await server.call('GET', '/api/v1/pods', { anonymous: true });
    assert.equal(refused.code, 401);
    assert.equal(refused.json.reason, 'Unauthorized');
  });

  test('a token is known or not, and its user may do what its groups may', async () => {
    const withToken = (token: string) => ({ anonymous: true, headers: { Authorization: `Bearer ${token}` } });
    assert.equal((await server.call('GET', '/api', withToken('wrong'))).code, 401);
    assert.equal((await server.call('GET', '/api', withToken('reader-token'))).code, 200);
    const refused = await server.call('GET', maps, withToken('reader-token'));
    assert.equal(refused.code, 403);
    assert.equal(
      refused.json.message,
      'configmaps is forbidden: User "reader" cannot list resource "configmaps" in API group "" in the namespace "default"',
    );
    const review = {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      spec: { resourceAttributes: { verb: 'get', resource: 'pods' } },
    };
    const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
    assert.equal(
      (await server.call('POST', path, { ...withToken('reader-token'), body: review })).json.status.allowed,
      false,
    );
    assert.equal((await server.call('POST', path, { body: review })).json.status.allowed, true);
  });

  test('create, read, replace, delete with the codes of kube-apiserver', async () => {
    const created = await server.call('POST', maps, { body: configMap('one', { a: '1' }) });
    assert.equal(created.code, 201);
    assert.equal(created.json.metadata.namespace, 'default');
    assert.equal((await server.call('POST', maps, { body: configMap('one') })).json.reason, 'AlreadyExists');
    const stale = { ...created.json, metadata: { ...created.json.metadata, resourceVersion: '1' } };
    assert.equal((await server.call('PUT', `${maps}/one`, { body: stale })).code, 409);
    const replaced = await server.call('PUT', `${maps}/one`, { body: { ...created.json, data: { a: '2' } } });
    assert.equal(replaced.json.data.a, '2');
    const deleted = await server.call('DELETE', `${maps}/one`);
    assert.equal(deleted.json.kind, 'Status');
    assert.equal(deleted.json.details.uid, created.json.metadata.uid);
    const missing = await server.call('GET', `${maps}/one`);
    assert.equal(missing.code, 404);
    assert.equal(missing.json.message, 'configmaps "one" not found');
  });

  test('refusals', async () => {
    const cases: [string, string, object | string, number, RegExp][] = [
      ['POST', maps, configMap('Upper'), 422, /RFC 1123 subdomain/],
      ['POST', maps, { ...configMap('x'), kind: 'Secret' }, 400, /expected v1, Kind=ConfigMap/],
      ['POST', maps, configMap('x', {}, { namespace: 'other' }), 400, /namespace of the provided object/],
      ['POST', maps, configMap('x', {}, { labels: { a: 1 } }), 400, /labels must be a map/],
      ['POST', maps, configMap('x', {}, { labels: { 'a b': 'c' } }), 422, /metadata.labels/],
      ['POST', maps, configMap('x', {}, { resourceVersion: '5' }), 400, /resourceVersion should not be set/],
      ['POST', maps, '{', 400, /not valid JSON/],
      ['POST', maps, '[]', 400, /not a JSON object/],
      ['POST', maps, configMap('forbidden'), 403, /because/],
      ['POST', '/api/v1/namespaces/none/configmaps', configMap('x'), 404, /namespaces "none" not found/],
      ['POST', '/api/v1/nothings', {}, 404, /could not find the requested resource/],
      ['PATCH', '/api/v1/nodes', {}, 405, /not supported/],
    ];
    for (const [method, path, body, code, message] of cases) {
      const answer = await server.call(method, path, { body });
      assert.equal(answer.code, code, `${method} ${path} ${JSON.stringify(body)}: ${answer.text}`);
      assert.match(answer.json.message, message);
      assert.equal(answer.json.kind, 'Status');
    }
  });

  test('admission changes objects and warns', async () => {
    const made = await server.call('POST', maps, { body: configMap('changed') });
    assert.equal(made.json.metadata.labels.by, 'admission');
    assert.equal(made.headers['warning'], '299 - "mind it"');
  });

  test('dry run answers and stores nothing', async () => {
    assert.equal((await server.call('POST', `${maps}?dryRun=All`, { body: configMap('dry') })).code, 201);
    assert.equal((await server.call('GET', `${maps}/dry`)).code, 404);
  });

  test('patches: merge, JSON, strategic', async () => {
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'patched' },
      spec: { containers: [{ name: 'a', image: 'x' }] },
    };
    await server.call('POST', pods, { body: pod });
    const strategic = await server.call('PATCH', `${pods}/patched`, {
      body: { spec: { containers: [{ name: 'a', image: 'y' }] } },
      type: 'application/strategic-merge-patch+json',
    });
    assert.deepEqual(strategic.json.spec.containers, [{ name: 'a', image: 'y' }]);
    const json = await server.call('PATCH', `${pods}/patched`, {
      body: [{ op: 'test', path: '/metadata/name', value: 'other' }],
      type: 'application/json-patch+json',
    });
    assert.equal(json.code, 422);
    const apply = await server.call('PATCH', `${pods}/patched`, { body: {}, type: 'text/plain' });
    assert.equal(apply.code, 415);
    const fixed = await server.call('PATCH', `${pods}/patched`, {
      body: { spec: { containers: [{ name: 'b', image: 'y' }] } },
      type: 'application/merge-patch+json',
    });
    assert.match(fixed.json.message, /pod updates may not change fields/);
  });

  test('a Pod is bound once, and a bound Pod dies gracefully', async () => {
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'bound' },
      spec: { containers: [{ name: 'a', image: 'x' }] },
    };
    assert.equal((await server.call('POST', pods, { body: pod })).json.status.phase, 'Pending');
    const binding = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name: 'bound' },
      target: { kind: 'Node', name: 'n1' },
    };
    assert.equal((await server.call('POST', `${pods}/bound/binding`, { body: binding })).code, 201);
    assert.equal((await server.call('POST', `${pods}/bound/binding`, { body: binding })).code, 409);
    const onNode = await server.call('GET', `/api/v1/pods?fieldSelector=spec.nodeName%3Dn1`);
    assert.equal(onNode.json.items.length, 1);
    const dying = await server.call('DELETE', `${pods}/bound`);
    assert.equal(dying.json.metadata.deletionGracePeriodSeconds, 30);
    await server.call('DELETE', `${pods}/bound?gracePeriodSeconds=0`);
    assert.equal((await server.call('GET', `${pods}/bound`)).code, 404);
  });

  test('lists: pages at one revision, selectors, unknown fields', async () => {
    for (const name of ['p1', 'p2', 'p3']) {
      await server.call('POST', maps, { body: configMap(name, {}, { labels: { page: 'yes' } }) });
    }
    const first = await server.call('GET', `${maps}?limit=2&labelSelector=page%3Dyes`);
    assert.equal(first.json.items.length, 2);
    await server.call('DELETE', `${maps}/p3`);
    const token = encodeURIComponent(first.json.metadata.continue);
    const second = await server.call('GET', `${maps}?limit=2&labelSelector=page&continue=${token}`);
    assert.deepEqual(
      second.json.items.map((item: { metadata: { name: string } }) => item.metadata.name),
      ['p3'],
    );
    assert.equal(second.json.metadata.resourceVersion, first.json.metadata.resourceVersion);
    assert.match((await server.call('GET', `${maps}?fieldSelector=data.x%3Dy`)).json.message, /not supported: data.x/);
    assert.equal(
      (await server.call('GET', `${maps}?resourceVersion=999999`)).json.details.causes[0].reason,
      'ResourceVersionTooLarge',
    );
    assert.equal((await server.call('GET', `${maps}?continue=nonsense`)).code, 400);
  });

  test('watch: from a revision, by selector, as tables, with initial events', async () => {
    const { resourceVersion } = (await server.call('GET', maps)).json.metadata;
    const stream = server.stream(`${maps}?watch=1&resourceVersion=${resourceVersion}&labelSelector=w%3D1`);
    const named = server.stream(
      `${maps}?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&fieldSelector=metadata.name%3Dw1`,
      'application/json;as=Table;v=v1;g=meta.k8s.io',
    );
    const bookmark = await nextOf(named);
    assert.equal(bookmark.type, 'BOOKMARK');
    assert.equal(bookmark.object.rows[0].object.metadata.annotations['k8s.io/initial-events-end'], 'true');
    await server.call('POST', maps, { body: configMap('w1', {}, { labels: { w: '1' } }) });
    const leave = { body: { metadata: { labels: { w: null } } }, type: 'application/merge-patch+json' };
    await server.call('PATCH', `${maps}/w1`, leave);
    await server.call('DELETE', `${maps}/w1`);
    const seen = [await nextOf(stream), await nextOf(stream)];
    assert.deepEqual(
      seen.map((event) => `${event.type} ${event.object.metadata.name}`),
      ['ADDED w1', 'DELETED w1'],
    );
    const table = await nextOf(named);
    assert.equal(table.object.kind, 'Table');
    assert.equal(table.object.columnDefinitions[0].name, 'Name');
    assert.equal((await nextOf(named)).object.columnDefinitions, null);
    await stream.return(undefined);
    await named.return(undefined);
    const future = await nextOf(server.stream(`${maps}?watch=1&resourceVersion=999999`));
    assert.equal(future.type, 'ERROR');
    assert.equal(future.object.code, 410);
  });

  test('tables and partial objects', async () => {
    const table = await server.call('GET', '/api/v1/namespaces', {
      accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json',
    });
    assert.deepEqual(
      table.json.columnDefinitions.map((item: { name: string }) => item.name),
      ['Name', 'Status', 'Age'],
    );
    assert.equal(table.json.rows[0].object.kind, 'PartialObjectMetadata');
    const partial = await server.call('GET', '/api/v1/namespaces/default', {
      accept: 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io',
    });
    assert.deepEqual(Object.keys(partial.json), ['kind', 'apiVersion', 'metadata']);
    assert.equal((await server.call('GET', maps, { accept: 'text/html' })).code, 406);
  });

  test('namespaces go when their content has gone', async () => {
    const space = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'gone' } };
    await server.call('POST', '/api/v1/namespaces', { body: space });
    const inside = '/api/v1/namespaces/gone/configmaps';
    await server.call('POST', inside, { body: configMap('held', {}, { finalizers: ['example.com/hold'] }) });
    await server.call('POST', inside, { body: configMap('free') });
    const terminating = await server.call('DELETE', '/api/v1/namespaces/gone');
    assert.equal(terminating.json.status.phase, 'Terminating');
    assert.equal(
      (await server.call('POST', inside, { body: configMap('late') })).json.details.causes[0].reason,
      'NamespaceTerminating',
    );
    const { resourceVersion } = terminating.json.metadata;
    const stream = server.stream(`/api/v1/namespaces?watch=1&resourceVersion=${resourceVersion}`);
    const release = { body: { metadata: { finalizers: null } }, type: 'application/merge-patch+json' };
    await server.call('PATCH', `${inside}/held`, release);
    for (;;) {
      const event = await nextOf(stream);
      if (event.type === 'DELETED') {
        assert.equal(event.object.metadata.name, 'gone');
        break;
      }
    }
    await stream.return(undefined);
  });

  test('events are one thing under two groups', async () => {
    const involvedObject = { kind: 'Pod', name: 'p', namespace: 'default' };
    const event = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: 'e.1' },
      involvedObject,
      message: 'hello',
      reason: 'R',
      type: 'Normal',
    };
    await server.call('POST', '/api/v1/namespaces/default/events', { body: event });
    const other = await server.call('GET', '/apis/events.k8s.io/v1/namespaces/default/events/e.1');
    assert.equal(other.json.note, 'hello');
    assert.equal(other.json.apiVersion, 'events.k8s.io/v1');
    assert.equal(
      (await server.call('GET', '/api/v1/events?fieldSelector=involvedObject.name%3Dp')).json.items.length,
      1,
    );
    assert.equal(
      (await server.call('GET', '/api/v1/events?fieldSelector=involvedObject.name%3Dq')).json.items.length,
      0,
    );
  });

  test('a delegated group is discovered and called', async () => {
    const list = await server.call('GET', '/apis/sub.example.com/v1');
    assert.equal(list.json.resources[0].name, 'things/start');
    const path = '/apis/sub.example.com/v1/namespaces/ns/things/t1/start';
    const answer = await server.call('PUT', path, { body: { force: true } });
    assert.equal(answer.code, 202);
    const { method, namespace, name, subresource, user, body } = answer.json;
    assert.deepEqual(
      [method, namespace, name, subresource, user, body],
      ['PUT', 'ns', 't1', 'start', 'vmlet-admin', { force: true }],
    );
  });

  test('aggregated discovery names the same resources as the old form', async () => {
    const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json';
    const both = await server.call('GET', '/api', { accept });
    assert.match(both.headers['content-type'] ?? '', /as=APIGroupDiscoveryList/);
    const names = both.json.items[0].versions[0].resources.map((item: { resource: string }) => item.resource);
    const old = (await server.call('GET', '/api/v1')).json.resources.map((item: { name: string }) => item.name);
    assert.deepEqual(
      names,
      old.filter((name: string) => !name.includes('/')),
    );
  });
});
