/** Requests of a delegated group go through the same authorizer: here the roles for users of VMs on the VM subresources. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { accessRoles } from '../../vm/access/cluster-roles.ts';
import { startTestServer } from '../apiserver/test-server.ts';
import type { TestServer } from '../apiserver/test-server.ts';
import { bootstrapPolicyOf } from './bootstrap-roles.ts';

const group = 'subresources.kubevirt.io';
const users = ['admin', 'edit', 'view', 'nobody'] as const;
type User = (typeof users)[number];

const cases: readonly (readonly [method: string, what: string, allowed: readonly User[]])[] = [
  ['PUT', 'virtualmachines/vm/start', ['admin', 'edit']],
  ['PUT', 'virtualmachines/vm/stop', ['admin', 'edit']],
  ['PUT', 'virtualmachineinstances/vm/pause', ['admin', 'edit']],
  ['GET', 'virtualmachineinstances/vm/console', ['admin', 'edit']],
  ['GET', 'virtualmachineinstances/vm/vnc', ['admin', 'edit']],
  ['GET', 'virtualmachineinstances/vm/portforward/22/tcp', ['admin', 'edit']],
  ['GET', 'virtualmachineinstances/vm/guestosinfo', ['admin', 'edit', 'view']],
  ['GET', 'virtualmachineinstances/vm/inspect', ['admin', 'edit']],
  ['PUT', 'explain-vm', ['admin', 'edit']],
  ['GET', 'virtualmachines/vm/start', []],
  ['DELETE', 'virtualmachines/vm/start', []],
  ['PUT', 'virtualmachines/vm/migrate', []],
];

describe('the roles for users of VMs', () => {
  let server: TestServer;
  before(async () => {
    server = await startTestServer({
      auth: {
        tokens: users.map((name) => ({ token: `${name}-token`, user: { name, groups: [] } })),
        policies: [bootstrapPolicyOf(accessRoles)],
      },
      delegated: [{ group, versions: ['v1'], resources: [], handle: async () => ({ code: 202, body: { ok: true } }) }],
    });
    for (const role of ['admin', 'edit', 'view']) {
      const answer = await server.call('POST', '/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings', {
        body: {
          apiVersion: 'rbac.authorization.k8s.io/v1',
          kind: 'RoleBinding',
          metadata: { name: role },
          roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
          subjects: [{ kind: 'User', name: role }],
        },
      });
      assert.equal(answer.code, 201, answer.text);
    }
  });
  after(async () => {
    await server.close();
  });

  const call = (user: User, method: string, namespace: string, what: string) =>
    server.call(method, `/apis/${group}/v1/namespaces/${namespace}/${what}`, {
      anonymous: true,
      headers: { Authorization: `Bearer ${user}-token` },
    });

  for (const [method, what, allowed] of cases) {
    test(`${method} ${what} is for ${allowed.join(', ') || 'nobody'}`, async () => {
      for (const user of users) {
        const { code } = await call(user, method, 'default', what);
        assert.equal(code, allowed.includes(user) ? 202 : 403, user);
        assert.equal((await call(user, method, 'kube-system', what)).code, 403, `${user} elsewhere`);
      }
    });
  }

  test('the refusal says what was asked', async () => {
    const { json } = await call('view', 'PUT', 'default', 'virtualmachines/vm/start');
    assert.equal(
      json.message,
      'virtualmachines.subresources.kubevirt.io "vm" is forbidden: User "view" cannot update resource "virtualmachines/start" in API group "subresources.kubevirt.io" in the namespace "default"',
    );
  });

  test('everybody who is known may ask for the version', async () => {
    const path = `/apis/${group}/v1/version`;
    const headers = { Authorization: 'Bearer nobody-token' };
    assert.equal((await server.call('GET', path, { anonymous: true, headers })).code, 202);
  });

  test('the roles come back at a start with what somebody took from them, and keep what was added', async () => {
    const path = '/apis/rbac.authorization.k8s.io/v1/clusterroles/kubevirt.io:view';
    const found = (await server.call('GET', path)).json;
    const own = { apiGroups: ['x'], resources: ['y'], verbs: ['get'] };
    await server.call('PUT', path, { body: { ...found, rules: [own] } });
    const { reconcileBootstrapPolicy } = await import('./bootstrap.ts');
    await reconcileBootstrapPolicy(server.client, bootstrapPolicyOf(accessRoles));
    const { rules } = (await server.call('GET', path)).json;
    assert.deepEqual(rules[0], own);
    assert.ok(rules.length > 1);
    const left = { ...found.metadata.annotations, 'rbac.authorization.kubernetes.io/autoupdate': 'false' };
    await server.call('PUT', path, {
      body: { ...found, metadata: { name: found.metadata.name, annotations: left }, rules: [own] },
    });
    await reconcileBootstrapPolicy(server.client, bootstrapPolicyOf(accessRoles));
    assert.deepEqual((await server.call('GET', path)).json.rules, [own]);
  });
});
