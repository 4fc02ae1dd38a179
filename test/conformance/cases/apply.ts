import assert from 'node:assert/strict';
import { area } from '../case.ts';
import { applyPatch, expectCode, expectFailure, managerOf, mergePatch } from '../expect.ts';
import type { Answer, Json } from '../raw-client.ts';
import type { World } from '../world.ts';

const reference = 'KEP-555 Server-side apply; API reference: Server-Side Apply';

function apply(world: World, name: string, manager: string, body: Json, more = ''): Promise<Answer> {
  const { metadata, ...rest } = body;
  const path = `${world.maps}/${name}?fieldManager=${manager}${more}`;
  return world.patch(path, applyPatch, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, ...metadata },
    ...rest,
  });
}

function applyWidget(world: World, name: string, manager: string, spec: Json, more = ''): Promise<Answer> {
  const path = `${world.widgets}/${name}?fieldManager=${manager}${more}`;
  return world.patch(path, applyPatch, { apiVersion: `${world.group}/v1`, kind: 'Widget', metadata: { name }, spec });
}

export const applyCases = area('server-side apply', reference, (rule) => {
  rule('an object that is not there is made: 201', async (world) => {
    const made = expectCode(await apply(world, world.name(), 'one', { data: { a: '1' } }), 201);
    assert.deepEqual(made.data, { a: '1' });
  });
  rule('one that is there is changed: 200', async (world) => {
    const name = world.name();
    await apply(world, name, 'one', { data: { a: '1' } });
    assert.equal(expectCode(await apply(world, name, 'one', { data: { a: '2' } }), 200).data.a, '2');
  });
  rule('the same again keeps the resourceVersion', async (world) => {
    const name = world.name();
    const first = expectCode(await apply(world, name, 'one', { data: { a: '1' } }), 201);
    const again = expectCode(await apply(world, name, 'one', { data: { a: '1' } }), 200);
    assert.equal(again.metadata.resourceVersion, first.metadata.resourceVersion);
  });
  rule('managedFields record manager, operation, version, time and fields', async (world) => {
    const made = expectCode(await apply(world, world.name(), 'one', { data: { a: '1' } }), 201);
    const entry = managerOf(made, 'one');
    assert.equal(entry.operation, 'Apply');
    assert.equal(entry.apiVersion, 'v1');
    assert.equal(entry.fieldsType, 'FieldsV1');
    assert.match(entry.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/u);
    assert.deepEqual(entry.fieldsV1, { 'f:data': { 'f:a': {} } });
  });
  rule("another manager's field with another value is 409 Conflict, which names manager and field", async (world) => {
    const name = world.name();
    await apply(world, name, 'one', { data: { a: '1' } });
    const status = expectFailure(await apply(world, name, 'two', { data: { a: '2' } }), 409, 'Conflict');
    const [cause] = status.details.causes;
    assert.equal(cause.reason, 'FieldManagerConflict');
    assert.equal(cause.field, '.data.a');
    assert.match(cause.message, /conflict with "one"/u);
  });
  rule('a conflict changes nothing', async (world) => {
    const name = world.name();
    const made = expectCode(await apply(world, name, 'one', { data: { a: '1' } }), 201);
    await apply(world, name, 'two', { data: { a: '2', b: '3' } });
    assert.deepEqual((await world.get(`${world.maps}/${name}`)).json, made);
  });
  rule('force takes the field and its ownership', async (world) => {
    const name = world.name();
    await apply(world, name, 'one', { data: { a: '1', b: '1' } });
    const changed = expectCode(await apply(world, name, 'two', { data: { a: '2' } }, '&force=true'), 200);
    assert.equal(changed.data.a, '2');
    assert.deepEqual(managerOf(changed, 'one').fieldsV1, { 'f:data': { 'f:b': {} } });
    assert.deepEqual(managerOf(changed, 'two').fieldsV1, { 'f:data': { 'f:a': {} } });
  });
  rule('the same value by a second manager is shared, without conflict', async (world) => {
    const name = world.name();
    await apply(world, name, 'one', { data: { a: '1' } });
    const changed = expectCode(await apply(world, name, 'two', { data: { a: '1' } }), 200);
    assert.ok(managerOf(changed, 'one') && managerOf(changed, 'two'));
  });
  rule('a field that its only manager leaves out is removed', async (world) => {
    const name = world.name();
    await apply(world, name, 'one', { data: { a: '1', b: '2' } });
    assert.deepEqual(expectCode(await apply(world, name, 'one', { data: { a: '1' } }), 200).data, { a: '1' });
  });
  rule('a shared field that one manager leaves out stays', async (world) => {
    const name = world.name();
    await apply(world, name, 'one', { data: { a: '1', b: '2' } });
    await apply(world, name, 'two', { data: { b: '2' } });
    const changed = expectCode(await apply(world, name, 'one', { data: { a: '1' } }), 200);
    assert.deepEqual(changed.data, { a: '1', b: '2' });
    assert.deepEqual(managerOf(changed, 'one').fieldsV1, { 'f:data': { 'f:a': {} } });
  });
  rule('a label that its only manager leaves out is removed', async (world) => {
    const name = world.name();
    await apply(world, name, 'one', { metadata: { labels: { x: 'y', z: 'w' } } });
    const changed = expectCode(await apply(world, name, 'one', { metadata: { labels: { x: 'y' } } }), 200);
    assert.deepEqual(changed.metadata.labels, { x: 'y' });
  });
  rule('fields of no manager in the configuration are left alone', async (world) => {
    const made = await world.makeMap({ data: { theirs: '1' } });
    const answer = await apply(world, made.metadata.name, 'one', { data: { ours: '2' } });
    assert.deepEqual(expectCode(answer, 200).data, { theirs: '1', ours: '2' });
  });
  rule('an update takes ownership away without conflict', async (world) => {
    const name = world.name();
    await apply(world, name, 'one', { data: { a: '1', b: '1' } });
    const answer = await world.patch(`${world.maps}/${name}?fieldManager=editor`, mergePatch, { data: { a: '9' } });
    const changed = expectCode(answer, 200);
    assert.equal(managerOf(changed, 'editor').operation, 'Update');
    assert.deepEqual(managerOf(changed, 'editor').fieldsV1, { 'f:data': { 'f:a': {} } });
    assert.deepEqual(managerOf(changed, 'one').fieldsV1, { 'f:data': { 'f:b': {} } });
  });
  rule("an updater's field is in conflict with an apply of another value", async (world) => {
    const answer = await world.post(`${world.maps}?fieldManager=editor`, {
      metadata: { name: world.name() },
      data: { a: '1' },
    });
    const { name } = expectCode(answer, 201).metadata;
    const status = expectFailure(await apply(world, name, 'one', { data: { a: '2' } }), 409, 'Conflict');
    assert.match(status.details.causes[0].message, /conflict with "editor" using v1/u);
  });
  rule('two managers own different fields of one object', async (world) => {
    const name = world.name();
    await apply(world, name, 'one', { data: { a: '1' } });
    const changed = expectCode(await apply(world, name, 'two', { data: { b: '2' } }), 200);
    assert.deepEqual(changed.data, { a: '1', b: '2' });
  });
  rule('the body may be YAML', async (world) => {
    const name = world.name();
    const yaml = `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\ndata:\n  a: "yes"\n`;
    const answer = await world.patch(`${world.maps}/${name}?fieldManager=one`, applyPatch, yaml);
    assert.equal(expectCode(answer, 201).data.a, 'yes');
  });
  rule('fieldManager is required', async (world) => {
    const name = world.name();
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } };
    expectFailure(await world.patch(`${world.maps}/${name}`, applyPatch, body), [400, 422]);
  });
  rule('apiVersion and kind are required', async (world) => {
    const name = world.name();
    expectFailure(
      await world.patch(`${world.maps}/${name}?fieldManager=one`, applyPatch, { metadata: { name } }),
      [400, 422],
    );
  });
  rule('metadata.managedFields must be empty', async (world) => {
    const managedFields = [{ manager: 'x', operation: 'Apply', apiVersion: 'v1' }];
    const answer = await apply(world, world.name(), 'one', { metadata: { managedFields } });
    assert.match(expectFailure(answer, 400).message, /managedFields/u);
  });
  rule('another name in the body than in the path is refused', async (world) => {
    const answer = await apply(world, world.name(), 'one', { metadata: { name: 'other' } });
    expectFailure(answer, [400, 422]);
  });
  rule('force is for apply alone', async (world) => {
    const { name } = (await world.makeMap()).metadata;
    const answer = await world.patch(`${world.maps}/${name}?force=true`, mergePatch, { data: { a: '2' } });
    expectFailure(answer, 422, 'Invalid');
  });
  rule('a manager of more than 128 characters is refused', async (world) => {
    expectFailure(await apply(world, world.name(), 'm'.repeat(129), {}), 422, 'Invalid');
  });
  rule('a manager that cannot be printed is refused', async (world) => {
    expectFailure(await apply(world, world.name(), '%01%02', {}), 422, 'Invalid');
  });
  rule('a stale resourceVersion in the configuration is 409 Conflict', async (world) => {
    const made = await world.makeMap();
    const { name, resourceVersion } = made.metadata;
    await world.patch(`${world.maps}/${name}`, mergePatch, { data: { a: '2' } });
    expectFailure(
      await apply(world, name, 'one', { metadata: { resourceVersion }, data: { b: '1' } }),
      409,
      'Conflict',
    );
  });
  rule('dryRun=All shows the result and keeps nothing', async (world) => {
    const name = world.name();
    expectCode(await apply(world, name, 'one', { data: { a: '1' } }, '&dryRun=All'), 201);
    expectCode(await world.get(`${world.maps}/${name}`), 404);
  });
  rule('a namespace that is not there is 404', async (world) => {
    const path = `/api/v1/namespaces/${world.name('missing')}/configmaps/a?fieldManager=one`;
    expectCode(
      await world.patch(path, applyPatch, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } }),
      404,
    );
  });

  rule('lists of type map merge by their keys', async (world) => {
    const name = world.name();
    expectCode(await applyWidget(world, name, 'one', { ports: [{ name: 'http', number: 80 }] }), 201);
    const changed = expectCode(await applyWidget(world, name, 'two', { ports: [{ name: 'ssh', number: 22 }] }), 200);
    assert.deepEqual(changed.spec.ports.map((port: Json) => port.name).toSorted(), ['http', 'ssh']);
    const owned = managerOf(changed, 'two').fieldsV1['f:spec']['f:ports'];
    assert.ok(Object.hasOwn(owned, 'k:{"name":"ssh"}'));
  });
  rule('one item of a list of type map is left out and removed; others stay', async (world) => {
    const name = world.name();
    await applyWidget(world, name, 'one', { ports: [{ name: 'http', number: 80 }] });
    await applyWidget(world, name, 'two', { ports: [{ name: 'ssh', number: 22 }] });
    const changed = expectCode(await applyWidget(world, name, 'two', {}), 200);
    assert.deepEqual(
      changed.spec.ports.map((port: Json) => port.name),
      ['http'],
    );
  });
  rule('the same field of one item of a list of type map is in conflict', async (world) => {
    const name = world.name();
    await applyWidget(world, name, 'one', { ports: [{ name: 'http', number: 80 }] });
    const status = expectFailure(
      await applyWidget(world, name, 'two', { ports: [{ name: 'http', number: 81 }] }),
      409,
      'Conflict',
    );
    assert.equal(status.details.causes[0].field, '.spec.ports[name="http"].number');
  });
  rule('lists of type set are united', async (world) => {
    const name = world.name();
    await applyWidget(world, name, 'one', { tags: ['a', 'b'] });
    const changed = expectCode(await applyWidget(world, name, 'two', { tags: ['b', 'c'] }), 200);
    assert.deepEqual(changed.spec.tags.toSorted(), ['a', 'b', 'c']);
  });
  rule('an item of a set that its only manager leaves out is removed', async (world) => {
    const name = world.name();
    await applyWidget(world, name, 'one', { tags: ['a', 'b'] });
    assert.deepEqual(expectCode(await applyWidget(world, name, 'one', { tags: ['b'] }), 200).spec.tags, ['b']);
  });
  rule('an atomic list belongs to one manager', async (world) => {
    const name = world.name();
    await applyWidget(world, name, 'one', { args: ['a'] });
    const status = expectFailure(await applyWidget(world, name, 'two', { args: ['b'] }), 409, 'Conflict');
    assert.equal(status.details.causes[0].field, '.spec.args');
    assert.deepEqual(expectCode(await applyWidget(world, name, 'two', { args: ['b'] }, '&force=true'), 200).spec.args, [
      'b',
    ]);
  });
  rule('an atomic map belongs to one manager', async (world) => {
    const name = world.name();
    await applyWidget(world, name, 'one', { point: { x: 1 } });
    const status = expectFailure(await applyWidget(world, name, 'two', { point: { y: 2 } }), 409, 'Conflict');
    assert.equal(status.details.causes[0].field, '.spec.point');
  });
  rule('a granular object is shared field by field', async (world) => {
    const name = world.name();
    await applyWidget(world, name, 'one', { nested: { must: 'x' } });
    const changed = expectCode(
      await applyWidget(world, name, 'two', { nested: { must: 'x', may: 'y' } }, '&force=true'),
      200,
    );
    assert.deepEqual(changed.spec.nested, { must: 'x', may: 'y' });
  });
  rule('a default is in the object', async (world) => {
    const made = expectCode(await applyWidget(world, world.name(), 'one', { color: 'red' }), 201);
    assert.equal(made.spec.replicas, 1);
  });
  rule('a value that the schema refuses is refused', async (world) => {
    expectFailure(await applyWidget(world, world.name(), 'one', { color: 'purple' }), [400, 422]);
  });
  rule('an unknown field with fieldValidation=Strict is 400', async (world) => {
    expectFailure(
      await applyWidget(world, world.name(), 'one', { frobnicate: 1 }, '&fieldValidation=Strict'),
      [400, 500],
    );
  });
  rule('generation counts as for any change', async (world) => {
    const name = world.name();
    assert.equal(expectCode(await applyWidget(world, name, 'one', { color: 'red' }), 201).metadata.generation, 1);
    assert.equal(expectCode(await applyWidget(world, name, 'one', { color: 'blue' }), 200).metadata.generation, 2);
  });
  rule('status is applied at the subresource and recorded as such', async (world) => {
    const { name } = (await world.makeWidget()).metadata;
    const path = `${world.widgets}/${name}/status?fieldManager=controller`;
    const body = { apiVersion: `${world.group}/v1`, kind: 'Widget', metadata: { name }, status: { phase: 'Up' } };
    const changed = expectCode(await world.patch(path, applyPatch, body), 200);
    assert.equal(changed.status.phase, 'Up');
    assert.deepEqual(managerOf(changed, 'controller', 'status').fieldsV1, { 'f:status': { 'f:phase': {} } });
  });
  rule('status applied at the object itself is not taken', async (world) => {
    const name = world.name();
    const path = `${world.widgets}/${name}?fieldManager=one`;
    const body = {
      apiVersion: `${world.group}/v1`,
      kind: 'Widget',
      metadata: { name },
      spec: {},
      status: { phase: 'Up' },
    };
    assert.equal(expectCode(await world.patch(path, applyPatch, body), 201).status, undefined);
  });
});

export const managedFieldsCases = area('managedFields', reference, (rule) => {
  rule('a create records its manager with operation Update', async (world) => {
    const answer = await world.post(`${world.maps}?fieldManager=maker`, {
      metadata: { name: world.name() },
      data: { a: '1' },
    });
    const entry = managerOf(expectCode(answer, 201), 'maker');
    assert.equal(entry.operation, 'Update');
    assert.deepEqual(entry.fieldsV1['f:data'], { '.': {}, 'f:a': {} });
  });
  rule('without fieldManager it is the User-Agent up to the slash', async (world) => {
    const body = { metadata: { name: world.name() }, data: { a: '1' } };
    const answer = await world.post(world.maps, body, { headers: { 'User-Agent': 'my-program/1.2 (linux)' } });
    assert.ok(managerOf(expectCode(answer, 201), 'my-program'));
  });
  rule('a change of status is an entry of its own', async (world) => {
    const { name } = (await world.makeWidget()).metadata;
    const answer = await world.patch(`${world.widgets}/${name}/status?fieldManager=c`, mergePatch, {
      status: { phase: 'Up' },
    });
    const entry = managerOf(expectCode(answer, 200), 'c', 'status');
    assert.equal(entry.operation, 'Update');
    assert.deepEqual(entry.fieldsV1, { 'f:status': { '.': {}, 'f:phase': {} } });
  });
  rule('a list with one empty entry resets the record', async (world) => {
    const { name } = (await world.makeMap()).metadata;
    const answer = await world.patch(`${world.maps}/${name}`, mergePatch, { metadata: { managedFields: [{}] } });
    assert.equal((expectCode(answer, 200).metadata.managedFields ?? []).length, 0);
  });
  rule('an empty list does not reset the record', async (world) => {
    const { name } = (await world.makeMap()).metadata;
    const answer = await world.patch(`${world.maps}/${name}`, mergePatch, { metadata: { managedFields: [] } });
    assert.ok(expectCode(answer, 200).metadata.managedFields.length > 0);
  });
  rule('metadata that the server sets belongs to nobody', async (world) => {
    const made = await world.makeMap();
    const text = JSON.stringify(made.metadata.managedFields);
    assert.ok(!/f:uid|f:resourceVersion|f:creationTimestamp|f:name"/u.test(text), text);
  });
  rule('items of a list of type map are recorded by their key', async (world) => {
    const answer = await world.post(`${world.widgets}?fieldManager=maker`, {
      apiVersion: `${world.group}/v1`,
      kind: 'Widget',
      metadata: { name: world.name() },
      spec: { ports: [{ name: 'http', number: 80 }], tags: ['a'] },
    });
    const fields = managerOf(expectCode(answer, 201), 'maker').fieldsV1['f:spec'];
    assert.ok(Object.hasOwn(fields['f:ports'], 'k:{"name":"http"}'), JSON.stringify(fields));
    assert.ok(Object.hasOwn(fields['f:tags'], 'v:"a"'), JSON.stringify(fields));
  });
});
