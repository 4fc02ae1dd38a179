import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileStructuralSchema } from '../structural-schema.ts';
import { findBuiltinSchema } from './builtin-schemas.ts';

const kinds = [
  ['', 'v1', 'Namespace'],
  ['', 'v1', 'Node'],
  ['', 'v1', 'Pod'],
  ['', 'v1', 'Secret'],
  ['', 'v1', 'ConfigMap'],
  ['', 'v1', 'ServiceAccount'],
  ['', 'v1', 'Event'],
  ['events.k8s.io', 'v1', 'Event'],
  ['coordination.k8s.io', 'v1', 'Lease'],
  ['apiextensions.k8s.io', 'v1', 'CustomResourceDefinition'],
  ['', 'v1', 'PersistentVolume'],
  ['', 'v1', 'PersistentVolumeClaim'],
  ['', 'v1', 'ResourceQuota'],
  ['', 'v1', 'LimitRange'],
  ['', 'v1', 'Service'],
  ['', 'v1', 'Endpoints'],
  ['discovery.k8s.io', 'v1', 'EndpointSlice'],
  ['storage.k8s.io', 'v1', 'StorageClass'],
  ['scheduling.k8s.io', 'v1', 'PriorityClass'],
  ['apps', 'v1', 'ControllerRevision'],
  ['policy', 'v1', 'PodDisruptionBudget'],
  ['rbac.authorization.k8s.io', 'v1', 'Role'],
  ['rbac.authorization.k8s.io', 'v1', 'ClusterRole'],
  ['rbac.authorization.k8s.io', 'v1', 'RoleBinding'],
  ['rbac.authorization.k8s.io', 'v1', 'ClusterRoleBinding'],
] as const;

for (const [group, version, kind] of kinds) {
  test(`${kind} of ${group === '' ? 'core' : group} compiles and says what it is`, () => {
    const schema = findBuiltinSchema(group, version, kind);
    assert.ok(schema?.description !== undefined);
    assert.equal(compileStructuralSchema(schema).validateRules, undefined);
  });
}

test('a misspelt field of a Pod is found, deep fields are kept', () => {
  const schema = findBuiltinSchema('', 'v1', 'Pod');
  assert.ok(schema !== undefined);
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p' },
    spec: {
      containers: [{ name: 'c', image: 'i', comand: ['x'], securityContext: { capabilities: { drop: ['ALL'] } } }],
      volumes: [{ name: 'v', emptyDir: {} }],
    },
  };
  const compiled = compileStructuralSchema(schema);
  assert.deepEqual(compiled.prune(pod), ['spec.containers[0].comand']);
  assert.deepEqual(compiled.validate(pod), []);
});
