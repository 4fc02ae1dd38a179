import assert from 'node:assert/strict';
import { area } from '../case.ts';
import { expectCode, expectFailure, expectInvalid } from '../expect.ts';

const concepts = 'API concepts: Standard API terminology, verbs';
const metadata = 'API conventions: Metadata';
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/u;
const instant = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/u;
const old = '2001-02-03T04:05:06Z';

export const createCases = area('create', concepts, (rule) => {
  rule('POST answers 201 with the object that was made', async (world) => {
    const made = await world.makeMap({ data: { key: 'value' } });
    assert.equal(made.kind, 'ConfigMap');
    assert.equal(made.apiVersion, 'v1');
    assert.deepEqual(made.data, { key: 'value' });
    assert.equal(made.metadata.namespace, world.namespace);
  });
  rule('a custom resource is made by POST as any other', async (world) => {
    const made = await world.makeWidget({ color: 'red' });
    assert.equal(made.kind, 'Widget');
    assert.equal(made.spec.color, 'red');
  });
  rule('apiVersion and kind may be left out of the body: the path says them', async (world) => {
    const answer = await world.post(world.maps, { metadata: { name: world.name() } });
    assert.equal(expectCode(answer, 201).kind, 'ConfigMap');
  });
  rule(
    'the server gives a uid that is a UUID',
    async (world) => {
      assert.match((await world.makeMap()).metadata.uid, uuid);
    },
    metadata,
  );
  rule(
    'a uid from the client is not taken',
    async (world) => {
      const uid = '11111111-2222-3333-4444-555555555555';
      assert.notEqual((await world.makeMap({ metadata: { uid } })).metadata.uid, uid);
    },
    metadata,
  );
  rule(
    'two objects of one name, one after the other, have different uids',
    async (world) => {
      const first = await world.makeMap();
      const { name } = first.metadata;
      expectCode(await world.remove(`${world.maps}/${name}`), 200);
      const second = await world.makeMap({ metadata: { name } });
      assert.notEqual(first.metadata.uid, second.metadata.uid);
    },
    metadata,
  );
  rule(
    'creationTimestamp is set by the server, in RFC 3339, UTC',
    async (world) => {
      const { creationTimestamp } = (await world.makeMap({ metadata: { creationTimestamp: old } })).metadata;
      assert.match(creationTimestamp, instant);
      assert.notEqual(creationTimestamp, old);
    },
    metadata,
  );
  rule(
    'deletionTimestamp and deletionGracePeriodSeconds of the client are dropped',
    async (world) => {
      const made = await world.makeMap({ metadata: { deletionTimestamp: old, deletionGracePeriodSeconds: 5 } });
      assert.equal(made.metadata.deletionTimestamp, undefined);
      assert.equal(made.metadata.deletionGracePeriodSeconds, undefined);
    },
    metadata,
  );
  rule('resourceVersion is a text that is not empty', async (world) => {
    const { resourceVersion } = (await world.makeMap()).metadata;
    assert.equal(typeof resourceVersion, 'string');
    assert.notEqual(resourceVersion, '');
  });
  rule('an object to be created must not bring a resourceVersion', async (world) => {
    const answer = await world.post(world.maps, { metadata: { name: world.name(), resourceVersion: '1' } });
    assert.ok(answer.code >= 400, answer.text);
    assert.match(answer.json.message, /resourceVersion/u);
  });
  rule('generation of a custom resource starts at 1, whatever the client says', async (world) => {
    assert.equal((await world.makeWidget({}, { generation: 7 })).metadata.generation, 1);
  });
  rule('status of a kind with the status subresource is dropped', async (world) => {
    const answer = await world.post(world.widgets, {
      apiVersion: `${world.group}/v1`,
      kind: 'Widget',
      metadata: { name: world.name() },
      status: { phase: 'made up' },
    });
    assert.equal(expectCode(answer, 201).status, undefined);
  });
  rule('status of a kind without the status subresource is kept', async (world) => {
    const name = world.name();
    const answer = await world.post(world.gadgets, {
      apiVersion: `${world.group}/v1`,
      kind: 'Gadget',
      metadata: { name },
      status: { phase: 'kept' },
    });
    assert.equal(expectCode(answer, 201).status.phase, 'kept');
    await world.remove(`${world.gadgets}/${name}`);
  });
  rule('a name that is taken is 409 AlreadyExists, with name and resource in the details', async (world) => {
    const { name } = (await world.makeMap()).metadata;
    const status = expectFailure(await world.post(world.maps, { metadata: { name } }), 409, 'AlreadyExists');
    assert.equal(status.details.name, name);
    assert.equal(status.details.kind, 'configmaps');
  });
  rule('AlreadyExists of a custom resource names its group', async (world) => {
    const { metadata: made } = await world.makeWidget();
    const body = { apiVersion: `${world.group}/v1`, kind: 'Widget', metadata: { name: made.name } };
    const status = expectFailure(await world.post(world.widgets, body), 409, 'AlreadyExists');
    assert.equal(status.details.group, world.group);
  });
  rule('neither name nor generateName is 422 Invalid about metadata.name', async (world) => {
    expectInvalid(await world.post(world.maps, { metadata: {} }), 'metadata.name');
  });
  rule('another namespace in the body than in the path is 400 BadRequest', async (world) => {
    const body = { metadata: { name: world.name(), namespace: 'elsewhere' } };
    expectFailure(await world.post(world.maps, body), 400, 'BadRequest');
  });
  rule('another kind in the body is 400 BadRequest', async (world) => {
    const body = { apiVersion: 'v1', kind: 'Secret', metadata: { name: world.name() } };
    expectFailure(await world.post(world.maps, body), 400, 'BadRequest');
  });
  rule('another apiVersion in the body is 400 BadRequest', async (world) => {
    const body = { apiVersion: 'v7', kind: 'ConfigMap', metadata: { name: world.name() } };
    expectFailure(await world.post(world.maps, body), 400, 'BadRequest');
  });
  for (const [what, body] of [
    ['an empty object text', ''],
    ['a text that is no JSON', '{"metadata":'],
    ['a list', '[]'],
    ['a number', '7'],
    ['metadata of the wrong type', '{"metadata":7}'],
    ['labels of the wrong type', '{"metadata":{"name":"a","labels":{"a":1}}}'],
    ['data of the wrong type', '{"metadata":{"name":"a"},"data":{"a":{"b":1}}}'],
  ] as const) {
    rule(`a body that is ${what} is refused`, async (world) => {
      expectFailure(await world.post(world.maps, body), [400, 422]);
    });
  }
  rule('a namespace that is not there is 404 NotFound', async (world) => {
    const path = `/api/v1/namespaces/${world.name('missing')}/configmaps`;
    const status = expectFailure(await world.post(path, { metadata: { name: 'a' } }), 404, 'NotFound');
    assert.equal(status.details.kind, 'namespaces');
  });
  rule('labels, annotations and finalizers are kept as given', async (world) => {
    const given = {
      labels: { 'a.b/c': 'd' },
      annotations: { 'e/f': 'any text: {}' },
      finalizers: ['example.com/keep'],
    };
    const made = await world.makeMap({ metadata: given });
    const { labels, annotations, finalizers } = made.metadata;
    assert.deepEqual({ labels, annotations, finalizers }, given);
    await world.patch(`${world.maps}/${made.metadata.name}`, 'application/merge-patch+json', {
      metadata: { finalizers: null },
    });
  });
  rule('texts of any script come back as they went', async (world) => {
    const text = 'grüße 你好 \u{1f600} \u0001 "\\" \u2028';
    const { name } = (await world.makeMap({ data: { text } })).metadata;
    assert.equal(expectCode(await world.get(`${world.maps}/${name}`), 200).data.text, text);
  });
  rule('POST to the path of an object is 405 MethodNotAllowed', async (world) => {
    expectFailure(await world.post(`${world.maps}/a`, { metadata: { name: 'a' } }), [404, 405]);
  });
  rule('POST to the collection of all namespaces is refused', async (world) => {
    expectFailure(await world.post('/api/v1/configmaps', { metadata: { name: 'a' } }), [404, 405]);
  });
  rule('a cluster-scoped kind is not found below a namespace', async (world) => {
    const path = `/apis/${world.group}/v1/namespaces/${world.namespace}/gadgets`;
    expectCode(await world.post(path, { metadata: { name: 'a' } }), 404);
  });
  rule('what POST answered is what GET answers', async (world) => {
    const made = await world.makeWidget({ color: 'blue' });
    const answer = await world.get(`${world.widgets}/${made.metadata.name}`);
    assert.deepEqual(expectCode(answer, 200), made);
  });
});

const alphabet = /^[bcdfghjklmnpqrstvwxz2456789]{5}$/u;

export const generateNameCases = area('generateName', 'API conventions: Idempotency', (rule) => {
  rule('the name is the prefix and five characters', async (world) => {
    const prefix = `${world.name('gen')}-`;
    const made = await world.makeMap({ metadata: { name: undefined, generateName: prefix } });
    assert.ok(made.metadata.name.startsWith(prefix));
    assert.match(made.metadata.name.slice(prefix.length), alphabet);
  });
  rule('generateName is kept in the object', async (world) => {
    const made = await world.makeMap({ metadata: { name: undefined, generateName: 'kept-' } });
    assert.equal(made.metadata.generateName, 'kept-');
  });
  rule('a name that is given wins', async (world) => {
    const name = world.name();
    const made = await world.makeMap({ metadata: { name, generateName: 'unused-' } });
    assert.equal(made.metadata.name, name);
  });
  rule('a long prefix is cut so that the name has at most 63 characters', async (world) => {
    const made = await world.makeMap({ metadata: { name: undefined, generateName: 'p'.repeat(100) } });
    assert.equal(made.metadata.name.length, 63);
  });
  rule('twenty at once have twenty names', async (world) => {
    const body = { metadata: { name: undefined, generateName: 'many-' } };
    const made = await Promise.all(Array.from({ length: 20 }, () => world.makeMap(body)));
    assert.equal(new Set(made.map((object) => object.metadata.name)).size, 20);
  });
  rule('a prefix that makes a bad name is 422 Invalid', async (world) => {
    expectFailure(await world.post(world.maps, { metadata: { generateName: 'Upper_' } }), 422, 'Invalid');
  });
  rule('custom resources have it too', async (world) => {
    const made = await world.makeWidget({}, { name: undefined, generateName: 'w-' });
    assert.match(made.metadata.name.slice(2), alphabet);
  });
});
