import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { startTestServer } from '../test-server.ts';
import type { Json, TestServer } from '../test-server.ts';

let server: TestServer;
before(async () => {
  server = await startTestServer();
});
after(async () => {
  await server.close();
});

const group = '/apis/admissionregistration.k8s.io/v1';
const policies = `${group}/validatingadmissionpolicies`;
const bindings = `${group}/validatingadmissionpolicybindings`;
const configMaps = '/api/v1/namespaces/default/configmaps';
afterEach(async () => {
  await server.call('DELETE', bindings);
  await server.call('DELETE', policies);
  await server.call('DELETE', configMaps);
});

const rule = { operations: ['CREATE', 'UPDATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] };

async function policy(spec: Json, binding: Json = {}): Promise<void> {
  const body = { metadata: { name: 'p' }, spec: { matchConstraints: { resourceRules: [rule] }, ...spec } };
  const made = await server.call('POST', policies, { body });
  assert.equal(made.code, 201, made.text);
  const bound = await server.call('POST', bindings, {
    body: { metadata: { name: 'b' }, spec: { policyName: 'p', validationActions: ['Deny'], ...binding } },
  });
  assert.equal(bound.code, 201, bound.text);
}

async function create(name: string, data: Json = {}): Promise<Json> {
  const { code, json, headers } = await server.call('POST', configMaps, { body: { metadata: { name }, data } });
  return { code, message: json.message, reason: json.reason, warning: headers.warning };
}

const denied = `configmaps "bad" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: `;

test('a rule that is false denies; variables and messageExpression', async () => {
  await policy({
    variables: [
      { name: 'size', expression: 'size(object.data)' },
      { name: 'twice', expression: 'variables.size * 2' },
    ],
    validations: [
      { expression: 'variables.twice <= 2', messageExpression: "'has ' + string(variables.size)" },
      { expression: "request.operation == 'CREATE' || object.data.a == oldObject.data.a", reason: 'Forbidden' },
    ],
  });
  assert.equal((await create('good', { a: '1' })).code, 201);
  const bad = await create('bad', { a: '1', b: '2' });
  assert.deepEqual(bad, { code: 422, reason: 'Invalid', message: `${denied}has 2`, warning: undefined });
  const type = 'application/merge-patch+json';
  const changed = await server.call('PATCH', `${configMaps}/good`, { body: { data: { a: '2' } }, type });
  assert.equal(changed.code, 403);
  assert.match(changed.json.message, /failed expression: request\.operation == 'CREATE' \|\|/);
});

test('Warn warns', async () => {
  const validations = [{ expression: 'false', message: 'please do not' }];
  await policy({ validations }, { validationActions: ['Warn'] });
  const { code, warning } = await create('bad');
  assert.equal(code, 201);
  assert.match(warning, /Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b': please do not/);
});

test('an expression that cannot be evaluated counts as the failure policy says', async () => {
  const validations = [{ expression: 'object.data.nope == "1"' }];
  await policy({ validations });
  assert.match(
    (await create('bad', { a: '1' })).message,
    /expression 'object\.data\.nope == "1"' resulted in error: no such key: nope/,
  );
  await server.call('DELETE', bindings);
  await server.call('DELETE', policies);
  await policy({ validations, failurePolicy: 'Ignore' });
  assert.equal((await create('bad', { a: '1' })).code, 201);
});

test('settings come from objects', async () => {
  const settings = { metadata: { name: 'settings', labels: { for: 'p' } }, data: { limit: '3' } };
  await server.call('POST', '/api/v1/namespaces/kube-system/configmaps', { body: settings });
  const spec = {
    paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
    validations: [
      {
        expression: 'object.data.size() <= int(params.data.limit)',
        messageExpression: "'at most ' + params.data.limit",
      },
    ],
  };
  const paramRef = { namespace: 'kube-system', parameterNotFoundAction: 'Deny' };
  await policy(spec, { paramRef: { ...paramRef, name: 'settings' } });
  assert.equal((await create('good', { a: '1' })).code, 201);
  assert.equal((await create('bad', { a: '1', b: '1', c: '1', d: '1' })).message, `${denied}at most 3`);
  await server.call('DELETE', `${bindings}/b`);
  await server.call('POST', bindings, {
    body: {
      metadata: { name: 'b' },
      spec: {
        policyName: 'p',
        validationActions: ['Deny'],
        paramRef: { ...paramRef, selector: { matchLabels: { for: 'nobody' } } },
      },
    },
  });
  assert.match((await create('bad')).message, /no params found for policy binding with `Deny` parameterNotFoundAction/);
});

test('conditions, excluded resources and selectors of the binding narrow a policy', async () => {
  await policy(
    {
      validations: [{ expression: 'false' }],
      matchConditions: [{ name: 'named', expression: "object.metadata.name.startsWith('b')" }],
    },
    { matchResources: { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'default' } } } },
  );
  assert.equal((await create('good')).code, 201);
  assert.equal((await create('bad')).code, 422);
  const elsewhere = await server.call('POST', '/api/v1/namespaces/kube-public/configmaps', {
    body: { metadata: { name: 'bad' } },
  });
  assert.equal(elsewhere.code, 201);
});

test('a policy with an expression that does not compile is refused', async () => {
  const spec = (validation: Json): Json => ({
    body: { metadata: { name: 'x' }, spec: { matchConstraints: { resourceRules: [rule] }, validations: [validation] } },
  });
  const wrong = await server.call('POST', policies, spec({ expression: 'object.' }));
  assert.equal(wrong.code, 422);
  assert.match(
    wrong.json.message,
    /spec\.validations\[0\]\.expression: Invalid value: "object\.": compilation failed: ERROR/,
  );
  const text = await server.call('POST', policies, spec({ expression: "'a'" }));
  assert.match(text.json.message, /must evaluate to bool/);
  const both = await server.call('POST', bindings, {
    body: { metadata: { name: 'x' }, spec: { policyName: 'p', validationActions: ['Deny', 'Warn'] } },
  });
  assert.match(both.json.message, /must not contain both Deny and Warn/);
});
