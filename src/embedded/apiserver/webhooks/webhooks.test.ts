import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { createMemoryStore, emptyMemoryState } from '../../store/memory-backend.ts';
import { startTestServer } from '../test-server.ts';
import type { Json, TestServer } from '../test-server.ts';
import { allow, patchOf, startTestWebhook } from './test-webhook.ts';
import type { TestWebhook } from './test-webhook.ts';

let server: TestServer;
let hook: TestWebhook;
before(async () => {
  server = await startTestServer();
  hook = await startTestWebhook();
});
after(async () => {
  await hook.close();
  await server.close();
});

const group = '/apis/admissionregistration.k8s.io/v1';
const configMaps = '/api/v1/namespaces/default/configmaps';
let made: string[] = [];
beforeEach(() => {
  made = [];
  hook.answer = allow;
  hook.asked.length = 0;
});
afterEach(async () => {
  for (const path of made) {
    await server.call('DELETE', path);
  }
  await server.call('DELETE', configMaps);
});

const rule = { operations: ['*'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] };

function webhook(more: Json = {}): Json {
  return {
    name: 'check.example.com',
    clientConfig: { url: hook.url, caBundle: hook.caBundle },
    rules: [rule],
    sideEffects: 'None',
    admissionReviewVersions: ['v1'],
    timeoutSeconds: 5,
    ...more,
  };
}

async function configure(kind: 'mutating' | 'validating', name: string, webhooks: readonly Json[]): Promise<void> {
  const path = `${group}/${kind}webhookconfigurations`;
  const answer = await server.call('POST', path, { body: { metadata: { name }, webhooks } });
  assert.equal(answer.code, 201, answer.text);
  made.push(`${path}/${name}`);
}

async function create(name: string, more: Json = {}): Promise<Json> {
  const answer = await server.call('POST', `${configMaps}${more.query ?? ''}`, {
    body: { metadata: { name, ...more.metadata }, data: more.data },
  });
  return { code: answer.code, json: answer.json, message: answer.json.message, warning: answer.headers.warning };
}

test('a configuration gets its defaults', async () => {
  await configure('validating', 'defaults', [webhook({ timeoutSeconds: undefined })]);
  const { json } = await server.call('GET', `${group}/validatingwebhookconfigurations/defaults`);
  const { failurePolicy, matchPolicy, namespaceSelector, objectSelector, timeoutSeconds, rules } = json.webhooks[0];
  assert.deepEqual(
    { failurePolicy, matchPolicy, namespaceSelector, objectSelector, timeoutSeconds, scope: rules[0].scope },
    {
      failurePolicy: 'Fail',
      matchPolicy: 'Equivalent',
      namespaceSelector: {},
      objectSelector: {},
      timeoutSeconds: 10,
      scope: '*',
    },
  );
  await configure('mutating', 'defaults', [webhook()]);
  const mutating = await server.call('GET', `${group}/mutatingwebhookconfigurations/defaults`);
  assert.equal(mutating.json.webhooks[0].reinvocationPolicy, 'Never');
});

const wrong: readonly (readonly [Json, RegExp])[] = [
  [{ name: 'short' }, /webhooks\[0\]\.name: Invalid value: "short": should be a domain with at least three segments/],
  [{ clientConfig: {} }, /clientConfig: Required value: exactly one of url or service is required/],
  [
    { clientConfig: { url: 'http://a' } },
    /clientConfig\.url: Invalid value: "http:\/\/a": 'https' is the only allowed URL scheme/,
  ],
  [{ clientConfig: { url: 'https://a', caBundle: 'eA==' } }, /caBundle: .*unable to load root certificates/],
  [{ sideEffects: 'Some' }, /sideEffects: Unsupported value: "Some": supported values: "None", "NoneOnDryRun"/],
  [{ sideEffects: undefined }, /sideEffects: Required value/],
  [{ timeoutSeconds: 31 }, /timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds/],
  [
    { admissionReviewVersions: ['v1beta1'] },
    /admissionReviewVersions: Invalid value: \["v1beta1"\]: must include at least one of v1/,
  ],
  [{ failurePolicy: 'Maybe' }, /failurePolicy: Unsupported value: "Maybe"/],
  [{ rules: [{ ...rule, operations: [] }] }, /rules\[0\]\.operations: Required value/],
  [{ rules: [{ ...rule, operations: ['PATCH'] }] }, /rules\[0\]\.operations\[0\]: Unsupported value: "PATCH"/],
  [
    { matchConditions: [{ name: 'a', expression: 'object.' }] },
    /matchConditions\[0\]\.expression: .*compilation failed: ERROR: <input>:1/,
  ],
  [{ matchConditions: [{ name: 'a', expression: 'nope' }] }, /undeclared reference to 'nope'/],
];
for (const [more, message] of wrong) {
  test(`refused: ${JSON.stringify(more)}`, async () => {
    const body = { metadata: { name: 'wrong' }, webhooks: [webhook(more)] };
    const answer = await server.call('POST', `${group}/validatingwebhookconfigurations`, { body });
    assert.equal(answer.code, 422, answer.text);
    assert.match(answer.json.message, message);
  });
}

test('a validating webhook sees the request and may refuse it', async () => {
  await configure('validating', 'v', [webhook()]);
  hook.answer = ({ request }) => ({
    allowed: request.name !== 'bad',
    status: { message: 'bad name', code: 403, reason: 'Forbidden' },
    warnings: ['look out'],
  });
  const good = await create('good', { data: { a: '1' } });
  assert.equal(good.code, 201);
  assert.equal(good.warning, '299 - "look out"');
  const [{ uid, kind, resource, name, namespace, operation, userInfo, object, oldObject, dryRun }] = hook.asked;
  assert.match(uid, /^[0-9a-f-]{36}$/u);
  assert.deepEqual(
    { kind, resource, name, namespace, operation, oldObject, dryRun },
    {
      kind: { group: '', version: 'v1', kind: 'ConfigMap' },
      resource: { group: '', version: 'v1', resource: 'configmaps' },
      name: 'good',
      namespace: 'default',
      operation: 'CREATE',
      oldObject: null,
      dryRun: false,
    },
  );
  assert.equal(object.kind, 'ConfigMap');
  assert.deepEqual(object.data, { a: '1' });
  assert.ok(userInfo.groups.includes('system:masters'));
  const bad = await create('bad');
  assert.equal(bad.code, 403);
  assert.equal(bad.message, 'admission webhook "check.example.com" denied the request: bad name');
  assert.equal(bad.json.reason, 'Forbidden');
  assert.equal((await server.call('GET', `${configMaps}/bad`)).code, 404);
});

test('a refusal without words and code', async () => {
  await configure('validating', 'v', [webhook()]);
  hook.answer = () => ({ allowed: false });
  const { code, message } = await create('a');
  assert.equal(code, 400);
  assert.equal(message, 'admission webhook "check.example.com" denied the request without explanation');
});

test('a mutating webhook changes the object; a bad patch is an error', async () => {
  await configure('mutating', 'm', [webhook()]);
  hook.answer = () => patchOf([{ op: 'add', path: '/metadata/labels', value: { touched: 'yes' } }]);
  const { json } = await create('a');
  assert.deepEqual(json.metadata.labels, { touched: 'yes' });
  hook.answer = () => patchOf([{ op: 'remove', path: '/data/nope' }]);
  const failed = await create('b');
  assert.equal(failed.code, 500);
  assert.match(
    failed.message,
    /^Internal error occurred: admission webhook "check.example.com" answered a patch that cannot be applied/,
  );
  hook.answer = () => patchOf([{ op: 'replace', path: '/metadata/name', value: 'other' }]);
  assert.match((await create('c')).message, /changed the name, the namespace or the kind/);
  hook.answer = () => patchOf([{ op: 'add', path: '/data', value: { a: 1 } }]);
  const unfit = await create('d');
  assert.equal(unfit.code, 422, unfit.message);
  assert.match(unfit.message, /data\.a/);
  const update = await server.call('PUT', `${configMaps}/a`, { body: { metadata: { name: 'a' } } });
  assert.equal(update.code, 422, update.text);
  const doubling = Array.from({ length: 40 }, (_, index) => ({ op: 'copy', from: '/data', path: `/data/x${index}` }));
  hook.answer = () => patchOf([{ op: 'add', path: '/data', value: { a: 'x'.repeat(1000) } }, ...doubling]);
  assert.match((await create('e')).message, /grows beyond/);
  hook.answer = () => patchOf([{ op: 'add', path: '/__proto__/polluted', value: 1 }]);
  assert.equal((await create('f')).code, 500);
  assert.equal(Object.hasOwn(Object.prototype, 'polluted'), false);
});

test('mutating webhooks in order of names; IfNeeded asks again', async () => {
  const append = (letter: string): Json => ({
    clientConfig: { url: `${hook.url}/${letter}`, caBundle: hook.caBundle },
  });
  hook.answer = ({ request }, _, { url = '' }) => {
    const letter = /\/hook\/(\w)/u.exec(url)?.[1] ?? '';
    const order = `${request.object.data?.order ?? ''}${letter}`;
    return patchOf([{ op: 'add', path: '/data', value: { order } }]);
  };
  await configure('mutating', 'b', [webhook({ name: 'c.example.com', ...append('c') })]);
  await configure('mutating', 'a', [
    webhook({ name: 'a.example.com', ...append('a'), reinvocationPolicy: 'IfNeeded' }),
    webhook({ name: 'b.example.com', ...append('b') }),
  ]);
  const { json } = await create('order');
  assert.equal(json.data.order, 'abca');
});

test('what a webhook is asked about', async () => {
  const label = { matchLabels: { watched: 'yes' } };
  await configure('validating', 'objects', [webhook({ objectSelector: label })]);
  await create('without');
  assert.equal(hook.asked.length, 0);
  await create('with', { metadata: { labels: { watched: 'yes' } } });
  assert.equal(hook.asked.length, 1);
  const type = 'application/merge-patch+json';
  await server.call('PATCH', `${configMaps}/with`, { body: { metadata: { labels: null } }, type });
  assert.equal(hook.asked.length, 2);
  assert.equal(hook.asked[1].operation, 'UPDATE');
  assert.deepEqual(hook.asked[1].oldObject.metadata.labels, { watched: 'yes' });
  await configure('validating', 'namespaces', [webhook({ name: 'n.example.com', namespaceSelector: label })]);
  await create('elsewhere');
  assert.equal(hook.asked.length, 2);
  await configure('validating', 'conditions', [
    webhook({
      name: 'm.example.com',
      matchConditions: [
        { name: 'name', expression: "request.name.startsWith('x')" },
        { name: 'not-deleted', expression: "request.operation != 'DELETE' && has(object.metadata.name)" },
      ],
    }),
  ]);
  await create('y');
  assert.equal(hook.asked.length, 2);
  await create('x1');
  assert.equal(hook.asked.length, 3);
  await server.call('DELETE', `${configMaps}/x1`);
  assert.equal(hook.asked.length, 3);
});

test('a deletion is asked about', async () => {
  await create('gone');
  await configure('validating', 'd', [webhook({ rules: [{ ...rule, operations: ['DELETE'] }] })]);
  hook.answer = () => ({ allowed: false, status: { message: 'keep it' } });
  const answer = await server.call('DELETE', `${configMaps}/gone`);
  assert.equal(answer.code, 400);
  assert.equal(hook.asked[0].object, null);
  assert.equal(hook.asked[0].oldObject.metadata.name, 'gone');
  hook.answer = allow;
});

test('a dry run only goes to webhooks that stand it, and they are told', async () => {
  await configure('validating', 'dry', [webhook()]);
  assert.equal((await create('dry', { query: '?dryRun=All' })).code, 201);
  assert.equal(hook.asked[0].dryRun, true);
  assert.equal((await server.call('GET', `${configMaps}/dry`)).code, 404);
});

const failures: readonly (readonly [string, () => Json, RegExp])[] = [
  [
    'hangs',
    () => {
      hook.answer = () => undefined;
      return { timeoutSeconds: 1 };
    },
    /Post "https:\/\/127\.0\.0\.1:\d+\/hook\?timeout=1s": context deadline exceeded$/,
  ],
  [
    'refuses connections',
    () => ({ clientConfig: { url: 'https://127.0.0.1:1/', caBundle: hook.caBundle } }),
    /dial tcp 127\.0\.0\.1:1: connect: connection refused$/,
  ],
  [
    'has a certificate of another authority',
    () => ({ clientConfig: { url: hook.url, caBundle: Buffer.from(server.certificates.ca.cert).toString('base64') } }),
    /tls: failed to verify certificate: x509: certificate signed by unknown authority$/,
  ],
  [
    'has a certificate for another name',
    () => ({ clientConfig: { url: hook.url.replace('127.0.0.1', 'localhost'), caBundle: hook.caBundle } }),
    /tls: failed to verify certificate: x509: .*localhost/,
  ],
  [
    'answers 500',
    () => {
      hook.answer = (_, response) => {
        response.writeHead(500).end('oh no');
      };
      return {};
    },
    /an error on the server \("oh no"\) has prevented the request from succeeding$/,
  ],
  [
    'answers 404',
    () => {
      hook.answer = (_, response) => {
        response.writeHead(404).end();
      };
      return {};
    },
    /the server could not find the requested resource$/,
  ],
  [
    'answers no JSON',
    () => {
      hook.answer = (_, response) => {
        response.end('{');
      };
      return {};
    },
    /the answer is not JSON$/,
  ],
  [
    'answers too much',
    () => {
      hook.answer = (_, response) => {
        response.end(`"${'x'.repeat(5_000_000)}"`);
      };
      return {};
    },
    /the answer is larger than 4194304 bytes$/,
  ],
  [
    'closes the connection',
    () => {
      hook.answer = (_, response) => {
        response.destroy();
      };
      return {};
    },
    /EOF$/,
  ],
  [
    'answers another question',
    () => {
      hook.answer = () => ({ uid: 'x', allowed: true });
      return {};
    },
    /received invalid webhook response: expected response\.uid="[0-9a-f-]+", got "x"$/,
  ],
  [
    'answers an old review',
    () => {
      hook.answer = (_, response) => {
        response.end('{"apiVersion":"admission.k8s.io/v1beta1","kind":"AdmissionReview"}');
      };
      return {};
    },
    /expected webhook response of admission\.k8s\.io\/v1, Kind=AdmissionReview, got admission\.k8s\.io\/v1beta1, Kind=AdmissionReview$/,
  ],
  [
    'answers nothing',
    () => {
      hook.answer = (_, response) => {
        response.end('{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}');
      };
      return {};
    },
    /webhook response was absent$/,
  ],
  [
    'answers a patch without a type',
    () => {
      hook.answer = () => ({ allowed: true, patch: 'W10=' });
      return {};
    },
    /webhook returned response\.patch but not response\.patchType$/,
  ],
  [
    'answers a patch of another type',
    () => {
      hook.answer = () => ({ allowed: true, patch: 'W10=', patchType: 'Merge' });
      return {};
    },
    /invalid webhook response\.patchType of "Merge"$/,
  ],
  [
    'answers a patch that is none',
    () => {
      hook.answer = () => ({ allowed: true, patch: 'e30=', patchType: 'JSONPatch' });
      return {};
    },
    /received undecodable patch in webhook response/,
  ],
  [
    'is a Service that is not there',
    () => ({ clientConfig: { service: { namespace: 'default', name: 'nope' } } }),
    /Post "https:\/\/nope\.default\.svc(:443)?\/\?timeout=5s": service "nope" not found$/,
  ],
];
for (const [name, prepare, message] of failures) {
  test(`a webhook that ${name}: Fail refuses, Ignore goes on`, async () => {
    const more = prepare();
    await configure('mutating', 'f', [webhook(more)]);
    const refused = await create('a');
    assert.equal(refused.code, 500);
    assert.equal(refused.json.reason, 'InternalError');
    assert.match(refused.message, /^Internal error occurred: failed calling webhook "check\.example\.com": /);
    assert.match(refused.message, message);
    await server.call('DELETE', made.pop() ?? '');
    await configure('mutating', 'f', [webhook({ ...more, failurePolicy: 'Ignore' })]);
    assert.equal((await create('a')).code, 201);
  });
}

test('a Service is found by its EndpointSlices, and the certificate is for its name', async (t) => {
  // Endpoints have no loopback addresses.
  const address = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(
      ({ family, internal, address: text }) => family === 'IPv4' && !internal && !text.startsWith('169.254.'),
    )?.address;
  if (address === undefined) {
    t.skip('this host has no IPv4 address but loopback');
    return;
  }
  const service = await startTestWebhook(['web.default.svc'], address);
  const clientConfig = {
    service: { namespace: 'default', name: 'web', path: '/x', port: 8443 },
    caBundle: service.caBundle,
  };
  try {
    const spec = { clusterIP: 'None', ports: [{ name: 'https', port: 8443 }] };
    const body = { metadata: { name: 'web' }, spec };
    const created = await server.call('POST', '/api/v1/namespaces/default/services', { body });
    assert.equal(created.code, 201, created.text);
    await configure('validating', 'service', [webhook({ clientConfig })]);
    assert.match((await create('early')).message, /no endpoints available for service "web"$/);
    const slices = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices';
    const slice = await server.call('POST', slices, {
      body: {
        metadata: { name: 'web-1', labels: { 'kubernetes.io/service-name': 'web' } },
        addressType: 'IPv4',
        endpoints: [
          { addresses: ['192.0.2.9'], conditions: { ready: false } },
          { addresses: [address], conditions: { ready: true } },
        ],
        ports: [{ name: 'https', port: service.port, protocol: 'TCP' }],
      },
    });
    assert.equal(slice.code, 201, slice.text);
    assert.equal((await create('late')).code, 201);
    assert.equal(service.asked.length, 1);
  } finally {
    await server.call('DELETE', made.pop() ?? '');
    await service.close();
  }
});

test('a webhook for one version of a kind hears of the others too, in its own; Exact does not', async () => {
  const version = (name: string, storage: boolean): Json => ({
    name,
    served: true,
    storage,
    schema: {
      openAPIV3Schema: {
        type: 'object',
        properties: { spec: { type: 'object', properties: { a: { type: 'integer' } } } },
      },
    },
  });
  const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
  const names = { plural: 'toys', kind: 'Toy' };
  const versions = [version('v1', true), version('v2', false)];
  const spec = { group: 'hooks.example.com', scope: 'Namespaced', names, versions };
  const definition = await server.call('POST', definitions, {
    body: { metadata: { name: 'toys.hooks.example.com' }, spec },
  });
  assert.equal(definition.code, 201, definition.text);
  const rules = [{ operations: ['*'], apiGroups: ['hooks.example.com'], apiVersions: ['v2'], resources: ['toys'] }];
  await configure('mutating', 'equivalent', [webhook({ rules })]);
  await configure('mutating', 'exact', [webhook({ rules, name: 'e.example.com', matchPolicy: 'Exact' })]);
  hook.answer = () => patchOf([{ op: 'add', path: '/spec', value: { a: 7 } }]);
  const toys = '/apis/hooks.example.com/v1/namespaces/default/toys';
  const toy = await server.call('POST', toys, { body: { metadata: { name: 't' } } });
  assert.equal(toy.code, 201, toy.text);
  assert.equal(toy.json.apiVersion, 'hooks.example.com/v1');
  assert.deepEqual(toy.json.spec, { a: 7 });
  assert.equal(hook.asked.length, 1);
  const { kind, requestKind, object } = hook.asked[0];
  assert.deepEqual([kind.version, requestKind.version, object.apiVersion], ['v2', 'v1', 'hooks.example.com/v2']);
  hook.answer = allow;
  await server.call('DELETE', `${toys}/t`);
  assert.equal(hook.asked[1].oldObject.apiVersion, 'hooks.example.com/v2');
});

test('connections are kept', async () => {
  await configure('validating', 'kept', [webhook()]);
  const before = hook.connections();
  for (let index = 0; index < 10; index += 1) {
    await create(`c${index}`);
  }
  assert.equal(hook.connections() - before, 1);
});

test('a server starts on a store with a broken webhook about everything', async () => {
  const state = emptyMemoryState();
  const first = await startTestServer({ store: createMemoryStore({ state }) });
  const everything = { operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*/*'] };
  const broken = webhook({ rules: [everything], clientConfig: { url: 'https://127.0.0.1:1' } });
  const body = { metadata: { name: 'broken' }, webhooks: [broken] };
  assert.equal((await first.call('POST', `${group}/validatingwebhookconfigurations`, { body })).code, 201);
  await first.close();
  const second = await startTestServer({ store: createMemoryStore({ state }) });
  assert.equal((await second.call('POST', configMaps, { body: { metadata: { name: 'a' } } })).code, 500);
  assert.equal((await second.call('DELETE', `${group}/validatingwebhookconfigurations/broken`)).code, 200);
  await second.close();
});

test('a broken webhook about everything can be taken away, and does not stop the server', async () => {
  const everything = { operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*/*'] };
  const broken = webhook({ rules: [everything], clientConfig: { url: 'https://127.0.0.1:1' } });
  await configure('validating', 'broken', [broken]);
  assert.equal((await create('a')).code, 500);
  await server.client.create(
    { group: '', version: 'v1', resource: 'nodes', kind: 'Node', namespaced: false },
    { apiVersion: 'v1', kind: 'Node', metadata: { name: 'own' } },
  );
  const path = `${group}/validatingwebhookconfigurations/broken`;
  assert.equal((await server.call('DELETE', path)).code, 200);
  made = [];
  assert.equal((await create('a')).code, 201);
});
