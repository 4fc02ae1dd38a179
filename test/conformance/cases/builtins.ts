import assert from 'node:assert/strict';
import { area, skip } from '../case.ts';
import { expectCode, expectFailure, expectInvalid, mergePatch } from '../expect.ts';
import type { Json } from '../raw-client.ts';

const secretsPage = 'Secrets: Working with Secrets; API reference: Secret';
const mapsPage = 'ConfigMaps; API reference: ConfigMap';
const immutablePage = 'KEP-1412 Immutable Secrets and ConfigMaps';

export const builtinCases = area('built-ins', mapsPage, (rule) => {
  rule('binaryData is base64', async (world) => {
    const binaryData = { raw: Buffer.from([0, 255]).toString('base64') };
    assert.deepEqual((await world.makeMap({ binaryData })).binaryData, binaryData);
  });
  for (const key of ['a b', 'a/b', '..', '', 'ü', 'k'.repeat(254)]) {
    rule(`a ConfigMap key "${key.slice(0, 6)}" of ${key.length} characters is 422 Invalid`, async (world) => {
      expectFailure(
        await world.post(world.maps, { metadata: { name: world.name() }, data: { [key]: 'x' } }),
        422,
        'Invalid',
      );
    });
  }
  rule('a key in data and in binaryData is 422 Invalid', async (world) => {
    const body = { metadata: { name: world.name() }, data: { a: 'x' }, binaryData: { a: 'eA==' } };
    expectFailure(await world.post(world.maps, body), 422, 'Invalid');
  });
  rule(
    'an immutable ConfigMap keeps its data: 422',
    async (world) => {
      const { name } = (await world.makeMap({ immutable: true })).metadata;
      expectFailure(await world.patch(`${world.maps}/${name}`, mergePatch, { data: { a: '2' } }), 422, 'Invalid');
    },
    immutablePage,
  );
  rule(
    'immutable cannot be taken back: 422',
    async (world) => {
      const { name } = (await world.makeMap({ immutable: true })).metadata;
      expectFailure(await world.patch(`${world.maps}/${name}`, mergePatch, { immutable: false }), 422, 'Invalid');
    },
    immutablePage,
  );
  rule(
    'labels of an immutable ConfigMap may change',
    async (world) => {
      const { name } = (await world.makeMap({ immutable: true })).metadata;
      expectCode(await world.patch(`${world.maps}/${name}`, mergePatch, { metadata: { labels: { a: 'b' } } }), 200);
    },
    immutablePage,
  );

  rule(
    'stringData of a Secret becomes data',
    async (world) => {
      const made = expectCode(
        await world.post(world.secrets, { metadata: { name: world.name() }, stringData: { a: 'text' } }),
        201,
      );
      assert.equal(made.data.a, Buffer.from('text').toString('base64'));
      assert.equal(made.stringData, undefined);
    },
    secretsPage,
  );
  rule(
    'stringData wins over data',
    async (world) => {
      const body = { metadata: { name: world.name() }, data: { a: 'b2xk', b: 'b2xk' }, stringData: { a: 'new' } };
      assert.deepEqual(expectCode(await world.post(world.secrets, body), 201).data, { a: 'bmV3', b: 'b2xk' });
    },
    secretsPage,
  );
  rule(
    'the type of a Secret is Opaque unless given',
    async (world) => {
      assert.equal(
        expectCode(await world.post(world.secrets, { metadata: { name: world.name() } }), 201).type,
        'Opaque',
      );
    },
    secretsPage,
  );
  rule(
    'the type of a Secret cannot be changed: 422',
    async (world) => {
      const { name } = expectCode(await world.post(world.secrets, { metadata: { name: world.name() } }), 201).metadata;
      expectInvalid(await world.patch(`${world.secrets}/${name}`, mergePatch, { type: 'other' }), 'type');
    },
    secretsPage,
  );
  rule(
    'data of a Secret that is no base64 is refused',
    async (world) => {
      expectFailure(
        await world.post(world.secrets, { metadata: { name: world.name() }, data: { a: '***' } }),
        [400, 422],
      );
    },
    secretsPage,
  );
  for (const [type, key] of [
    ['kubernetes.io/tls', 'tls.crt'],
    ['kubernetes.io/dockerconfigjson', '.dockerconfigjson'],
    ['kubernetes.io/ssh-auth', 'ssh-privatekey'],
  ] as const) {
    rule(
      `a Secret of type ${type} needs ${key}: 422`,
      async (world) => {
        expectFailure(
          await world.post(world.secrets, { metadata: { name: world.name() }, type, data: {} }),
          422,
          'Invalid',
        );
      },
      secretsPage,
    );
  }
  rule(
    'an immutable Secret keeps its data: 422',
    async (world) => {
      const { name } = expectCode(
        await world.post(world.secrets, { metadata: { name: world.name() }, immutable: true, stringData: { a: 'x' } }),
        201,
      ).metadata;
      expectFailure(
        await world.patch(`${world.secrets}/${name}`, mergePatch, { stringData: { a: 'y' } }),
        422,
        'Invalid',
      );
    },
    immutablePage,
  );

  rule(
    'an Event of the core group is made and listed',
    async (world) => {
      const path = `/api/v1/namespaces/${world.namespace}/events`;
      const involvedObject = { kind: 'ConfigMap', namespace: world.namespace, name: 'a' };
      const body = {
        metadata: { name: world.name('event') },
        involvedObject,
        reason: 'Tested',
        message: 'x',
        type: 'Normal',
        count: 1,
      };
      assert.equal(expectCode(await world.post(path, body), 201).reason, 'Tested');
    },
    'API reference: Event',
  );
  rule(
    'an Event about an object of another namespace is 422 Invalid',
    async (world) => {
      const path = `/api/v1/namespaces/${world.namespace}/events`;
      const body = {
        metadata: { name: world.name('event') },
        involvedObject: { kind: 'ConfigMap', namespace: 'elsewhere', name: 'a' },
      };
      expectFailure(await world.post(path, body), 422, 'Invalid');
    },
    'API reference: Event',
  );
  rule(
    'the Event shows in events.k8s.io/v1 as regarding',
    async (world) => {
      await world.requireResource('events.k8s.io/v1', 'events');
      const metadata = { name: world.name('event') };
      const involvedObject = { kind: 'ConfigMap', namespace: world.namespace, name: 'a' };
      const made = await world.post(`/api/v1/namespaces/${world.namespace}/events`, {
        metadata,
        involvedObject,
        reason: 'Tested',
        message: 'note',
        type: 'Normal',
      });
      expectCode(made, 201);
      const object = expectCode(
        await world.get(`/apis/events.k8s.io/v1/namespaces/${world.namespace}/events/${metadata.name}`),
        200,
      );
      assert.equal(object.regarding.name, 'a');
      assert.equal(object.note, 'note');
    },
    'KEP-383 Redesign Event API',
  );
  rule(
    'a Lease is made, renewed and kept to one holder',
    async (world) => {
      await world.requireResource('coordination.k8s.io/v1', 'leases');
      const path = `/apis/coordination.k8s.io/v1/namespaces/${world.namespace}/leases`;
      const spec = { holderIdentity: 'one', leaseDurationSeconds: 15, acquireTime: '2026-01-01T00:00:00.000000Z' };
      const made = expectCode(await world.post(path, { metadata: { name: world.name('lease') }, spec }), 201);
      const own = `${path}/${made.metadata.name}`;
      expectCode(await world.put(own, { ...made, spec: { ...made.spec, holderIdentity: 'two' } }), 200);
      expectFailure(
        await world.put(own, { ...made, spec: { ...made.spec, holderIdentity: 'three' } }),
        409,
        'Conflict',
      );
    },
    'API reference: Lease',
  );
  for (const [group, resource, kind, extra] of [
    ['v1', 'services', 'Service', { spec: { ports: [{ port: 80 }] } }],
    ['discovery.k8s.io/v1', 'endpointslices', 'EndpointSlice', { addressType: 'IPv4', endpoints: [] }],
    [
      'v1',
      'persistentvolumeclaims',
      'PersistentVolumeClaim',
      { spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } },
    ],
    ['v1', 'serviceaccounts', 'ServiceAccount', {}],
    ['apps/v1', 'controllerrevisions', 'ControllerRevision', { revision: 1, data: {} }],
    ['rbac.authorization.k8s.io/v1', 'roles', 'Role', { rules: [] }],
  ] as const) {
    rule(
      `${resource} of ${group} are made, listed and deleted`,
      async (world) => {
        await world.requireResource(group, resource);
        const base = group === 'v1' ? '/api/v1' : `/apis/${group}`;
        const path = `${base}/namespaces/${world.namespace}/${resource}`;
        const body = { apiVersion: group, kind, metadata: { name: world.name('x') }, ...extra };
        const { name } = expectCode(await world.post(path, body), 201).metadata;
        const list = expectCode(await world.get(path), 200);
        assert.ok(list.items.some((item: Json) => item.metadata.name === name));
        expectCode(await world.remove(`${path}/${name}`), 200, 202);
      },
      'API reference',
    );
  }
  rule(
    'a Pod without containers is 422 Invalid',
    async (world) => {
      await world.requireResource('v1', 'pods');
      const path = `/api/v1/namespaces/${world.namespace}/pods`;
      expectFailure(await world.post(path, { metadata: { name: world.name() }, spec: { containers: [] } }), [403, 422]);
    },
    'API reference: Pod',
  );
});

const review = 'Authorization: Checking API access';
const attributes = { verb: 'get', resource: 'configmaps' };

export const accessCases = area('access', review, (rule) => {
  rule('SelfSubjectAccessReview says whether the asker may', async (world) => {
    await world.requireResource('authorization.k8s.io/v1', 'selfsubjectaccessreviews');
    const resourceAttributes = { ...attributes, namespace: world.namespace };
    const answer = await world.post('/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {
      spec: { resourceAttributes },
    });
    assert.equal(expectCode(answer, 201).status.allowed, true);
  });
  rule('SelfSubjectAccessReview without attributes is 422 Invalid', async (world) => {
    await world.requireResource('authorization.k8s.io/v1', 'selfsubjectaccessreviews');
    expectFailure(await world.post('/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', { spec: {} }), [400, 422]);
  });
  rule('SubjectAccessReview says no for a user whom nobody knows', async (world) => {
    await world.requireResource('authorization.k8s.io/v1', 'subjectaccessreviews');
    const resourceAttributes = { ...attributes, namespace: world.namespace };
    const spec = { user: 'nobody-knows', resourceAttributes };
    const answer = await world.post('/apis/authorization.k8s.io/v1/subjectaccessreviews', { spec });
    if (answer.code === 403) {
      skip('these credentials may not review others');
    }
    assert.equal(expectCode(answer, 201).status.allowed, false);
  });
  rule('LocalSubjectAccessReview is for its namespace', async (world) => {
    await world.requireResource('authorization.k8s.io/v1', 'localsubjectaccessreviews');
    const path = `/apis/authorization.k8s.io/v1/namespaces/${world.namespace}/localsubjectaccessreviews`;
    const spec = { user: 'nobody-knows', resourceAttributes: { ...attributes, namespace: world.namespace } };
    assert.equal(expectCode(await world.post(path, { spec }), 201).status.allowed, false);
  });
  rule('SelfSubjectRulesReview lists rules', async (world) => {
    await world.requireResource('authorization.k8s.io/v1', 'selfsubjectrulesreviews');
    const answer = await world.post('/apis/authorization.k8s.io/v1/selfsubjectrulesreviews', {
      spec: { namespace: world.namespace },
    });
    assert.ok(Array.isArray(expectCode(answer, 201).status.resourceRules));
  });
  rule(
    'SelfSubjectReview says who asks',
    async (world) => {
      await world.requireResource('authentication.k8s.io/v1', 'selfsubjectreviews');
      const answer = await world.post('/apis/authentication.k8s.io/v1/selfsubjectreviews', {});
      assert.equal(typeof expectCode(answer, 201).status.userInfo.username, 'string');
    },
    'KEP-3325 Self subject review',
  );
  rule('reviews cannot be listed', async (world) => {
    await world.requireResource('authorization.k8s.io/v1', 'selfsubjectaccessreviews');
    expectCode(await world.get('/apis/authorization.k8s.io/v1/selfsubjectaccessreviews'), 404, 405);
  });
  rule(
    'TokenReview of a token that nobody knows is not authenticated',
    async (world) => {
      await world.requireResource('authentication.k8s.io/v1', 'tokenreviews');
      const answer = await world.post('/apis/authentication.k8s.io/v1/tokenreviews', {
        spec: { token: 'nobody-knows' },
      });
      assert.notEqual(expectCode(answer, 201).status.authenticated, true);
    },
    'Authenticating: TokenReview',
  );
  rule(
    'a token of a ServiceAccount is who it says',
    async (world) => {
      await world.requireResource('v1', 'serviceaccounts/token');
      await world.requireResource('authentication.k8s.io/v1', 'selfsubjectreviews');
      const accounts = `/api/v1/namespaces/${world.namespace}/serviceaccounts`;
      const { name } = expectCode(
        await world.post(accounts, { metadata: { name: world.name('account') } }),
        201,
      ).metadata;
      const made = await world.post(`${accounts}/${name}/token`, {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: { expirationSeconds: 600 },
      });
      const { token } = expectCode(made, 201).status;
      const headers = { Authorization: `Bearer ${token}` };
      const answer = await world.call('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {
        anonymous: true,
        headers,
        body: {},
      });
      assert.equal(
        expectCode(answer, 201).status.userInfo.username,
        `system:serviceaccount:${world.namespace}:${name}`,
      );
    },
    'Service accounts: TokenRequest API',
  );
  rule(
    'a RoleBinding lets a ServiceAccount do what the Role says, and no more',
    async (world) => {
      await world.requireResource('rbac.authorization.k8s.io/v1', 'rolebindings');
      await world.requireResource('v1', 'serviceaccounts/token');
      const accounts = `/api/v1/namespaces/${world.namespace}/serviceaccounts`;
      const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${world.namespace}`;
      const name = world.name('reader');
      const metadata = { name };
      expectCode(await world.post(accounts, { metadata }), 201);
      expectCode(
        await world.post(`${rbac}/roles`, {
          metadata,
          rules: [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list'] }],
        }),
        201,
      );
      const subjects = [{ kind: 'ServiceAccount', name, namespace: world.namespace }];
      const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name };
      expectCode(await world.post(`${rbac}/rolebindings`, { metadata, subjects, roleRef }), 201);
      const made = await world.post(`${accounts}/${name}/token`, {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: {},
      });
      const asAccount = { anonymous: true, headers: { Authorization: `Bearer ${expectCode(made, 201).status.token}` } };
      const deadline = Date.now() + 10_000;
      let answer = await world.call('GET', world.maps, asAccount);
      while (answer.code !== 200 && Date.now() < deadline) {
        answer = await world.call('GET', world.maps, asAccount);
      }
      expectCode(answer, 200);
      expectFailure(
        await world.call('POST', world.maps, { ...asAccount, body: { metadata: { name: 'x' } } }),
        403,
        'Forbidden',
      );
      expectFailure(await world.call('GET', world.secrets, asAccount), 403, 'Forbidden');
    },
    'Using RBAC authorization',
  );
  rule(
    'roleRef of a RoleBinding cannot be changed',
    async (world) => {
      await world.requireResource('rbac.authorization.k8s.io/v1', 'rolebindings');
      const path = `/apis/rbac.authorization.k8s.io/v1/namespaces/${world.namespace}/rolebindings`;
      const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'a' };
      const { name } = expectCode(
        await world.post(path, { metadata: { name: world.name('binding') }, roleRef }),
        201,
      ).metadata;
      expectFailure(await world.patch(`${path}/${name}`, mergePatch, { roleRef: { name: 'b' } }), 422, 'Invalid');
    },
    'Using RBAC authorization',
  );
});
