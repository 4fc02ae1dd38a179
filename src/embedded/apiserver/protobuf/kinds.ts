/** Field tables of the kinds that are accepted as protobuf. Source: the generated.proto files of k8s.io/api, verbatim numbers. */
import { DecodeError, errorMessage } from '../../../base/errors.ts';
import { badRequest, unsupportedMediaType } from '../../../apimachinery/status.ts';
import { refusePrototypeKeys } from '../json.ts';
import { decodeMessage } from './wire.ts';
import type { Field, FieldType, Message } from './wire.ts';

const one = (name: string, type: FieldType = 'string'): Field => ({ name, type });
const optional = (name: string, type: FieldType): Field => ({ name, type, optional: true });
const many = (name: string, type: FieldType = 'string'): Field => ({ name, type, repeated: true });
const sub = (name: string, message: Message): Field => ({ name, type: { message } });
const map = (name: string, value: 'string' | 'bytes' = 'string'): Field => ({ name, type: { map: value } });

const ownerReference: Message = {
  1: one('kind'),
  3: one('name'),
  4: one('uid'),
  5: one('apiVersion'),
  6: optional('controller', 'bool'),
  7: optional('blockOwnerDeletion', 'bool'),
};
const objectMeta: Message = {
  1: one('name'),
  2: one('generateName'),
  3: one('namespace'),
  5: one('uid'),
  6: one('resourceVersion'),
  7: one('generation', 'int'),
  8: one('creationTimestamp', 'time'),
  9: one('deletionTimestamp', 'time'),
  10: optional('deletionGracePeriodSeconds', 'int'),
  11: map('labels'),
  12: map('annotations'),
  13: many('ownerReferences', { message: ownerReference }),
  14: many('finalizers'),
};
const metadata = sub('metadata', objectMeta);
const objectReference: Message = {
  1: one('kind'),
  2: one('namespace'),
  3: one('name'),
  4: one('uid'),
  5: one('apiVersion'),
  6: one('resourceVersion'),
  7: one('fieldPath'),
};
const resourceAttributes: Message = {
  1: one('namespace'),
  2: one('verb'),
  3: one('group'),
  4: one('version'),
  5: one('resource'),
  6: one('subresource'),
  7: one('name'),
};
const nonResourceAttributes: Message = { 1: one('path'), 2: one('verb') };
const accessSpec: Message = {
  1: sub('resourceAttributes', resourceAttributes),
  2: sub('nonResourceAttributes', nonResourceAttributes),
};
const subjectSpec: Message = { ...accessSpec, 3: one('user'), 4: many('groups'), 6: one('uid') };
const leaseSpec: Message = {
  1: optional('holderIdentity', 'string'),
  2: optional('leaseDurationSeconds', 'int'),
  3: one('acquireTime', 'microTime'),
  4: one('renewTime', 'microTime'),
  5: optional('leaseTransitions', 'int'),
};
const coreEvent: Message = {
  1: metadata,
  2: sub('involvedObject', objectReference),
  3: one('reason'),
  4: one('message'),
  5: sub('source', { 1: one('component'), 2: one('host') }),
  6: one('firstTimestamp', 'time'),
  7: one('lastTimestamp', 'time'),
  8: one('count', 'int'),
  9: one('type'),
  10: one('eventTime', 'microTime'),
  12: one('action'),
  13: sub('related', objectReference),
  14: one('reportingComponent'),
  15: one('reportingInstance'),
};

const kinds: Readonly<Record<string, Message>> = {
  'v1/ConfigMap': { 1: metadata, 2: map('data'), 3: map('binaryData', 'bytes'), 4: optional('immutable', 'bool') },
  'v1/Secret': {
    1: metadata,
    2: map('data', 'bytes'),
    3: one('type'),
    4: map('stringData'),
    5: optional('immutable', 'bool'),
  },
  'v1/Namespace': { 1: metadata, 2: sub('spec', { 1: many('finalizers') }), 3: sub('status', { 1: one('phase') }) },
  'v1/ServiceAccount': {
    1: metadata,
    2: many('secrets', { message: objectReference }),
    3: many('imagePullSecrets', { message: { 1: one('name') } }),
    4: optional('automountServiceAccountToken', 'bool'),
  },
  'v1/Binding': { 1: metadata, 2: sub('target', objectReference) },
  'v1/Event': coreEvent,
  'coordination.k8s.io/v1/Lease': { 1: metadata, 2: sub('spec', leaseSpec) },
  'authorization.k8s.io/v1/SelfSubjectAccessReview': { 1: metadata, 2: sub('spec', accessSpec) },
  'authorization.k8s.io/v1/SubjectAccessReview': { 1: metadata, 2: sub('spec', subjectSpec) },
  'authorization.k8s.io/v1/LocalSubjectAccessReview': { 1: metadata, 2: sub('spec', subjectSpec) },
  'authorization.k8s.io/v1/SelfSubjectRulesReview': { 1: metadata, 2: sub('spec', { 1: one('namespace') }) },
  'authentication.k8s.io/v1/SelfSubjectReview': { 1: metadata },
};
const deleteOptions: Message = {
  1: optional('gracePeriodSeconds', 'int'),
  2: sub('preconditions', { 1: optional('uid', 'string'), 2: optional('resourceVersion', 'string') }),
  3: optional('orphanDependents', 'bool'),
  4: optional('propagationPolicy', 'string'),
  5: many('dryRun'),
};

const magic = Buffer.from('k8s\0');
const unknownEnvelope: Message = {
  1: sub('typeMeta', { 1: one('apiVersion'), 2: one('kind') }),
  2: one('raw', 'bytes'),
};

export const protobufType = 'application/vnd.kubernetes.protobuf';

/** The object in its JSON form. Throws BadRequest, or UnsupportedMediaType for a kind that is taken as JSON only. */
export function decodeKubernetesProtobuf(bytes: Uint8Array): unknown {
  if (!Buffer.from(bytes.subarray(0, magic.length)).equals(magic)) {
    throw badRequest('the object provided does not start as Kubernetes protobuf does');
  }
  try {
    const envelope = decodeMessage(unknownEnvelope, bytes.subarray(magic.length));
    const { apiVersion = '', kind = '' } = (envelope['typeMeta'] ?? {}) as { apiVersion?: string; kind?: string };
    const name = `${apiVersion}/${kind}`;
    const message = kind === 'DeleteOptions' ? deleteOptions : Object.hasOwn(kinds, name) ? kinds[name] : undefined;
    if (message === undefined) {
      throw unsupportedMediaType(['application/json', 'application/yaml']);
    }
    const raw = Buffer.from((envelope['raw'] as string | undefined) ?? '', 'base64');
    const object = { apiVersion, kind, ...decodeMessage(message, raw) };
    refusePrototypeKeys(object);
    return object;
  } catch (error) {
    if (error instanceof DecodeError) {
      throw badRequest(`the object provided is not valid protobuf: ${errorMessage(error)}`);
    }
    throw error;
  }
}
