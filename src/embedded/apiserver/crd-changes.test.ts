/** A definition that changes or goes while there are objects of its kind; bodies and answers that are out of the ordinary. */
import assert from 'node:assert/strict';
import { request } from 'node:https';
import { gunzipSync } from 'node:zlib';
import { after, before, test } from 'node:test';
import { startTestServer } from './test-server.ts';
import type { TestServer } from './test-server.ts';

const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const boxes = '/apis/example.com/v1/namespaces/default/boxes';

const definition = (spec: object): object => ({
  metadata: { name: 'boxes.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'boxes', kind: 'Box' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', properties: spec } } } },
      },
    ],
  },
});

let server: TestServer;
before(async () => {
  server = await startTestServer();
});
after(async () => {
  await server.close();
});

test('a new default shows in objects stored before it, and is nobody’s', async () => {
  const first = definition({ size: { type: 'integer' }, old: { type: 'string' } });
  assert.equal((await server.call('POST', definitions, { body: first })).code, 201);
  const box = { metadata: { name: 'one' }, spec: { size: 1, old: 'x' } };
  const made = await server.call('POST', `${boxes}?fieldManager=maker`, { body: box });
  assert.deepEqual(made.json.spec, { size: 1, old: 'x' });
  const type = 'application/merge-patch+json';
  const changed = definition({ size: { type: 'integer' }, color: { type: 'string', default: 'grey' } });
  const schema = (changed as { spec: { versions: object[] } }).spec.versions;
  const patched = await server.call('PATCH', `${definitions}/boxes.example.com`, {
    body: { spec: { versions: schema } },
    type,
  });
  assert.equal(patched.code, 200, patched.text);
  const shown = { size: 1, color: 'grey' };
  assert.deepEqual((await server.call('GET', `${boxes}/one`)).json.spec, shown);
  assert.deepEqual((await server.call('GET', boxes)).json.items[0].spec, shown);
  const same = await server.call('PATCH', `${boxes}/one?fieldManager=other`, { body: { spec: { size: 1 } }, type });
  assert.equal(same.json.metadata.resourceVersion, made.json.metadata.resourceVersion);
  const written = await server.call('PATCH', `${boxes}/one?fieldManager=other`, { body: { spec: { size: 2 } }, type });
  assert.deepEqual(written.json.spec, { size: 2, color: 'grey' });
  const other = written.json.metadata.managedFields.find(({ manager }: { manager: string }) => manager === 'other');
  assert.deepEqual(other.fieldsV1, { 'f:spec': { 'f:size': {} } });
});

test('a large list is compressed for those who ask for it', async () => {
  const text = 'x'.repeat(150 * 1024);
  await server.call('POST', '/api/v1/namespaces/default/configmaps', {
    body: { metadata: { name: 'large' }, data: { text } },
  });
  const { ca, client } = server.certificates;
  const get = (encoding: string): Promise<{ encoding: string | undefined; bytes: Buffer }> =>
    new Promise((resolve, reject) => {
      const headers = { 'Accept-Encoding': encoding };
      const path = '/api/v1/namespaces/default/configmaps/large';
      const options = { host: '127.0.0.1', port: server.port, path, headers, ca: ca.cert, ...client };
      request(options, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () =>
          resolve({ encoding: response.headers['content-encoding'], bytes: Buffer.concat(chunks) }),
        );
      })
        .on('error', reject)
        .end();
    });
  const plain = await get('identity');
  assert.equal(plain.encoding, undefined);
  const packed = await get('br, gzip;q=0.5');
  assert.equal(packed.encoding, 'gzip');
  assert.ok(packed.bytes.length < 10_000);
  assert.deepEqual(gunzipSync(packed.bytes), plain.bytes);
  assert.equal((await get('gzip;q=0')).encoding, undefined);
});

test('a field given twice is refused, warned of or passed over', async () => {
  const body = '{"metadata":{"name":"twice"},"data":{"a":"1","a":"2"}}';
  const path = '/api/v1/namespaces/default/configmaps';
  const strict = await server.call('POST', `${path}?fieldValidation=Strict`, { body });
  assert.equal(strict.code, 400);
  assert.match(strict.json.message as string, /strict decoding error: duplicate field "data.a"/);
  const warned = await server.call('POST', `${path}?fieldValidation=Warn&dryRun=All`, { body });
  assert.equal(warned.code, 201);
  assert.match(String(warned.headers['warning']), /299 - "duplicate field \\"data.a\\""/);
  const ignored = await server.call('POST', `${path}?fieldValidation=Ignore`, { body });
  assert.equal(ignored.headers['warning'], undefined);
  assert.deepEqual(ignored.json.data, { a: '2' });
});

test('no object comes while its kind goes', async () => {
  const held = { metadata: { name: 'held', finalizers: ['example.com/hold'] }, spec: { size: 1 } };
  assert.equal((await server.call('POST', boxes, { body: held })).code, 201);
  await server.call('DELETE', `${definitions}/boxes.example.com`);
  const late = await server.call('POST', boxes, { body: { metadata: { name: 'late' } } });
  assert.equal(late.code, 405);
  assert.match(late.json.message as string, /create not allowed while custom resource definition is terminating/);
  const type = 'application/apply-patch+yaml';
  const applied = await server.call('PATCH', `${boxes}/late?fieldManager=me`, {
    body: { apiVersion: 'example.com/v1', kind: 'Box', metadata: { name: 'late' } },
    type,
  });
  assert.equal(applied.code, 405);
  assert.equal((await server.call('GET', `${boxes}/held`)).code, 200);
  const body = { metadata: { finalizers: null } };
  await server.call('PATCH', `${boxes}/held`, { body, type: 'application/merge-patch+json' });
});
