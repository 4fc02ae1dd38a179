/**
 * Brings the roles of `BootstrapPolicy` back at each start: missing ones are made, missing rules and subjects added. What
 * somebody added stays, and an object with the autoupdate annotation at "false" is left alone. Source:
 * pkg/registry/rbac/reconciliation of Kubernetes.
 */
import type { KubeObject, ResourceType } from '../../apimachinery/object.ts';
import { isAlreadyExists, isNotFound } from '../../apimachinery/status.ts';
import type { KubeClient } from '../../client/client.ts';
import { isDeepStrictEqual } from 'node:util';
import type { BootstrapPolicy } from './bootstrap-roles.ts';
import { uncoveredRules } from './rules.ts';
import { clusterRoleBindingType, clusterRoleType } from './types.ts';
import type { ClusterRole, RoleBinding } from './types.ts';

const autoupdate = 'rbac.authorization.kubernetes.io/autoupdate';

export async function reconcileBootstrapPolicy(client: KubeClient, policy: BootstrapPolicy): Promise<void> {
  await Promise.all([
    ...policy.roles.map((role) => ensure(client, clusterRoleType, role, mergeRole)),
    ...policy.bindings.map((binding) => ensure(client, clusterRoleBindingType, binding, mergeBinding)),
  ]);
}

async function ensure<T extends KubeObject>(
  client: KubeClient,
  type: ResourceType<T>,
  wanted: T,
  merge: (found: T, wanted: T) => T,
): Promise<void> {
  let found: T;
  try {
    found = await client.get(type, { name: wanted.metadata.name });
  } catch (error) {
    if (!isNotFound(error)) {
      throw error;
    }
    try {
      await client.create(type, wanted);
    } catch (created) {
      if (!isAlreadyExists(created)) {
        throw created;
      }
    }
    return;
  }
  if (found.metadata.annotations?.[autoupdate] === 'false') {
    return;
  }
  const labels = { ...wanted.metadata.labels, ...found.metadata.labels };
  const annotations = { ...wanted.metadata.annotations, ...found.metadata.annotations };
  const next = merge({ ...found, metadata: { ...found.metadata, labels, annotations } }, wanted);
  if (!isDeepStrictEqual(next, found)) {
    await client.update(type, next);
  }
}

function mergeRole(found: ClusterRole, wanted: ClusterRole): ClusterRole {
  if (wanted.aggregationRule !== undefined) {
    const { aggregationRule } = wanted;
    return found.aggregationRule === undefined ? { ...found, aggregationRule } : found;
  }
  const missing = uncoveredRules(found.rules ?? [], wanted.rules ?? []);
  return missing.length === 0 ? found : { ...found, rules: [...(found.rules ?? []), ...missing] };
}

function mergeBinding(found: RoleBinding, wanted: RoleBinding): RoleBinding {
  const subjects = found.subjects ?? [];
  const missing = (wanted.subjects ?? []).filter(
    (subject) => !subjects.some(({ kind, name }) => kind === subject.kind && name === subject.name),
  );
  return missing.length === 0 ? found : { ...found, subjects: [...subjects, ...missing] };
}
