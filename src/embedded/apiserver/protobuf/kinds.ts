/** Field tables of the kinds that are accepted as protobuf. Source: the generated.proto files of k8s.io/api, verbatim numbers. */
import { DecodeError, errorMessage } from '../../../base/errors.ts';
import { badRequest, unsupportedMediaType } from '../../../apimachinery/status.ts';
import { refusePrototypeKeys } from '../json.ts';
import { labelSelector, many, map, metadata, objectReference, one, optional, sub } from './common-messages.ts';
import { decodeMessage } from './wire.ts';
import type { Message } from './wire.ts';

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
const eventSource: Message = { 1: one('component'), 2: one('host') };
const eventSeries: Message = { 1: one('count', 'int'), 2: one('lastObservedTime', 'microTime') };
const coreEvent: Message = {
  1: metadata,
  2: sub('involvedObject', objectReference),
  3: one('reason'),
  4: one('message'),
  5: sub('source', eventSource),
  6: one('firstTimestamp', 'time'),
  7: one('lastTimestamp', 'time'),
  8: one('count', 'int'),
  9: one('type'),
  10: one('eventTime', 'microTime'),
  11: sub('series', eventSeries),
  12: one('action'),
  13: sub('related', objectReference),
  14: one('reportingComponent'),
  15: one('reportingInstance'),
};
const newEvent: Message = {
  1: metadata,
  2: one('eventTime', 'microTime'),
  3: sub('series', eventSeries),
  4: one('reportingController'),
  5: one('reportingInstance'),
  6: one('action'),
  7: one('reason'),
  8: sub('regarding', objectReference),
  9: sub('related', objectReference),
  10: one('note'),
  11: one('type'),
  12: sub('deprecatedSource', eventSource),
  13: one('deprecatedFirstTimestamp', 'time'),
  14: one('deprecatedLastTimestamp', 'time'),
  15: one('deprecatedCount', 'int'),
};
const dataSource: Message = {
  1: optional('apiGroup', 'string'),
  2: one('kind'),
  3: one('name'),
  4: optional('namespace', 'string'),
};
const claimSpec: Message = {
  1: many('accessModes'),
  2: sub('resources', { 1: map('limits', 'quantity'), 2: map('requests', 'quantity') }),
  3: one('volumeName'),
  4: sub('selector', labelSelector),
  5: optional('storageClassName', 'string'),
  6: optional('volumeMode', 'string'),
  7: sub('dataSource', dataSource),
  8: sub('dataSourceRef', dataSource),
  9: optional('volumeAttributesClassName', 'string'),
};
const storageClass: Message = {
  1: metadata,
  2: one('provisioner'),
  3: map('parameters'),
  4: optional('reclaimPolicy', 'string'),
  5: many('mountOptions'),
  6: optional('allowVolumeExpansion', 'bool'),
  7: optional('volumeBindingMode', 'string'),
  8: many('allowedTopologies', {
    message: { 1: many('matchLabelExpressions', { message: { 1: one('key'), 2: many('values') } }) },
  }),
};
const endpoint: Message = {
  1: many('addresses'),
  2: sub('conditions', {
    1: optional('ready', 'bool'),
    2: optional('serving', 'bool'),
    3: optional('terminating', 'bool'),
  }),
  3: optional('hostname', 'string'),
  4: sub('targetRef', objectReference),
  5: map('deprecatedTopology'),
  6: optional('nodeName', 'string'),
  7: optional('zone', 'string'),
  8: sub('hints', { 1: many('forZones', { message: { 1: one('name') } }) }),
};
const endpointSlice: Message = {
  1: metadata,
  2: many('endpoints', { message: endpoint }),
  3: many('ports', {
    message: {
      1: optional('name', 'string'),
      2: optional('protocol', 'string'),
      3: optional('port', 'int'),
      4: optional('appProtocol', 'string'),
    },
  }),
  4: one('addressType'),
};
const limitRangeItem: Message = {
  1: one('type'),
  2: map('max', 'quantity'),
  3: map('min', 'quantity'),
  4: map('default', 'quantity'),
  5: map('defaultRequest', 'quantity'),
  6: map('maxLimitRequestRatio', 'quantity'),
};

const rules = many('rules', {
  message: {
    1: many('verbs'),
    2: many('apiGroups'),
    3: many('resources'),
    4: many('resourceNames'),
    5: many('nonResourceURLs'),
  },
});
const roleBinding: Message = {
  1: metadata,
  2: many('subjects', { message: { 1: one('kind'), 2: one('apiGroup'), 3: one('name'), 4: one('namespace') } }),
  3: sub('roleRef', { 1: one('apiGroup'), 2: one('kind'), 3: one('name') }),
};
const tokenRequestSpec: Message = {
  1: many('audiences'),
  3: sub('boundObjectRef', { 1: one('kind'), 2: one('apiVersion'), 3: one('name'), 4: one('uid') }),
  4: optional('expirationSeconds', 'int'),
};
const servicePort: Message = {
  1: one('name'),
  2: one('protocol'),
  3: one('port', 'int'),
  4: optional('targetPort', 'intOrString'),
  5: one('nodePort', 'int'),
  6: optional('appProtocol', 'string'),
};
const serviceSpec: Message = {
  1: many('ports', { message: servicePort }),
  2: map('selector'),
  3: one('clusterIP'),
  4: one('type'),
  5: many('externalIPs'),
  7: one('sessionAffinity'),
  8: one('loadBalancerIP'),
  9: many('loadBalancerSourceRanges'),
  10: one('externalName'),
  11: one('externalTrafficPolicy'),
  12: one('healthCheckNodePort', 'int'),
  13: one('publishNotReadyAddresses', 'bool'),
  14: sub('sessionAffinityConfig', { 1: sub('clientIP', { 1: optional('timeoutSeconds', 'int') }) }),
  17: optional('ipFamilyPolicy', 'string'),
  18: many('clusterIPs'),
  19: many('ipFamilies'),
  20: optional('allocateLoadBalancerNodePorts', 'bool'),
  21: optional('loadBalancerClass', 'string'),
  22: optional('internalTrafficPolicy', 'string'),
  23: optional('trafficDistribution', 'string'),
};
const quotaSpec: Message = {
  1: map('hard', 'quantity'),
  2: many('scopes'),
  3: sub('scopeSelector', {
    1: many('matchExpressions', { message: { 1: one('scopeName'), 2: one('operator'), 3: many('values') } }),
  }),
};
const disruptionSpec: Message = {
  1: optional('minAvailable', 'intOrString'),
  2: sub('selector', labelSelector),
  3: optional('maxUnavailable', 'intOrString'),
  4: optional('unhealthyPodEvictionPolicy', 'string'),
};
const deleteOptions: Message = {
  1: optional('gracePeriodSeconds', 'int'),
  2: sub('preconditions', { 1: optional('uid', 'string'), 2: optional('resourceVersion', 'string') }),
  3: optional('orphanDependents', 'bool'),
  4: optional('propagationPolicy', 'string'),
  5: many('dryRun'),
};

const kinds: Readonly<Record<string, Message>> = {
  'v1/Service': { 1: metadata, 2: sub('spec', serviceSpec) },
  'v1/ResourceQuota': { 1: metadata, 2: sub('spec', quotaSpec) },
  'scheduling.k8s.io/v1/PriorityClass': {
    1: metadata,
    2: one('value', 'int'),
    3: one('globalDefault', 'bool'),
    4: one('description'),
    5: optional('preemptionPolicy', 'string'),
  },
  'policy/v1/PodDisruptionBudget': { 1: metadata, 2: sub('spec', disruptionSpec) },
  'policy/v1/Eviction': { 1: metadata, 2: sub('deleteOptions', deleteOptions) },
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
  'events.k8s.io/v1/Event': newEvent,
  'v1/PersistentVolumeClaim': { 1: metadata, 2: sub('spec', claimSpec) },
  'v1/LimitRange': { 1: metadata, 2: sub('spec', { 1: many('limits', { message: limitRangeItem }) }) },
  'storage.k8s.io/v1/StorageClass': storageClass,
  'discovery.k8s.io/v1/EndpointSlice': endpointSlice,
  'coordination.k8s.io/v1/Lease': { 1: metadata, 2: sub('spec', leaseSpec) },
  'authorization.k8s.io/v1/SelfSubjectAccessReview': { 1: metadata, 2: sub('spec', accessSpec) },
  'authorization.k8s.io/v1/SubjectAccessReview': { 1: metadata, 2: sub('spec', subjectSpec) },
  'authorization.k8s.io/v1/LocalSubjectAccessReview': { 1: metadata, 2: sub('spec', subjectSpec) },
  'authorization.k8s.io/v1/SelfSubjectRulesReview': { 1: metadata, 2: sub('spec', { 1: one('namespace') }) },
  'authentication.k8s.io/v1/SelfSubjectReview': { 1: metadata },
  'authentication.k8s.io/v1/TokenReview': { 1: metadata, 2: sub('spec', { 1: one('token'), 2: many('audiences') }) },
  'authentication.k8s.io/v1/TokenRequest': { 1: metadata, 2: sub('spec', tokenRequestSpec) },
  'rbac.authorization.k8s.io/v1/Role': { 1: metadata, 2: rules },
  'rbac.authorization.k8s.io/v1/ClusterRole': {
    1: metadata,
    2: rules,
    3: sub('aggregationRule', { 1: many('clusterRoleSelectors', { message: labelSelector }) }),
  },
  'rbac.authorization.k8s.io/v1/RoleBinding': roleBinding,
  'rbac.authorization.k8s.io/v1/ClusterRoleBinding': roleBinding,
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
