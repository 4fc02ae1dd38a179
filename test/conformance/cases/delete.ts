import assert from 'node:assert/strict';
import { area, skip } from '../case.ts';
import { expectCode, expectFailure, mergePatch, namesOf } from '../expect.ts';
import type { Json } from '../raw-client.ts';
import type { World } from '../world.ts';

const concepts = 'API concepts: Resource deletion';
const finalizers = 'API conventions: Metadata; Finalizers';
const hold = 'example.com/hold';

export const deleteCases = area('delete', concepts, (rule) => {
  rule('DELETE is 200 with a Status of Success that names the object', async (world) => {
    const { name, uid } = (await world.makeMap()).metadata;
    const status = expectCode(await world.remove(`${world.maps}/${name}`), 200);
    assert.equal(status.kind, 'Status');
    assert.equal(status.status, 'Success');
    assert.equal(status.details.name, name);
    assert.equal(status.details.kind, 'configmaps');
    assert.equal(status.details.uid, uid);
    expectCode(await world.get(`${world.maps}/${name}`), 404);
  });
  rule('an object that is not there is 404 NotFound', async (world) => {
    expectFailure(await world.remove(`${world.maps}/${world.name('missing')}`), 404, 'NotFound');
  });
  rule('a DeleteOptions body is taken', async (world) => {
    const { name } = (await world.makeMap()).metadata;
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy: 'Background' };
    expectCode(await world.remove(`${world.maps}/${name}`, body), 200);
  });
  rule('a body that is no JSON is 400', async (world) => {
    const { name } = (await world.makeMap()).metadata;
    expectFailure(await world.remove(`${world.maps}/${name}`, '{"kind":'), 400, 'BadRequest');
  });
  rule('a propagationPolicy that is not known is 422 Invalid', async (world) => {
    const { name } = (await world.makeMap()).metadata;
    expectFailure(await world.remove(`${world.maps}/${name}?propagationPolicy=Sideways`), 422, 'Invalid');
  });
  rule('orphanDependents and propagationPolicy together are 422 Invalid', async (world) => {
    const { name } = (await world.makeMap()).metadata;
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy: 'Orphan', orphanDependents: true };
    expectFailure(await world.remove(`${world.maps}/${name}`, body), 422, 'Invalid');
  });
  rule('a uid precondition that does not hold is 409 Conflict', async (world) => {
    const { name } = (await world.makeMap()).metadata;
    const body = { preconditions: { uid: '11111111-2222-3333-4444-555555555555' } };
    expectFailure(
      await world.remove(`${world.maps}/${name}`, { apiVersion: 'v1', kind: 'DeleteOptions', ...body }),
      409,
      'Conflict',
    );
    expectCode(await world.get(`${world.maps}/${name}`), 200);
  });
  rule('a resourceVersion precondition that does not hold is 409 Conflict', async (world) => {
    const { name, resourceVersion } = (await world.makeMap()).metadata;
    await world.patch(`${world.maps}/${name}`, mergePatch, { data: { a: '2' } });
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { resourceVersion } };
    expectFailure(await world.remove(`${world.maps}/${name}`, body), 409, 'Conflict');
  });
  rule('preconditions that hold let the deletion through', async (world) => {
    const { name, uid, resourceVersion } = (await world.makeMap()).metadata;
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid, resourceVersion } };
    expectCode(await world.remove(`${world.maps}/${name}`, body), 200);
  });
  rule('DELETE of a custom resource names its group in the details', async (world) => {
    const { name } = (await world.makeWidget()).metadata;
    const status = expectCode(await world.remove(`${world.widgets}/${name}`), 200);
    assert.equal(status.details.group, world.group);
  });

  rule(
    'an object with finalizers stays, with a deletionTimestamp',
    async (world) => {
      const { name } = (await world.makeMap({ metadata: { finalizers: [hold] } })).metadata;
      const path = `${world.maps}/${name}`;
      const object = expectCode(await world.remove(path), 200);
      assert.equal(object.kind, 'ConfigMap');
      assert.match(object.metadata.deletionTimestamp, /Z$/u);
      assert.equal(object.metadata.deletionGracePeriodSeconds, 0);
      expectCode(await world.get(path), 200);
      await world.patch(path, mergePatch, { metadata: { finalizers: null } });
    },
    finalizers,
  );
  rule(
    'it goes when the last finalizer is taken off',
    async (world) => {
      const { name } = (await world.makeMap({ metadata: { finalizers: [hold, `${hold}-2`] } })).metadata;
      const path = `${world.maps}/${name}`;
      await world.remove(path);
      expectCode(await world.patch(path, mergePatch, { metadata: { finalizers: [hold] } }), 200);
      expectCode(await world.get(path), 200);
      expectCode(await world.patch(path, mergePatch, { metadata: { finalizers: [] } }), 200);
      expectCode(await world.get(path), 404);
    },
    finalizers,
  );
  rule(
    'a second DELETE changes nothing',
    async (world) => {
      const { name } = (await world.makeMap({ metadata: { finalizers: [hold] } })).metadata;
      const path = `${world.maps}/${name}`;
      const first = expectCode(await world.remove(path), 200);
      const second = expectCode(await world.remove(path), 200, 409);
      if (second.kind === 'ConfigMap') {
        assert.equal(second.metadata.deletionTimestamp, first.metadata.deletionTimestamp);
      }
      await world.patch(path, mergePatch, { metadata: { finalizers: null } });
    },
    finalizers,
  );
  rule(
    'no finalizer can be added to an object on its way out',
    async (world) => {
      const { name } = (await world.makeMap({ metadata: { finalizers: [hold] } })).metadata;
      const path = `${world.maps}/${name}`;
      await world.remove(path);
      const answer = await world.patch(path, mergePatch, { metadata: { finalizers: [hold, 'example.com/new'] } });
      expectFailure(answer, 422, 'Invalid');
      await world.patch(path, mergePatch, { metadata: { finalizers: null } });
    },
    finalizers,
  );
  rule(
    'an object on its way out may still be changed',
    async (world) => {
      const { name } = (await world.makeMap({ metadata: { finalizers: [hold] } })).metadata;
      const path = `${world.maps}/${name}`;
      await world.remove(path);
      assert.equal(expectCode(await world.patch(path, mergePatch, { data: { a: '2' } }), 200).data.a, '2');
      await world.patch(path, mergePatch, { metadata: { finalizers: null } });
    },
    finalizers,
  );
  rule(
    'the name of an object on its way out is still taken',
    async (world) => {
      const { name } = (await world.makeMap({ metadata: { finalizers: [hold] } })).metadata;
      await world.remove(`${world.maps}/${name}`);
      expectFailure(await world.post(world.maps, { metadata: { name } }), 409, 'AlreadyExists');
      await world.patch(`${world.maps}/${name}`, mergePatch, { metadata: { finalizers: null } });
    },
    finalizers,
  );
  rule(
    'generation of a custom resource counts its deletion',
    async (world) => {
      const { name } = (await world.makeWidget({}, { finalizers: [hold] })).metadata;
      const path = `${world.widgets}/${name}`;
      assert.equal(expectCode(await world.remove(path), 200).metadata.generation, 2);
      await world.patch(path, mergePatch, { metadata: { finalizers: null } });
    },
    finalizers,
  );
});

export const deleteCollectionCases = area('deletecollection', concepts, (rule) => {
  const make = async (world: World, count: number): Promise<{ label: string; path: string }> => {
    const label = world.name('gone');
    await Promise.all(
      Array.from({ length: count }, () => world.makeMap({ metadata: { name: world.name(), labels: { set: label } } })),
    );
    return { label, path: `${world.maps}?labelSelector=set%3D${label}` };
  };
  rule('DELETE on a collection deletes what the label selector matches', async (world) => {
    const { path } = await make(world, 3);
    const kept = (await world.makeMap()).metadata.name;
    expectCode(await world.remove(path), 200);
    assert.deepEqual((await world.get(path)).json.items, []);
    expectCode(await world.get(`${world.maps}/${kept}`), 200);
  });
  rule('the answer is a list of what was deleted, or a Status', async (world) => {
    const { path } = await make(world, 2);
    const answer = expectCode(await world.remove(path), 200);
    assert.ok(answer.kind === 'ConfigMapList' ? answer.items.length === 2 : answer.status === 'Success', answer.kind);
  });
  rule('a field selector works too', async (world) => {
    const { name } = (await world.makeMap()).metadata;
    expectCode(await world.remove(`${world.maps}?fieldSelector=metadata.name%3D${name}`), 200);
    expectCode(await world.get(`${world.maps}/${name}`), 404);
  });
  rule('finalizers hold there too', async (world) => {
    const label = world.name('gone');
    const { name } = (
      await world.makeMap({ metadata: { name: world.name(), labels: { set: label }, finalizers: [hold] } })
    ).metadata;
    expectCode(await world.remove(`${world.maps}?labelSelector=set%3D${label}`), 200);
    const object = expectCode(await world.get(`${world.maps}/${name}`), 200);
    assert.ok(object.metadata.deletionTimestamp);
    await world.patch(`${world.maps}/${name}`, mergePatch, { metadata: { finalizers: null } });
  });
  rule('a dry run deletes nothing', async (world) => {
    const { path } = await make(world, 2);
    expectCode(await world.remove(`${path}&dryRun=All`), 200);
    assert.equal((await world.get(path)).json.items.length, 2);
  });
  rule('a selector that cannot be read deletes nothing', async (world) => {
    const { path } = await make(world, 1);
    expectFailure(await world.remove(`${world.maps}?labelSelector=%3D%3D`), 400, 'BadRequest');
    assert.equal((await world.get(path)).json.items.length, 1);
  });
  rule('custom resources have it too', async (world) => {
    const label = world.name('gone');
    await world.makeWidget({}, { name: world.name(), labels: { set: label } });
    expectCode(await world.remove(`${world.widgets}?labelSelector=set%3D${label}`), 200);
    assert.deepEqual(namesOf((await world.get(`${world.widgets}?labelSelector=set%3D${label}`)).json), []);
  });
});

const ownership = 'Garbage collection: Owners and dependents';

async function family(
  world: World,
  reference: Json = {},
): Promise<{ owner: Json; child: Json; ownerPath: string; childPath: string }> {
  const owner = await world.makeMap();
  const { name, uid } = owner.metadata;
  const ownerReferences = [{ apiVersion: 'v1', kind: 'ConfigMap', name, uid, ...reference }];
  const child = await world.makeMap({ metadata: { ownerReferences } });
  return { owner, child, ownerPath: `${world.maps}/${name}`, childPath: `${world.maps}/${child.metadata.name}` };
}

export const ownerCases = area('owners', ownership, (rule) => {
  rule('Background: the owner goes at once, dependents follow', async (world) => {
    const { ownerPath, childPath } = await family(world);
    expectCode(await world.remove(`${ownerPath}?propagationPolicy=Background`), 200);
    expectCode(await world.get(ownerPath), 404);
    await world.eventually(childPath, ({ code }) => code === 404, 'the dependent to go');
  });
  rule('Foreground: the owner waits with the finalizer foregroundDeletion', async (world) => {
    const { child, ownerPath, childPath } = await family(world, { blockOwnerDeletion: true });
    expectCode(await world.patch(childPath, mergePatch, { metadata: { finalizers: [hold] } }), 200);
    const object = expectCode(await world.remove(`${ownerPath}?propagationPolicy=Foreground`), 200);
    assert.deepEqual(object.metadata.finalizers, ['foregroundDeletion']);
    await world.eventually(
      childPath,
      ({ json }) => json?.metadata?.deletionTimestamp !== undefined,
      'the dependent to be deleted',
    );
    expectCode(await world.get(ownerPath), 200);
    expectCode(await world.patch(childPath, mergePatch, { metadata: { finalizers: null } }), 200);
    await world.eventually(ownerPath, ({ code }) => code === 404, `the owner of ${child.metadata.name} to go`);
  });
  rule('Orphan: dependents stay and lose the reference', async (world) => {
    const { ownerPath, childPath } = await family(world);
    expectCode(await world.remove(`${ownerPath}?propagationPolicy=Orphan`), 200);
    await world.eventually(ownerPath, ({ code }) => code === 404, 'the owner to go');
    const child = expectCode(await world.get(childPath), 200);
    assert.equal((child.metadata.ownerReferences ?? []).length, 0);
  });
  rule('a dependent of two owners stays until both are gone', async (world) => {
    const { child, ownerPath, childPath } = await family(world);
    const second = (await world.makeMap()).metadata;
    const reference = { apiVersion: 'v1', kind: 'ConfigMap', name: second.name, uid: second.uid };
    const ownerReferences = [...child.metadata.ownerReferences, reference];
    expectCode(await world.patch(childPath, mergePatch, { metadata: { ownerReferences } }), 200);
    expectCode(await world.remove(`${ownerPath}?propagationPolicy=Background`), 200);
    const left = await world.eventually(
      childPath,
      ({ json }) => json?.metadata?.ownerReferences?.length === 1,
      'the reference to the owner that is gone to be dropped',
    );
    assert.equal(left.json.metadata.ownerReferences[0].uid, second.uid);
    expectCode(await world.remove(`${world.maps}/${second.name}?propagationPolicy=Background`), 200);
    await world.eventually(childPath, ({ code }) => code === 404, 'the dependent to go');
  });
  rule('a reference with a uid that never was makes the object garbage', async (world) => {
    const { childPath } = await family(world, { uid: '11111111-2222-3333-4444-555555555555' });
    await world.eventually(childPath, ({ code }) => code === 404, 'the dependent to go');
  });
  rule('custom resources own and are owned', async (world) => {
    const { ownerPath, owner } = await family(world);
    const { name, uid } = owner.metadata;
    const widget = await world.makeWidget(
      {},
      { ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name, uid }] },
    );
    const { apiVersion, kind, metadata } = widget;
    const ownerReferences = [{ apiVersion, kind, name: metadata.name, uid: metadata.uid }];
    const last = await world.makeMap({ metadata: { ownerReferences } });
    expectCode(await world.remove(`${ownerPath}?propagationPolicy=Background`), 200);
    await world.eventually(
      `${world.widgets}/${metadata.name}`,
      ({ code }) => code === 404,
      'the custom resource to go',
    );
    await world.eventually(`${world.maps}/${last.metadata.name}`, ({ code }) => code === 404, 'its dependent to go');
  });
  rule('a custom resource waits for its dependents in the foreground', async (world) => {
    const { apiVersion, kind, metadata } = await world.makeWidget();
    const ownerReferences = [{ apiVersion, kind, name: metadata.name, uid: metadata.uid, blockOwnerDeletion: true }];
    const child = await world.makeMap({ metadata: { ownerReferences, finalizers: [hold] } });
    const path = `${world.widgets}/${metadata.name}`;
    const childPath = `${world.maps}/${child.metadata.name}`;
    expectCode(await world.remove(`${path}?propagationPolicy=Foreground`), 200);
    await world.eventually(
      childPath,
      ({ json }) => json?.metadata?.deletionTimestamp !== undefined,
      'the dependent to be deleted',
    );
    expectCode(await world.get(path), 200);
    expectCode(await world.patch(childPath, mergePatch, { metadata: { finalizers: null } }), 200);
    await world.eventually(path, ({ code }) => code === 404, 'the custom resource to go');
  });
  rule('an object of any kind can be deleted in the foreground', async (world) => {
    const name = world.name('sa');
    const path = `/api/v1/namespaces/${world.namespace}/serviceaccounts`;
    expectCode(await world.post(path, { metadata: { name } }), 201);
    expectCode(await world.remove(`${path}/${name}?propagationPolicy=Foreground`), 200);
    await world.eventually(`${path}/${name}`, ({ code }) => code === 404, 'the object to go');
  });
  rule('an owner in another namespace does not count', async (world) => {
    const namespace = await world.makeNamespace();
    const answer = await world.post(`/api/v1/namespaces/${namespace}/configmaps`, {
      metadata: { name: world.name('owner') },
    });
    const { name, uid } = expectCode(answer, 201).metadata;
    const ownerReferences = [{ apiVersion: 'v1', kind: 'ConfigMap', name, uid }];
    const child = await world.makeMap({ metadata: { ownerReferences } });
    await world.eventually(`${world.maps}/${child.metadata.name}`, ({ code }) => code === 404, 'the dependent to go');
  });
  for (const field of ['apiVersion', 'kind', 'name', 'uid']) {
    rule(`a reference without ${field} is 422 Invalid`, async (world) => {
      const reference = { apiVersion: 'v1', kind: 'ConfigMap', name: 'a', uid: 'b', [field]: '' };
      const body = { metadata: { name: world.name(), ownerReferences: [reference] } };
      expectFailure(await world.post(world.maps, body), 422, 'Invalid');
    });
  }
  rule('at most one reference is the controller', async (world) => {
    const reference = { apiVersion: 'v1', kind: 'ConfigMap', name: 'a', controller: true };
    const ownerReferences = [
      { ...reference, uid: 'a' },
      { ...reference, uid: 'b' },
    ];
    const answer = await world.post(world.maps, { metadata: { name: world.name(), ownerReferences } });
    expectFailure(answer, 422, 'Invalid');
  });
  rule('an Event cannot own', async (world) => {
    const ownerReferences = [{ apiVersion: 'v1', kind: 'Event', name: 'a', uid: 'b' }];
    expectFailure(await world.post(world.maps, { metadata: { name: world.name(), ownerReferences } }), 422, 'Invalid');
  });
});

export const namespaceCases = area('namespaces', 'API conventions: Namespaces; Namespaces: life cycle', (rule) => {
  rule('a new namespace is Active and has the finalizer kubernetes in its spec', async (world) => {
    const name = await world.makeNamespace();
    const namespace = expectCode(await world.get(`/api/v1/namespaces/${name}`), 200);
    assert.equal(namespace.status.phase, 'Active');
    assert.deepEqual(namespace.spec.finalizers, ['kubernetes']);
  });
  rule(
    'it has the label kubernetes.io/metadata.name',
    async (world) => {
      const name = await world.makeNamespace();
      const namespace = expectCode(await world.get(`/api/v1/namespaces/${name}`), 200);
      assert.equal(namespace.metadata.labels['kubernetes.io/metadata.name'], name);
    },
    'KEP-2161 Namespaces labelled by default',
  );
  rule(
    'that label cannot be taken away',
    async (world) => {
      const name = await world.makeNamespace();
      const body = { metadata: { labels: { 'kubernetes.io/metadata.name': null } } };
      const answer = await world.patch(`/api/v1/namespaces/${name}`, mergePatch, body);
      assert.equal(expectCode(answer, 200).metadata.labels['kubernetes.io/metadata.name'], name);
    },
    'KEP-2161 Namespaces labelled by default',
  );
  rule('its deletion deletes what is in it, then the namespace', async (world) => {
    const name = await world.makeNamespace();
    expectCode(await world.post(`/api/v1/namespaces/${name}/configmaps`, { metadata: { name: 'a' } }), 201);
    const widget = { apiVersion: `${world.group}/v1`, kind: 'Widget', metadata: { name: 'w' } };
    expectCode(await world.post(`/apis/${world.group}/v1/namespaces/${name}/widgets`, widget), 201);
    expectCode(await world.remove(`/api/v1/namespaces/${name}`), 200, 202);
    await world.eventually(`/api/v1/namespaces/${name}`, ({ code }) => code === 404, 'the namespace to go');
    expectCode(await world.get(`/apis/${world.group}/v1/namespaces/${name}/widgets/w`), 404);
  });
  rule('while it terminates, nothing is made in it: 403 with the cause NamespaceTerminating', async (world) => {
    const name = await world.makeNamespace();
    const held = { metadata: { name: 'held', finalizers: [hold] } };
    const maps = `/api/v1/namespaces/${name}/configmaps`;
    expectCode(await world.post(maps, held), 201);
    expectCode(await world.remove(`/api/v1/namespaces/${name}`), 200, 202);
    const namespace = expectCode(await world.get(`/api/v1/namespaces/${name}`), 200);
    assert.equal(namespace.status.phase, 'Terminating');
    assert.ok(namespace.metadata.deletionTimestamp);
    const status = expectFailure(await world.post(maps, { metadata: { name: 'late' } }), 403, 'Forbidden');
    assert.equal(status.details.causes[0].reason, 'NamespaceTerminating');
    await world.eventually(
      `${maps}/held`,
      ({ json }) => json?.metadata?.deletionTimestamp !== undefined,
      'the content to be deleted',
    );
    expectCode(await world.patch(`${maps}/held`, mergePatch, { metadata: { finalizers: null } }), 200);
    await world.eventually(`/api/v1/namespaces/${name}`, ({ code }) => code === 404, 'the namespace to go');
  });
  rule('conditions say what content is left', async (world) => {
    const name = await world.makeNamespace();
    const maps = `/api/v1/namespaces/${name}/configmaps`;
    expectCode(await world.post(maps, { metadata: { name: 'held', finalizers: [hold] } }), 201);
    expectCode(await world.remove(`/api/v1/namespaces/${name}`), 200, 202);
    const { json } = await world.eventually(
      `/api/v1/namespaces/${name}`,
      (answer) =>
        (answer.json?.status?.conditions ?? []).some(
          (item: Json) => item.type === 'NamespaceFinalizersRemaining' && item.status === 'True',
        ),
      'the condition NamespaceFinalizersRemaining',
    );
    const types = json.status.conditions.map((item: Json) => item.type);
    assert.ok(types.includes('NamespaceContentRemaining'), JSON.stringify(types));
    expectCode(await world.patch(`${maps}/held`, mergePatch, { metadata: { finalizers: null } }), 200);
    await world.eventually(`/api/v1/namespaces/${name}`, ({ code }) => code === 404, 'the namespace to go');
  });
  rule('namespaces cannot be deleted all at once: 405', async (world) => {
    expectFailure(
      await world.remove(`/api/v1/namespaces?labelSelector=none%3D${world.name()}`),
      405,
      'MethodNotAllowed',
    );
  });
  rule('finalize takes the finalizer off', async (world) => {
    const name = await world.makeNamespace();
    const namespace = expectCode(await world.get(`/api/v1/namespaces/${name}`), 200);
    const answer = await world.put(`/api/v1/namespaces/${name}/finalize`, { ...namespace, spec: { finalizers: [] } });
    if (answer.code === 403 || answer.code === 404) {
      skip('namespaces/finalize is not offered to these credentials');
    }
    expectCode(answer, 200);
    expectCode(await world.remove(`/api/v1/namespaces/${name}`), 200, 202);
    await world.eventually(`/api/v1/namespaces/${name}`, ({ code }) => code === 404, 'the namespace to go');
  });
});
