import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { kubectlMissing, openKubectl } from '../test-kubectl.ts';
import { startTestServer } from '../test-server.ts';
import type { Json, TestServer } from '../test-server.ts';

let server: TestServer;
before(async () => {
  server = await startTestServer();
});
after(async () => {
  await server.close();
});

const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const boxes = '/apis/rules.example.com/v1/namespaces/default/boxes';

function definition(rules: readonly Json[], group = 'rules.example.com'): Json {
  const spec = {
    type: 'object',
    'x-kubernetes-validations': rules,
    properties: {
      size: { type: 'integer', maximum: 100 },
      limit: { type: 'integer' },
      mode: { type: 'string', enum: ['a', 'b'] },
    },
  };
  const openAPIV3Schema = {
    type: 'object',
    properties: { spec, status: { type: 'object', properties: { used: { type: 'integer' } } } },
  };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `boxes.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { plural: 'boxes', kind: 'Box' },
      versions: [
        { name: 'v1', served: true, storage: true, subresources: { status: {} }, schema: { openAPIV3Schema } },
      ],
    },
  };
}

const rules = [
  { rule: '!has(self.size) || !has(self.limit) || self.size <= self.limit', message: 'size above limit' },
  { rule: '!has(oldSelf.mode) || self.mode == oldSelf.mode', message: 'mode is immutable', fieldPath: '.mode' },
];

test('rules are asked on create, update, patch, apply and dry run', async () => {
  assert.equal((await server.call('POST', definitions, { body: definition(rules) })).code, 201);
  const create = (name: string, spec: Json, query = ''): Promise<Json> =>
    server.call('POST', `${boxes}${query}`, { body: { metadata: { name }, spec } });
  assert.equal((await create('one', { size: 1, limit: 2, mode: 'a' })).code, 201);
  const refused = await create('two', { size: 3, limit: 2 });
  assert.equal(refused.code, 422);
  assert.equal(
    refused.json.message,
    'Box.rules.example.com "two" is invalid: spec: Invalid value: "object": size above limit',
  );
  assert.deepEqual(refused.json.details.causes, [
    { reason: 'FieldValueInvalid', message: 'Invalid value: "object": size above limit', field: 'spec' },
  ]);
  assert.equal((await create('two', { size: 3, limit: 2 }, '?dryRun=All')).code, 422);
  const patch = (body: Json, type = 'application/merge-patch+json', query = ''): Promise<Json> =>
    server.call('PATCH', `${boxes}/one${query}`, { body, type });
  assert.equal((await patch({ spec: { size: 2 } })).code, 200);
  const mode = await patch({ spec: { mode: 'b' } });
  assert.match(mode.json.message, /spec\.mode: Invalid value: "object": mode is immutable$/);
  const apply = 'application/apply-patch+yaml';
  const applied = await patch(
    { apiVersion: 'rules.example.com/v1', kind: 'Box', spec: { size: 9 } },
    apply,
    '?fieldManager=me&force=true',
  );
  assert.match(applied.json.message, /size above limit/);
  const invalid = await patch({ spec: { mode: 'c', size: 200 } });
  assert.match(
    invalid.json.message,
    /<nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation/,
  );
});

test('a stricter rule warns of what an update leaves as it is', async () => {
  const { json } = await server.call('GET', `${definitions}/boxes.rules.example.com`);
  json.spec.versions[0].schema.openAPIV3Schema.properties.spec['x-kubernetes-validations'].push({
    rule: 'self.size > 50',
  });
  assert.equal((await server.call('PUT', `${definitions}/boxes.rules.example.com`, { body: json })).code, 200);
  const type = 'application/merge-patch+json';
  const body = { metadata: { labels: { a: 'b' } } };
  const answer = await server.call('PATCH', `${boxes}/one`, { body, type });
  assert.equal(answer.code, 200, answer.text);
  assert.match(String(answer.headers.warning), /failed rule: self\.size > 50/);
  const status = await server.call('PATCH', `${boxes}/one/status`, { body: { status: { used: 1 } }, type });
  assert.equal(status.code, 200, status.text);
  assert.equal((await server.call('PATCH', `${boxes}/one`, { body: { spec: { size: 2, limit: 3 } }, type })).code, 422);
});

test('kubectl shows what is wrong with a rule, and with an object', async (t) => {
  const skip = await kubectlMissing();
  if (skip !== false) {
    t.skip(skip);
    return;
  }
  const kubectl = openKubectl(server);
  const apply = async (object: Json): Promise<string> => {
    const { stdout, stderr } = await kubectl.tried('apply', '-f', kubectl.file(object));
    return `${stdout}${stderr}`;
  };
  const wrong = await apply(definition([{ rule: 'self.nope > 1' }], 'wrong.example.com'));
  assert.match(
    wrong,
    /spec\.validation\.openAPIV3Schema\.properties\[spec\]\.x-kubernetes-validations\[0\]\.rule: Invalid value: .*compilation failed: ERROR: <input>:1:5: undefined field 'nope'/s,
  );
  assert.match(await apply(definition(rules, 'right.example.com')), /created/);
  const box = { apiVersion: 'right.example.com/v1', kind: 'Box', metadata: { name: 'b' }, spec: { size: 2, limit: 1 } };
  assert.match(await apply(box), /The Box "b" is invalid: spec: Invalid value: "object": size above limit/);
  assert.match(await apply({ ...box, spec: { size: 1, limit: 1 } }), /box\.right\.example\.com\/b created/);
});
