import assert from 'node:assert/strict';
import { area } from '../case.ts';
import { expectCode, expectFailure, expectInvalid, mergePatch } from '../expect.ts';

const concurrency = 'API conventions: Concurrency Control and Consistency';
const conventions = 'API conventions: Metadata';
const statusReference = 'API conventions: Spec and Status; Extend the API: status subresource';

export const updateCases = area('update', concurrency, (rule) => {
  rule('PUT is 200 with the new object, of a new resourceVersion', async (world) => {
    const made = await world.makeMap();
    const path = `${world.maps}/${made.metadata.name}`;
    const changed = expectCode(await world.put(path, { ...made, data: { b: '2' } }), 200);
    assert.deepEqual(changed.data, { b: '2' });
    assert.ok(BigInt(changed.metadata.resourceVersion) > BigInt(made.metadata.resourceVersion));
    assert.equal(changed.metadata.uid, made.metadata.uid);
  });
  rule('PUT of what is there keeps the resourceVersion', async (world) => {
    const made = await world.makeMap();
    const same = expectCode(await world.put(`${world.maps}/${made.metadata.name}`, made), 200);
    assert.equal(same.metadata.resourceVersion, made.metadata.resourceVersion);
  });
  rule('PUT replaces: fields left out are gone', async (world) => {
    const made = await world.makeMap({ metadata: { labels: { a: 'b' } } });
    const { name } = made.metadata;
    const changed = expectCode(await world.put(`${world.maps}/${name}`, { metadata: { name } }), 200);
    assert.equal(changed.data, undefined);
    assert.equal(changed.metadata.labels, undefined);
  });
  rule('a stale resourceVersion is 409 Conflict and changes nothing', async (world) => {
    const made = await world.makeMap();
    const path = `${world.maps}/${made.metadata.name}`;
    expectCode(await world.put(path, { ...made, data: { a: '2' } }), 200);
    const status = expectFailure(await world.put(path, { ...made, data: { a: '3' } }), 409, 'Conflict');
    assert.equal(status.details.name, made.metadata.name);
    assert.equal(status.details.kind, 'configmaps');
    assert.equal((await world.get(path)).json.data.a, '2');
  });
  rule('of ten writers with one resourceVersion one wins', async (world) => {
    const made = await world.makeMap();
    const path = `${world.maps}/${made.metadata.name}`;
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, index) => world.put(path, { ...made, data: { winner: String(index) } })),
    );
    assert.equal(answers.filter(({ code }) => code === 200).length, 1);
    assert.equal(answers.filter(({ code }) => code === 409).length, 9);
  });
  rule('PUT without a resourceVersion overwrites, where the kind allows it', async (world) => {
    const { name } = (await world.makeMap()).metadata;
    const changed = await world.put(`${world.maps}/${name}`, { metadata: { name }, data: { x: 'y' } });
    assert.deepEqual(expectCode(changed, 200).data, { x: 'y' });
  });
  rule('PUT of a custom resource without a resourceVersion is 422 Invalid', async (world) => {
    const { metadata, ...rest } = await world.makeWidget();
    const body = { ...rest, metadata: { name: metadata.name } };
    expectInvalid(await world.put(`${world.widgets}/${metadata.name}`, body), 'metadata.resourceVersion');
  });
  rule('PUT of an object that is not there is 404 NotFound', async (world) => {
    const name = world.name('missing');
    expectFailure(await world.put(`${world.maps}/${name}`, { metadata: { name } }), 404, 'NotFound');
  });
  rule('another name in the body than in the path is 400 BadRequest', async (world) => {
    const made = await world.makeMap();
    const body = { ...made, metadata: { ...made.metadata, name: 'other' } };
    expectFailure(await world.put(`${world.maps}/${made.metadata.name}`, body), 400, 'BadRequest');
  });
  rule('another namespace in the body than in the path is 400 BadRequest', async (world) => {
    const made = await world.makeMap();
    const body = { ...made, metadata: { ...made.metadata, namespace: 'elsewhere' } };
    expectFailure(await world.put(`${world.maps}/${made.metadata.name}`, body), 400, 'BadRequest');
  });
  rule('another uid than the object has is 409 Conflict', async (world) => {
    const made = await world.makeMap();
    const metadata = { name: made.metadata.name, uid: '11111111-2222-3333-4444-555555555555' };
    expectFailure(await world.put(`${world.maps}/${made.metadata.name}`, { metadata }), 409, 'Conflict');
  });
  rule('PUT on a collection is 405 MethodNotAllowed', async (world) => {
    expectFailure(await world.put(world.maps, { metadata: { name: 'a' } }), 405, 'MethodNotAllowed');
  });
  rule('PATCH on a collection is 405 MethodNotAllowed', async (world) => {
    expectFailure(await world.patch(world.maps, mergePatch, {}), 405, 'MethodNotAllowed');
  });
  rule(
    'creationTimestamp, generation and uid stay, whatever is sent',
    async (world) => {
      const made = await world.makeWidget();
      const { name, uid, creationTimestamp, resourceVersion } = made.metadata;
      const metadata = { name, resourceVersion, creationTimestamp: '2001-01-01T00:00:00Z', generation: 99 };
      const changed = expectCode(await world.put(`${world.widgets}/${name}`, { ...made, metadata }), 200);
      assert.equal(changed.metadata.creationTimestamp, creationTimestamp);
      assert.equal(changed.metadata.uid, uid);
      assert.equal(changed.metadata.generation, 1);
    },
    conventions,
  );
  rule(
    'deletionTimestamp cannot be set by an update',
    async (world) => {
      const made = await world.makeMap();
      const path = `${world.maps}/${made.metadata.name}`;
      const body = { metadata: { deletionTimestamp: '2001-01-01T00:00:00Z' } };
      const answer = await world.patch(path, mergePatch, body);
      if (answer.code === 200) {
        assert.equal(answer.json.metadata.deletionTimestamp, undefined);
      } else {
        expectFailure(answer, 422, 'Invalid');
      }
      assert.equal((await world.get(path)).json.metadata.deletionTimestamp, undefined);
    },
    conventions,
  );
  rule('an invalid change is 422 Invalid and changes nothing', async (world) => {
    const made = await world.makeWidget({ color: 'red' });
    const path = `${world.widgets}/${made.metadata.name}`;
    expectInvalid(await world.put(path, { ...made, spec: { color: 'purple' } }), 'spec.color');
    assert.deepEqual((await world.get(path)).json, made);
  });
});

export const generationCases = area('generation', conventions, (rule) => {
  const patched = async (
    world: Parameters<Parameters<typeof rule>[1]>[0],
    body: unknown,
    below = '',
  ): Promise<number> => {
    const { name } = (await world.makeWidget()).metadata;
    const answer = await world.patch(`${world.widgets}/${name}${below}`, mergePatch, body);
    return expectCode(answer, 200).metadata.generation;
  };
  rule('a change of spec adds one', async (world) => {
    assert.equal(await patched(world, { spec: { color: 'red' } }), 2);
  });
  rule('a change of labels adds none', async (world) => {
    assert.equal(await patched(world, { metadata: { labels: { a: 'b' } } }), 1);
  });
  rule('a change of status adds none', async (world) => {
    assert.equal(await patched(world, { status: { phase: 'Up' } }, '/status'), 1);
  });
  rule('a change of nothing adds none', async (world) => {
    assert.equal(await patched(world, { spec: { replicas: 1 } }), 1);
  });
  rule('a default that is already there adds none', async (world) => {
    assert.equal(await patched(world, { spec: { fallback: null } }), 1);
  });
});

export const statusCases = area('status subresource', statusReference, (rule) => {
  rule('PUT of status changes the status alone', async (world) => {
    const made = await world.makeWidget({ color: 'red' });
    const { name } = made.metadata;
    const body = { ...made, spec: { color: 'blue' }, status: { phase: 'Up' } };
    const changed = expectCode(await world.put(`${world.widgets}/${name}/status`, body), 200);
    assert.equal(changed.status.phase, 'Up');
    assert.equal(changed.spec.color, 'red');
  });
  rule('PUT of the object does not change the status', async (world) => {
    const { name } = (await world.makeWidget()).metadata;
    const path = `${world.widgets}/${name}`;
    const up = expectCode(await world.patch(`${path}/status`, mergePatch, { status: { phase: 'Up' } }), 200);
    const changed = expectCode(
      await world.put(path, { ...up, spec: { color: 'green' }, status: { phase: 'Down' } }),
      200,
    );
    assert.equal(changed.status.phase, 'Up');
    assert.equal(changed.spec.color, 'green');
  });
  rule('PUT of the object without a status keeps the status', async (world) => {
    const { name } = (await world.makeWidget()).metadata;
    const path = `${world.widgets}/${name}`;
    const { status, ...rest } = expectCode(
      await world.patch(`${path}/status`, mergePatch, { status: { phase: 'Up' } }),
      200,
    );
    assert.deepEqual(expectCode(await world.put(path, rest), 200).status, status);
  });
  rule('labels and annotations are not changed by an update of status of a custom resource', async (world) => {
    const made = await world.makeWidget({}, { labels: { a: 'b' } });
    const path = `${world.widgets}/${made.metadata.name}/status`;
    const body = { metadata: { labels: { a: 'c' } }, status: { phase: 'Up' } };
    const changed = expectCode(await world.patch(path, mergePatch, body), 200);
    assert.deepEqual(changed.metadata.labels, { a: 'b' });
  });
  rule('status is checked by the schema', async (world) => {
    const { name } = (await world.makeWidget()).metadata;
    const answer = await world.patch(`${world.widgets}/${name}/status`, mergePatch, { status: { replicas: 'many' } });
    expectInvalid(answer, 'status.replicas');
  });
  rule('status is pruned', async (world) => {
    const { name } = (await world.makeWidget()).metadata;
    const answer = await world.patch(`${world.widgets}/${name}/status`, mergePatch, {
      status: { unknown: 1, phase: 'Up' },
    });
    assert.deepEqual(expectCode(answer, 200).status, { phase: 'Up' });
  });
  rule('a stale resourceVersion is 409 Conflict there too', async (world) => {
    const made = await world.makeWidget();
    const path = `${world.widgets}/${made.metadata.name}`;
    expectCode(await world.patch(path, mergePatch, { spec: { color: 'red' } }), 200);
    expectFailure(await world.put(`${path}/status`, { ...made, status: { phase: 'Up' } }), 409, 'Conflict');
  });
  rule('GET of status is the object', async (world) => {
    const made = await world.makeWidget();
    assert.deepEqual((await world.get(`${world.widgets}/${made.metadata.name}/status`)).json, made);
  });
  rule('a kind without the subresource has no such path', async (world) => {
    expectCode(await world.get(`${world.gadgets}/a/status`), 404);
  });
  rule('POST and DELETE on status are refused', async (world) => {
    const { name } = (await world.makeWidget()).metadata;
    expectCode(await world.post(`${world.widgets}/${name}/status`, {}), 404, 405);
    expectCode(await world.remove(`${world.widgets}/${name}/status`), 404, 405);
  });
});

export const scaleCases = area('scale subresource', 'Extend the API: scale subresource', (rule) => {
  rule('GET is an autoscaling/v1 Scale with the replicas', async (world) => {
    const made = await world.makeWidget({ replicas: 3 });
    const scale = expectCode(await world.get(`${world.widgets}/${made.metadata.name}/scale`), 200);
    assert.equal(scale.kind, 'Scale');
    assert.equal(scale.apiVersion, 'autoscaling/v1');
    assert.equal(scale.spec.replicas, 3);
    assert.equal(scale.status.replicas, 0);
    assert.equal(scale.metadata.name, made.metadata.name);
    assert.equal(scale.metadata.resourceVersion, made.metadata.resourceVersion);
  });
  rule('status.replicas and the selector come from the paths in the definition', async (world) => {
    const { name } = (await world.makeWidget()).metadata;
    const path = `${world.widgets}/${name}`;
    const status = { replicas: 2, selector: 'app=web' };
    expectCode(await world.patch(`${path}/status`, mergePatch, { status }), 200);
    assert.deepEqual(expectCode(await world.get(`${path}/scale`), 200).status, status);
  });
  rule('PUT of a Scale changes the replicas of the object', async (world) => {
    const { name } = (await world.makeWidget()).metadata;
    const path = `${world.widgets}/${name}`;
    const scale = (await world.get(`${path}/scale`)).json;
    assert.equal(
      expectCode(await world.put(`${path}/scale`, { ...scale, spec: { replicas: 5 } }), 200).spec.replicas,
      5,
    );
    const after = (await world.get(path)).json;
    assert.equal(after.spec.replicas, 5);
    assert.equal(after.metadata.generation, 2);
  });
  rule('PATCH of a Scale changes the replicas of the object', async (world) => {
    const { name } = (await world.makeWidget()).metadata;
    const path = `${world.widgets}/${name}`;
    expectCode(await world.patch(`${path}/scale`, mergePatch, { spec: { replicas: 4 } }), 200);
    assert.equal((await world.get(path)).json.spec.replicas, 4);
  });
  rule('a negative number is refused', async (world) => {
    const { name } = (await world.makeWidget()).metadata;
    const answer = await world.patch(`${world.widgets}/${name}/scale`, mergePatch, { spec: { replicas: -1 } });
    expectFailure(answer, [400, 422]);
  });
  rule('a stale resourceVersion in the Scale is 409 Conflict', async (world) => {
    const { name } = (await world.makeWidget()).metadata;
    const path = `${world.widgets}/${name}`;
    const scale = (await world.get(`${path}/scale`)).json;
    expectCode(await world.patch(path, mergePatch, { spec: { color: 'red' } }), 200);
    expectFailure(await world.put(`${path}/scale`, { ...scale, spec: { replicas: 5 } }), 409, 'Conflict');
  });
  rule('a version without scale has no such path', async (world) => {
    const { name } = (await world.makeWidget()).metadata;
    expectCode(await world.get(`${world.widgets.replace('/v1/', '/v1beta1/')}/${name}/scale`), 404);
  });
});
