import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { kubectlMissing, openKubectl } from '../test-kubectl.ts';
import { nextOf, startTestServer } from '../test-server.ts';
import type { Json, TestServer } from '../test-server.ts';

let server: TestServer;
before(async () => {
  server = await startTestServer();
  const made = await server.call('POST', definitions, { body: definition });
  assert.equal(made.code, 201, made.text);
});
after(async () => {
  await server.close();
});

const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const one = `${definitions}/boxes.versions.example.com`;
const at = (version: string): string => `/apis/versions.example.com/${version}/namespaces/default/boxes`;

function version(name: string, storage: boolean, more: Json = {}): Json {
  const spec = {
    type: 'object',
    properties: { size: { type: 'integer' }, color: { type: 'string', default: `${name}-grey` } },
  };
  const openAPIV3Schema = { type: 'object', description: `A box of ${name}.`, properties: { spec } };
  return { name, served: true, storage, schema: { openAPIV3Schema }, ...more };
}

const columns = [
  { name: 'Size', type: 'integer', jsonPath: '.spec.size' },
  { name: 'Color', type: 'string', jsonPath: '.spec.color', priority: 1 },
  { name: 'Made', type: 'date', jsonPath: '.metadata.creationTimestamp' },
];
const definition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'boxes.versions.example.com' },
  spec: {
    group: 'versions.example.com',
    scope: 'Namespaced',
    names: { plural: 'boxes', kind: 'Box' },
    versions: [
      version('v1beta1', false, { deprecated: true, deprecationWarning: 'use v1' }),
      version('v1', true, { additionalPrinterColumns: columns, selectableFields: [{ jsonPath: '.spec.color' }] }),
      version('v2alpha1', false, { served: false }),
    ],
  },
};

test('an object is served in each version that is served, stored in one', async () => {
  const made = await server.call('POST', at('v1beta1'), { body: { metadata: { name: 'a' }, spec: { size: 1 } } });
  assert.equal(made.code, 201);
  assert.equal(made.json.apiVersion, 'versions.example.com/v1beta1');
  assert.equal(made.headers.warning, '299 - "use v1"');
  for (const name of ['v1', 'v1beta1']) {
    const got = await server.call('GET', `${at(name)}/a`);
    assert.equal(got.json.apiVersion, `versions.example.com/${name}`);
    assert.deepEqual(got.json.spec, { size: 1, color: 'v1beta1-grey' });
    const list = await server.call('GET', at(name));
    assert.equal(list.json.apiVersion, `versions.example.com/${name}`);
    assert.deepEqual(
      list.json.items.map(({ apiVersion }: Json) => apiVersion),
      [`versions.example.com/${name}`],
    );
    const events = server.stream(`${at(name)}?watch=1`);
    const event = await nextOf(events);
    assert.equal(event.object.apiVersion, `versions.example.com/${name}`);
    await events.return(undefined);
  }
  assert.equal((await server.call('GET', `${at('v2alpha1')}/a`)).code, 404);
  const wrong = await server.call('POST', at('v1'), {
    body: { apiVersion: 'versions.example.com/v1beta1', kind: 'Box', metadata: { name: 'b' } },
  });
  assert.equal(wrong.code, 400);
});

test('columns, hidden columns, dates and selectable fields', async () => {
  const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io';
  const { json } = await server.call('GET', at('v1'), { accept });
  assert.deepEqual(
    json.columnDefinitions.map(({ name, priority }: Json) => [name, priority]),
    [
      ['Name', 0],
      ['Size', 0],
      ['Color', 1],
      ['Made', 0],
    ],
  );
  assert.deepEqual(json.rows[0].cells.slice(0, 3), ['a', 1, 'v1beta1-grey']);
  assert.match(json.rows[0].cells[3], /^\d+s$/u);
  const found = async (selector: string): Promise<Json> =>
    server.call('GET', `${at('v1')}?fieldSelector=${encodeURIComponent(selector)}`);
  assert.equal((await found('spec.color=v1beta1-grey')).json.items.length, 1);
  assert.equal((await found('spec.color=red')).json.items.length, 0);
  assert.match((await found('spec.size=1')).json.message, /field label not supported: spec\.size/);
});

test('the storage version moves; a version with stored objects stays', async () => {
  const { json } = await server.call('GET', one);
  assert.deepEqual(json.status.storedVersions, ['v1']);
  const changed = structuredClone(json);
  changed.spec.versions[1].storage = false;
  changed.spec.versions[2].storage = true;
  changed.spec.versions[2].served = true;
  const moved = await server.call('PUT', one, { body: changed });
  assert.equal(moved.code, 200, moved.text);
  const type = 'application/merge-patch+json';
  assert.equal((await server.call('GET', `${at('v2alpha1')}/a`)).json.apiVersion, 'versions.example.com/v2alpha1');
  const written = await server.call('PATCH', `${at('v1')}/a`, { body: { spec: { size: 2 } }, type });
  assert.equal(written.json.apiVersion, 'versions.example.com/v1');
  const now = (await server.call('GET', one)).json;
  assert.deepEqual(now.status.storedVersions, ['v1', 'v2alpha1']);
  const without = structuredClone(now);
  without.spec.versions = now.spec.versions.filter(({ name }: Json) => name !== 'v1');
  const refused = await server.call('PUT', one, { body: without });
  assert.equal(refused.code, 422);
  assert.match(
    refused.json.message,
    /status\.storedVersions\[0\]: Invalid value: "v1": missing from spec\.versions; v1 was previously a storage version/,
  );
  const status = await server.call('PATCH', `${one}/status`, {
    body: { status: { storedVersions: ['v2alpha1'] } },
    type,
  });
  assert.equal(status.code, 200, status.text);
  delete without.metadata.resourceVersion;
  without.metadata.resourceVersion = (await server.call('GET', one)).json.metadata.resourceVersion;
  without.status = { storedVersions: ['v2alpha1'] };
  const gone = await server.call('PUT', one, { body: without });
  assert.equal(gone.code, 200, gone.text);
  assert.equal((await server.call('GET', `${at('v1')}/a`)).code, 404);
  assert.equal((await server.call('GET', `${at('v2alpha1')}/a`)).json.spec.size, 2);
});

test('kubectl gets and explains each version', async (t) => {
  const skip = await kubectlMissing();
  if (skip !== false) {
    t.skip(skip);
    return;
  }
  const kubectl = openKubectl(server);
  assert.match(
    await kubectl.run('get', 'boxes.v1beta1.versions.example.com', 'a', '-o', 'yaml'),
    /apiVersion: versions\.example\.com\/v1beta1/,
  );
  assert.match(await kubectl.run('explain', 'boxes', '--api-version=versions.example.com/v1beta1'), /A box of v1beta1/);
  assert.match(
    await kubectl.run('explain', 'boxes', '--api-version=versions.example.com/v2alpha1'),
    /A box of v2alpha1/,
  );
});
