/** Schemas of the built-in kinds, for OpenAPI documents and for finding misspelt fields. */
import type { JsonSchema } from '../json-schema.ts';
import {
  configMapSchema,
  eventSchema,
  leaseSchema,
  namespaceSchema,
  newEventSchema,
  nodeSchema,
  secretSchema,
  serviceAccountSchema,
} from './core.ts';
import { customResourceDefinitionSchema } from './crd.ts';
import { podSchema } from './pod.ts';

const schemas: Readonly<Record<string, JsonSchema>> = {
  '/v1 Namespace': namespaceSchema,
  '/v1 Node': nodeSchema,
  '/v1 Pod': podSchema,
  '/v1 Secret': secretSchema,
  '/v1 ConfigMap': configMapSchema,
  '/v1 ServiceAccount': serviceAccountSchema,
  '/v1 Event': eventSchema,
  'events.k8s.io/v1 Event': newEventSchema,
  'coordination.k8s.io/v1 Lease': leaseSchema,
  'apiextensions.k8s.io/v1 CustomResourceDefinition': customResourceDefinitionSchema,
};

/** The openAPIV3Schema of a built-in kind; undefined for others. The core group is the empty text. */
export function findBuiltinSchema(group: string, version: string, kind: string): JsonSchema | undefined {
  const name = `${group}/${version} ${kind}`;
  return Object.hasOwn(schemas, name) ? schemas[name] : undefined;
}
