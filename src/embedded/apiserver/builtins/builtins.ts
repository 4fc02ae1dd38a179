/** All built-in kinds. */
import type { ResourceDefinition } from '../resource.ts';
import { accessReviewDefinitions } from './access-review.ts';
import { admissionRegistrationDefinitions } from './admission-registration.ts';
import { crdDefinition } from './crd.ts';
import type { BuiltinSchemas } from './define.ts';
import { eventDefinitions } from './event.ts';
import { nodeDefinition } from './node.ts';
import {
  configMapDefinition,
  leaseDefinition,
  namespaceDefinition,
  secretDefinition,
  serviceAccountDefinition,
} from './plain.ts';
import { podDefinition } from './pod.ts';
import { quotaDefinitions } from './quota.ts';
import { rbacDefinitions } from './rbac.ts';
import { serviceDefinitions } from './service.ts';
import { storageDefinitions } from './storage.ts';
import { workloadDefinitions } from './workload.ts';

/** `podStreams`: the connect subresources that Pods have here. */
export function builtinDefinitions(schemas: BuiltinSchemas, podStreams: readonly string[] = []): ResourceDefinition[] {
  return [
    configMapDefinition(schemas),
    ...eventDefinitions(schemas),
    namespaceDefinition(schemas),
    nodeDefinition(schemas),
    podDefinition(schemas, podStreams),
    secretDefinition(schemas),
    serviceAccountDefinition(schemas),
    leaseDefinition(schemas),
    crdDefinition(schemas),
    ...admissionRegistrationDefinitions(schemas),
    ...storageDefinitions(schemas),
    ...serviceDefinitions(schemas),
    ...quotaDefinitions(schemas),
    ...workloadDefinitions(schemas),
    ...rbacDefinitions(schemas),
    ...accessReviewDefinitions(schemas),
  ];
}
