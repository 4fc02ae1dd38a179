import assert from 'node:assert/strict';
import { area } from '../case.ts';
import { expectCode, expectFailure, jsonPatch, mergePatch, strategicPatch } from '../expect.ts';

const data = { a: '1', b: '2' };

export const jsonPatchCases = area('JSON patch', 'RFC 6902; API concepts: Patch mechanism', (rule) => {
  const works = (name: string, operations: object[], expected: object | undefined): void =>
    rule(name, async (world) => {
      const { name: map } = (await world.makeMap({ data })).metadata;
      const changed = expectCode(await world.patch(`${world.maps}/${map}`, jsonPatch, operations), 200);
      assert.deepEqual(changed.data, expected);
    });
  works('add makes a member', [{ op: 'add', path: '/data/c', value: '3' }], { a: '1', b: '2', c: '3' });
  works('add replaces a member that is there', [{ op: 'add', path: '/data/a', value: '9' }], { a: '9', b: '2' });
  works('replace changes a member', [{ op: 'replace', path: '/data/a', value: '9' }], { a: '9', b: '2' });
  works('remove takes a member', [{ op: 'remove', path: '/data/a' }], { b: '2' });
  works('move moves', [{ op: 'move', from: '/data/a', path: '/data/z' }], { b: '2', z: '1' });
  works('copy copies', [{ op: 'copy', from: '/data/a', path: '/data/z' }], { a: '1', b: '2', z: '1' });
  works(
    'a test that holds lets the rest through',
    [
      { op: 'test', path: '/data/a', value: '1' },
      { op: 'remove', path: '/data/b' },
    ],
    { a: '1' },
  );
  works(
    '~1 and ~0 stand for slash and tilde',
    [
      { op: 'add', path: '/metadata/annotations', value: { 'x/y': '1' } },
      { op: 'replace', path: '/metadata/annotations/x~1y', value: '2' },
    ],
    data,
  );
  works('an empty list of operations changes nothing', [], data);
  works(
    'operations go in order',
    [
      { op: 'add', path: '/data/c', value: '3' },
      { op: 'move', from: '/data/c', path: '/data/d' },
    ],
    { a: '1', b: '2', d: '3' },
  );

  const fails = (name: string, body: unknown, codes: number | number[], reason?: string): void =>
    rule(name, async (world) => {
      const made = await world.makeMap({ data });
      const path = `${world.maps}/${made.metadata.name}`;
      expectFailure(await world.patch(path, jsonPatch, body), codes, reason);
      assert.deepEqual((await world.get(path)).json, made);
    });
  fails(
    'a test that does not hold is 422 and changes nothing',
    [
      { op: 'remove', path: '/data/a' },
      { op: 'test', path: '/data/b', value: '9' },
    ],
    422,
  );
  fails('replace of what is not there is 422', [{ op: 'replace', path: '/data/zz', value: '1' }], 422);
  fails('remove of what is not there is 422', [{ op: 'remove', path: '/data/zz' }], 422);
  fails('add below what is not there is 422', [{ op: 'add', path: '/spec/x/y', value: '1' }], 422);
  fails('an operation that does not exist is refused', [{ op: 'frobnicate', path: '/data/a' }], [400, 422]);
  fails('a patch that is an object is 400', { data: {} }, 400, 'BadRequest');
  fails('a patch that is no JSON is 400', '[{', 400, 'BadRequest');
  fails('a result of the wrong type is refused', [{ op: 'replace', path: '/data', value: 7 }], [400, 422]);
  fails('a changed name is refused', [{ op: 'replace', path: '/metadata/name', value: 'other' }], [400, 422]);
});

export const mergePatchCases = area('merge patch', 'RFC 7386; API concepts: Patch mechanism', (rule) => {
  const works = (name: string, patch: object, expected: object | undefined): void =>
    rule(name, async (world) => {
      const { name: map } = (await world.makeMap({ data })).metadata;
      assert.deepEqual(expectCode(await world.patch(`${world.maps}/${map}`, mergePatch, patch), 200).data, expected);
    });
  works('a member that is given is set', { data: { a: '9' } }, { a: '9', b: '2' });
  works('a member that is not there is made', { data: { c: '3' } }, { a: '1', b: '2', c: '3' });
  works('null takes a member away', { data: { a: null } }, { b: '2' });
  works('null takes a whole object away', { data: null }, undefined);
  works('null for what is not there is nothing', { data: { zz: null } }, data);
  works('an empty patch changes nothing', {}, data);
  rule('a list is replaced whole', async (world) => {
    const { name } = (await world.makeWidget({ args: ['a', 'b'] })).metadata;
    const answer = await world.patch(`${world.widgets}/${name}`, mergePatch, { spec: { args: ['c'] } });
    assert.deepEqual(expectCode(answer, 200).spec.args, ['c']);
  });
  rule('an empty patch keeps the resourceVersion', async (world) => {
    const { name, resourceVersion } = (await world.makeMap()).metadata;
    const answer = await world.patch(`${world.maps}/${name}`, mergePatch, {});
    assert.equal(expectCode(answer, 200).metadata.resourceVersion, resourceVersion);
  });
  rule('a patch needs no resourceVersion', async (world) => {
    const { name } = (await world.makeWidget()).metadata;
    expectCode(await world.patch(`${world.widgets}/${name}`, mergePatch, { spec: { color: 'red' } }), 200);
  });
  rule('a resourceVersion in the patch is a condition: a stale one is 409 Conflict', async (world) => {
    const made = await world.makeMap();
    const path = `${world.maps}/${made.metadata.name}`;
    expectCode(await world.patch(path, mergePatch, { data: { a: '2' } }), 200);
    const { resourceVersion } = made.metadata;
    expectFailure(
      await world.patch(path, mergePatch, { metadata: { resourceVersion }, data: { a: '3' } }),
      409,
      'Conflict',
    );
  });
  rule('a uid in the patch is a condition: another one is 409 Conflict', async (world) => {
    const { name } = (await world.makeMap()).metadata;
    const uid = '11111111-2222-3333-4444-555555555555';
    expectFailure(await world.patch(`${world.maps}/${name}`, mergePatch, { metadata: { uid } }), 409, 'Conflict');
  });
  rule('ten patches at once all take effect', async (world) => {
    const { name } = (await world.makeMap()).metadata;
    const path = `${world.maps}/${name}`;
    const answers = await Promise.all(
      Array.from({ length: 5 }, (_, index) => world.patch(path, mergePatch, { data: { [`k${index}`]: 'v' } })),
    );
    assert.deepEqual(
      answers.map(({ code }) => code),
      [200, 200, 200, 200, 200],
    );
    assert.equal(Object.keys((await world.get(path)).json.data).length, 6);
  });
  rule('PATCH of an object that is not there is 404 NotFound', async (world) => {
    expectFailure(await world.patch(`${world.maps}/${world.name('missing')}`, mergePatch, {}), 404, 'NotFound');
  });
  rule('a patch that is no JSON is 400 BadRequest', async (world) => {
    const { name } = (await world.makeMap()).metadata;
    expectFailure(await world.patch(`${world.maps}/${name}`, mergePatch, '{"data":'), 400, 'BadRequest');
  });
  rule('a result that the schema refuses is 422 Invalid', async (world) => {
    const { name } = (await world.makeWidget()).metadata;
    expectFailure(
      await world.patch(`${world.widgets}/${name}`, mergePatch, { spec: { replicas: 101 } }),
      422,
      'Invalid',
    );
  });
  rule('a media type that is no patch is 415, which names those that are', async (world) => {
    const { name } = (await world.makeMap()).metadata;
    const status = expectFailure(
      await world.patch(`${world.maps}/${name}`, 'application/json', {}),
      415,
      'UnsupportedMediaType',
    );
    assert.match(status.message, /application\/merge-patch\+json/u);
  });
});

const first = 'example.com/first';
const second = 'example.com/second';

export const strategicPatchCases = area('strategic merge patch', 'API conventions: Strategic Merge Patch', (rule) => {
  const works = (
    name: string,
    finalizers: string[] | undefined,
    patch: object,
    check: (changed: never) => void,
  ): void =>
    rule(name, async (world) => {
      const made = await world.makeMap({ data, ...(finalizers && { metadata: { finalizers } }) });
      const path = `${world.maps}/${made.metadata.name}`;
      check(expectCode(await world.patch(path, strategicPatch, patch), 200) as never);
      await world.patch(path, mergePatch, { metadata: { finalizers: null } });
    });
  type Map = { data?: object; metadata: { finalizers?: string[]; labels?: object } };
  works('a map is merged', undefined, { data: { c: '3' } }, ({ data: found }: Map) =>
    assert.deepEqual(found, { ...data, c: '3' }),
  );
  works('null takes a member away', undefined, { data: { a: null } }, ({ data: found }: Map) =>
    assert.deepEqual(found, { b: '2' }),
  );
  works('$patch: replace replaces a map', undefined, { data: { $patch: 'replace', z: '1' } }, ({ data: found }: Map) =>
    assert.deepEqual(found, { z: '1' }),
  );
  works('$patch: delete takes a map away', undefined, { data: { $patch: 'delete' } }, ({ data: found }: Map) =>
    assert.equal(Object.keys(found ?? {}).length, 0),
  );
  works(
    'a list of texts that merges gets the new ones',
    [first],
    { metadata: { finalizers: [second] } },
    ({ metadata }: Map) => assert.deepEqual(metadata.finalizers?.toSorted(), [first, second]),
  );
  works(
    'a text that is in such a list already is not doubled',
    [first],
    { metadata: { finalizers: [first] } },
    ({ metadata }: Map) => assert.deepEqual(metadata.finalizers, [first]),
  );
  works(
    '$deleteFromPrimitiveList takes a text out',
    [first, second],
    { metadata: { '$deleteFromPrimitiveList/finalizers': [first] } },
    ({ metadata }: Map) => assert.deepEqual(metadata.finalizers, [second]),
  );
  works(
    '$setElementOrder orders a list that merges',
    [first, second],
    { metadata: { '$setElementOrder/finalizers': [second, first], finalizers: [second, first] } },
    ({ metadata }: Map) => assert.deepEqual(metadata.finalizers, [second, first]),
  );
  rule('lists of objects merge by their key', async (world) => {
    const owner = (await world.makeMap()).metadata;
    const reference = { apiVersion: 'v1', kind: 'ConfigMap', name: owner.name, uid: owner.uid };
    const made = await world.makeMap({ metadata: { ownerReferences: [reference] } });
    const path = `${world.maps}/${made.metadata.name}`;
    const patch = { metadata: { ownerReferences: [{ uid: owner.uid, controller: true }] } };
    const changed = expectCode(await world.patch(path, strategicPatch, patch), 200);
    assert.deepEqual(changed.metadata.ownerReferences, [{ ...reference, controller: true }]);
  });
  rule('$patch: delete takes an object of such a list by its key', async (world) => {
    const owner = (await world.makeMap()).metadata;
    const reference = { apiVersion: 'v1', kind: 'ConfigMap', name: owner.name, uid: owner.uid };
    const made = await world.makeMap({ metadata: { ownerReferences: [reference] } });
    const path = `${world.maps}/${made.metadata.name}`;
    const patch = { metadata: { ownerReferences: [{ $patch: 'delete', uid: owner.uid }] } };
    const changed = expectCode(await world.patch(path, strategicPatch, patch), 200);
    assert.equal((changed.metadata.ownerReferences ?? []).length, 0);
  });
  rule('custom resources do not take it: 415 UnsupportedMediaType', async (world) => {
    const { name } = (await world.makeWidget()).metadata;
    expectFailure(await world.patch(`${world.widgets}/${name}`, strategicPatch, {}), 415, 'UnsupportedMediaType');
  });
});
