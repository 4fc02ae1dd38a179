/**
 * Schemas of the built-in kinds: what a server checks and prunes by, and what its OpenAPI documents say. They name what the
 * kinds hold, in words of our own; only parts that nothing here acts on are left open.
 */
import type { JsonSchema } from '../json-schema.ts';
import { compileStructuralSchema, type CompiledSchema } from '../structural-schema.ts';
import { admissionRegistrationSchemas } from './admission-registration.ts';
import { customResourceDefinitionSchema } from './custom-resource-definition.ts';
import { eventSchema, newEventSchema } from './event.ts';
import { endpointSliceSchema, endpointsSchema, serviceSchema } from './network.ts';
import { nodeSchema } from './node.ts';
import { configMapSchema, leaseSchema, namespaceSchema, secretSchema, serviceAccountSchema } from './plain.ts';
import { podSchema } from './pod.ts';
import { createQuantityWriter } from './quantity-numbers.ts';
import { clusterRoleBindingSchema, clusterRoleSchema, roleBindingSchema, roleSchema } from './rbac.ts';
import {
  limitRangeSchema,
  persistentVolumeClaimSchema,
  persistentVolumeSchema,
  resourceQuotaSchema,
  storageClassSchema,
} from './storage.ts';
import { controllerRevisionSchema, podDisruptionBudgetSchema, priorityClassSchema } from './workload.ts';

const schemas: Readonly<Record<string, JsonSchema>> = {
  '/v1 ConfigMap': configMapSchema,
  '/v1 Event': eventSchema,
  '/v1 Namespace': namespaceSchema,
  '/v1 Node': nodeSchema,
  '/v1 Pod': podSchema,
  '/v1 Secret': secretSchema,
  '/v1 ServiceAccount': serviceAccountSchema,
  'events.k8s.io/v1 Event': newEventSchema,
  'coordination.k8s.io/v1 Lease': leaseSchema,
  '/v1 PersistentVolume': persistentVolumeSchema,
  '/v1 PersistentVolumeClaim': persistentVolumeClaimSchema,
  '/v1 ResourceQuota': resourceQuotaSchema,
  '/v1 LimitRange': limitRangeSchema,
  '/v1 Service': serviceSchema,
  '/v1 Endpoints': endpointsSchema,
  'discovery.k8s.io/v1 EndpointSlice': endpointSliceSchema,
  'storage.k8s.io/v1 StorageClass': storageClassSchema,
  'scheduling.k8s.io/v1 PriorityClass': priorityClassSchema,
  'apps/v1 ControllerRevision': controllerRevisionSchema,
  'policy/v1 PodDisruptionBudget': podDisruptionBudgetSchema,
  'rbac.authorization.k8s.io/v1 Role': roleSchema,
  'rbac.authorization.k8s.io/v1 ClusterRole': clusterRoleSchema,
  'rbac.authorization.k8s.io/v1 RoleBinding': roleBindingSchema,
  'rbac.authorization.k8s.io/v1 ClusterRoleBinding': clusterRoleBindingSchema,
  'apiextensions.k8s.io/v1 CustomResourceDefinition': customResourceDefinitionSchema,
  ...admissionRegistrationSchemas,
};

/** The openAPIV3Schema of a built-in kind; undefined for others. The core group is the empty text. */
export function findBuiltinSchema(group: string, version: string, kind: string): JsonSchema | undefined {
  const name = `${group}/${version} ${kind}`;
  return Object.hasOwn(schemas, name) ? schemas[name] : undefined;
}

export type BuiltinSchemaChecks = Pick<CompiledSchema, 'root' | 'applyDefaults' | 'prune' | 'validate'> & {
  /** Quantities given as numbers become text, in place. */
  readonly normalize: (object: unknown) => void;
};

/** Compiled at the first use, since most kinds are rarely written. Quantities given as numbers become text. */
export function compileBuiltinSchema(source: JsonSchema): BuiltinSchemaChecks {
  let known: { readonly schema: CompiledSchema; readonly writeQuantities: (value: unknown) => void } | undefined;
  const compiled = (): NonNullable<typeof known> => {
    known ??= { schema: compileStructuralSchema(source), writeQuantities: createQuantityWriter(source) };
    return known;
  };
  return {
    get root() {
      return compiled().schema.root;
    },
    normalize: (object) => compiled().writeQuantities(object),
    applyDefaults(object) {
      const { schema, writeQuantities } = compiled();
      schema.applyDefaults(object);
      writeQuantities(object);
    },
    prune: (object) => compiled().schema.prune(object),
    validate: (object) => compiled().schema.validate(object),
  };
}
