/** Server-side apply over HTTP: media types, options, creation, subresources, versions. The merge itself: managed-fields/. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startTestServer } from './test-server.ts';
import type { Answer, Json, TestServer } from './test-server.ts';

const applyType = 'application/apply-patch+yaml';
const configMaps = '/api/v1/namespaces/default/configmaps';
const things = '/apis/example.com/v1/namespaces/default/things';

const schema = (list: object): object => ({
  openAPIV3Schema: {
    type: 'object',
    properties: {
      spec: {
        type: 'object',
        properties: { replicas: { type: 'integer' }, mode: { type: 'string', default: 'slow' }, names: list },
      },
      status: { type: 'object', properties: { replicas: { type: 'integer' }, phase: { type: 'string' } } },
    },
  },
});
const names = { type: 'array', items: { type: 'string' } };
const subresources = {
  status: {},
  scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' },
};
const definition = {
  metadata: { name: 'things.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'things', kind: 'Thing' },
    versions: [
      { name: 'v1', served: true, storage: true, schema: schema(names), subresources },
      {
        name: 'v2',
        served: true,
        storage: false,
        schema: schema({ ...names, 'x-kubernetes-list-type': 'set' }),
        subresources,
      },
    ],
  },
};

let server: TestServer;
before(async () => {
  server = await startTestServer();
  const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
  assert.equal((await server.call('POST', path, { body: definition })).code, 201);
});
after(async () => {
  await server.close();
});

async function apply(path: string, body: object | string, query = 'fieldManager=me'): Promise<Answer> {
  return server.call('PATCH', `${path}?${query}`, { body, type: applyType });
}
const configMap = (fields: object): object => ({ apiVersion: 'v1', kind: 'ConfigMap', ...fields });
const thing = (fields: object, version = 'v1'): object => ({
  apiVersion: `example.com/${version}`,
  kind: 'Thing',
  ...fields,
});

function managers(answer: Answer): string[] {
  return ((answer.json.metadata.managedFields ?? []) as Json[]).map(
    ({ manager, operation, apiVersion, subresource }) =>
      `${manager} ${operation} ${apiVersion}${subresource === undefined ? '' : ` ${subresource}`}`,
  );
}

describe('requests', () => {
  test('creates where there is nothing, in JSON and YAML', async () => {
    const json = await apply(`${configMaps}/j`, configMap({ data: { a: '1' } }));
    assert.equal(json.code, 201);
    assert.equal(json.json.metadata.name, 'j');
    assert.deepEqual(managers(json), ['me Apply v1']);
    const yaml = await apply(`${configMaps}/y`, 'apiVersion: v1\nkind: ConfigMap\ndata:\n  a: "1"\n');
    assert.equal(yaml.code, 201);
    const again = await apply(`${configMaps}/y`, 'apiVersion: v1\nkind: ConfigMap\ndata: {a: "1"}\n');
    assert.equal(again.code, 200);
    assert.equal(again.json.metadata.resourceVersion, yaml.json.metadata.resourceVersion);
  });

  test('a dry run stores nothing', async () => {
    const answer = await apply(`${configMaps}/dry`, configMap({ data: { a: '1' } }), 'fieldManager=me&dryRun=All');
    assert.equal(answer.code, 201);
    assert.equal((await server.call('GET', `${configMaps}/dry`)).code, 404);
  });

  const refused: readonly (readonly [string, object | string, string, number, RegExp])[] = [
    ['no manager', configMap({}), '', 422, /fieldManager: Required value: is required for apply patch/],
    ['a long manager', configMap({}), `fieldManager=${'x'.repeat(129)}`, 422, /fieldManager: Too long/],
    ['an unprintable manager', configMap({}), 'fieldManager=a%07b', 422, /should only contain printable characters/],
    [
      'managed fields',
      configMap({ metadata: { managedFields: [] } }),
      'fieldManager=me',
      400,
      /managedFields must be nil/,
    ],
    ['no object', '[]', 'fieldManager=me', 400, /not a JSON object/],
    ['no YAML', '{', 'fieldManager=me', 400, /YAML/],
    ['an unknown field', configMap({ dtaa: {} }), 'fieldManager=me', 500, /\.dtaa: field not declared in schema/],
    ['another kind', thing({}), 'fieldManager=me', 400, /expected v1, Kind=ConfigMap/],
    [
      'another name',
      configMap({ metadata: { name: 'x' } }),
      'fieldManager=me',
      400,
      /does not match the name on the URL/,
    ],
    [
      'a resourceVersion of nothing',
      configMap({ metadata: { resourceVersion: '5' } }),
      'fieldManager=me',
      409,
      /modified/,
    ],
  ];
  for (const [what, body, query, code, message] of refused) {
    test(`refuses ${what}`, async () => {
      const answer = await apply(`${configMaps}/refused`, body, query);
      assert.equal(answer.code, code);
      assert.match(answer.json.message as string, message);
      assert.equal((await server.call('GET', `${configMaps}/refused`)).code, 404);
    });
  }

  test('refuses CBOR, and force for other patches', async () => {
    const cbor = await server.call('PATCH', `${configMaps}/j?fieldManager=me`, {
      body: '',
      type: 'application/apply-patch+cbor',
    });
    assert.equal(cbor.code, 415);
    const type = 'application/merge-patch+json';
    const forced = await server.call('PATCH', `${configMaps}/j?force=true`, { body: {}, type });
    assert.equal(forced.code, 422);
    assert.match(forced.json.message as string, /force: Forbidden: may not be specified for non-apply patch/);
  });

  test('insists on a resourceVersion that is given', async () => {
    const made = await apply(`${configMaps}/rv`, configMap({ data: { a: '1' } }));
    const { resourceVersion } = made.json.metadata;
    await apply(`${configMaps}/rv`, configMap({ data: { a: '2' } }));
    const stale = await apply(`${configMaps}/rv`, configMap({ metadata: { resourceVersion }, data: { a: '3' } }));
    assert.equal(stale.code, 409);
    assert.equal(stale.json.reason, 'Conflict');
  });

  test('a conflict is 409 with a cause for each field', async () => {
    await apply(`${configMaps}/conflict`, configMap({ data: { a: '1' } }), 'fieldManager=one');
    const { code, json } = await apply(`${configMaps}/conflict`, configMap({ data: { a: '2' } }), 'fieldManager=two');
    assert.equal(code, 409);
    assert.equal(json.reason, 'Conflict');
    assert.equal(json.message, 'Apply failed with 1 conflict: conflict with "one": .data.a');
    assert.deepEqual(json.details.causes, [
      { reason: 'FieldManagerConflict', message: 'conflict with "one"', field: '.data.a' },
    ]);
  });

  test('many appliers of one object at once all find their fields in it', async () => {
    const each = Array.from({ length: 12 }, (_, index) => `m${index}`);
    const answers = await Promise.all(
      each.map((name) => apply(`${configMaps}/many`, configMap({ data: { [name]: 'x' } }), `fieldManager=${name}`)),
    );
    assert.ok(answers.every(({ code }) => code === 200 || code === 201));
    assert.equal(answers.filter(({ code }) => code === 201).length, 1);
    const { json } = await server.call('GET', `${configMaps}/many`);
    assert.deepEqual(Object.keys(json.data as object).sort(), each.toSorted());
    assert.equal(json.metadata.managedFields.length, each.length);
  });
});

describe('every write is recorded', () => {
  test('under the field manager, or the user agent', async () => {
    const headers = { 'User-Agent': 'robot/1.2 (linux)' };
    const made = await server.call('POST', configMaps, {
      body: { metadata: { name: 'w' }, data: { a: '1' } },
      headers,
    });
    assert.deepEqual(managers(made), ['robot Update v1']);
    const type = 'application/merge-patch+json';
    const patched = await server.call('PATCH', `${configMaps}/w?fieldManager=hand`, {
      body: { data: { b: '2' } },
      type,
    });
    assert.deepEqual(managers(patched).sort(), ['hand Update v1', 'robot Update v1']);
    const same = await server.call('PATCH', `${configMaps}/w?fieldManager=late`, { body: { data: { b: '2' } }, type });
    assert.equal(same.json.metadata.resourceVersion, patched.json.metadata.resourceVersion);
  });

  test('and an empty entry clears the record for good', async () => {
    const type = 'application/merge-patch+json';
    await server.call('POST', configMaps, { body: { metadata: { name: 'clear' }, data: { a: '1' } } });
    const body = { metadata: { managedFields: [{}] } };
    const cleared = await server.call('PATCH', `${configMaps}/clear`, { body, type });
    assert.equal(cleared.json.metadata.managedFields, undefined);
    const later = await server.call('PATCH', `${configMaps}/clear`, { body: { data: { a: '2' } }, type });
    assert.equal(later.json.metadata.managedFields, undefined);
  });
});

describe('custom kinds', () => {
  test('defaults are nobody’s when applied, and the creator’s when created', async () => {
    const applied = await apply(`${things}/defaults`, thing({ spec: { replicas: 1 } }));
    assert.equal(applied.json.spec.mode, 'slow');
    assert.deepEqual(applied.json.metadata.managedFields[0].fieldsV1, { 'f:spec': { 'f:replicas': {} } });
    const created = await server.call('POST', things, {
      body: thing({ metadata: { name: 'made' }, spec: { replicas: 1 } }),
    });
    assert.deepEqual(created.json.metadata.managedFields[0].fieldsV1, {
      'f:spec': { '.': {}, 'f:mode': {}, 'f:replicas': {} },
    });
  });

  test('status by its subresource, which makes nothing', async () => {
    assert.equal((await apply(`${things}/none/status`, thing({ status: { phase: 'Up' } }))).code, 404);
    await apply(`${things}/s`, thing({ spec: { replicas: 1 }, status: { phase: 'Ignored' } }));
    const answer = await apply(
      `${things}/s/status`,
      thing({ spec: { replicas: 9 }, status: { phase: 'Up' } }),
      'fieldManager=agent',
    );
    assert.equal(answer.code, 200);
    assert.deepEqual(answer.json.status, { phase: 'Up' });
    assert.equal(answer.json.spec.replicas, 1);
    assert.deepEqual(managers(answer).sort(), ['agent Apply example.com/v1 status', 'me Apply example.com/v1']);
  });

  test('scale: an update takes the replicas, an apply conflicts with their owner', async () => {
    await apply(`${things}/scaled`, thing({ spec: { replicas: 1 } }));
    const scale = (replicas: number): object => ({
      apiVersion: 'autoscaling/v1',
      kind: 'Scale',
      metadata: { name: 'scaled', namespace: 'default' },
      spec: { replicas },
    });
    const refused = await apply(`${things}/scaled/scale`, scale(2), 'fieldManager=scaler');
    assert.equal(refused.code, 409);
    assert.match(refused.json.message as string, /conflict with "me": \.spec\.replicas/);
    const forced = await apply(`${things}/scaled/scale`, scale(2), 'fieldManager=scaler&force=true');
    assert.equal(forced.json.spec.replicas, 2);
    const type = 'application/merge-patch+json';
    await server.call('PATCH', `${things}/scaled/scale?fieldManager=hand`, { body: { spec: { replicas: 3 } }, type });
    const read = await server.call('GET', `${things}/scaled`);
    assert.equal(read.json.spec.replicas, 3);
    assert.deepEqual(managers(read), ['hand Update example.com/v1 scale']);
    const back = await apply(`${things}/scaled`, thing({ spec: { replicas: 1 } }));
    assert.match(back.json.message as string, /conflict with "hand" with subresource "scale" using example.com\/v1/);
  });

  test('one object through two versions', async () => {
    const v2 = things.replace('/v1/', '/v2/');
    await apply(`${things}/both`, thing({ spec: { names: ['a'] } }));
    const body = thing({ spec: { names: ['b'] } }, 'v2');
    // In v1 the list has one owner as a whole.
    assert.equal((await apply(`${v2}/both`, body, 'fieldManager=two')).code, 409);
    const added = await apply(`${v2}/both`, body, 'fieldManager=two&force=true');
    assert.equal(added.json.apiVersion, 'example.com/v2');
    assert.deepEqual(added.json.spec.names, ['a', 'b']);
    const read = await server.call('GET', `${things}/both`);
    assert.ok(managers(read).includes('two Apply example.com/v2'));
  });
});

describe('who may', () => {
  test('patch but not create makes nothing by an apply', async () => {
    const guarded = await startTestServer({ auth: { authorize: (_, { verb }) => ({ allowed: verb !== 'create' }) } });
    try {
      const body = configMap({ data: { a: '1' } });
      const refused = await guarded.call('PATCH', `${configMaps}/c?fieldManager=me`, { body, type: applyType });
      assert.equal(refused.code, 403);
      assert.match(refused.json.message as string, /cannot create resource "configmaps"/);
      const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c', namespace: 'default' } };
      await guarded.client.create(
        { group: '', version: 'v1', resource: 'configmaps', kind: 'ConfigMap', namespaced: true },
        object,
      );
      const changed = await guarded.call('PATCH', `${configMaps}/c?fieldManager=me`, { body, type: applyType });
      assert.equal(changed.code, 200);
    } finally {
      await guarded.close();
    }
  });

  test('a field manager that cannot be recorded is refused by every write', async () => {
    const path = `${configMaps}?fieldManager=${'x'.repeat(129)}`;
    const { code, json } = await server.call('POST', path, { body: { metadata: { name: 'long' } } });
    assert.equal(code, 422);
    assert.match(json.message as string, /^CreateOptions.meta.k8s.io "" is invalid: fieldManager: Too long/);
  });
});
