/** Persistent volumes. Source: core/v1 PersistentVolume and PersistentVolumeClaim, storage.k8s.io/v1 StorageClass. */
import type { JsonSchema } from '../json-schema.ts';
import { atomic, flag, list, object, open, quantities, quantity, text, textList, texts, time } from './build.ts';
import { conditions, labelSelector, objectReference } from './common.ts';
import { nodeSelector } from './pod-scheduling.ts';

/** Kinds of storage that nothing here acts on: kept as they come. */
const sources = Object.fromEntries(
  [
    'awsElasticBlockStore',
    'azureDisk',
    'azureFile',
    'cephfs',
    'cinder',
    'csi',
    'fc',
    'flexVolume',
    'flocker',
    'gcePersistentDisk',
    'glusterfs',
    'iscsi',
    'photonPersistentDisk',
    'portworxVolume',
    'quobyte',
    'rbd',
    'scaleIO',
    'storageos',
    'vsphereVolume',
  ].map((name): [string, JsonSchema] => [name, open(`Storage of the kind ${name}.`)]),
);

const accessModes = {
  ...textList('ReadWriteOnce, ReadOnlyMany, ReadWriteMany or ReadWriteOncePod.'),
  'x-kubernetes-list-type': 'atomic',
} as const;

export const persistentVolumeSchema = object('A piece of storage that exists apart from Pods.', {
  spec: object('What the storage is.', {
    ...sources,
    accessModes,
    capacity: quantities('How much there is.'),
    claimRef: objectReference('The claim that has it.'),
    hostPath: object('A directory of the node.', { path: text('The directory.'), type: text('What must be there.') }, [
      'path',
    ]),
    local: object('A disk or directory of a node.', { path: text('Where.'), fsType: text('File system.') }, ['path']),
    mountOptions: textList('Options of the mount.'),
    nfs: object(
      'A directory of an NFS server.',
      { server: text('The server.'), path: text('The directory.'), readOnly: flag('Is it read-only?') },
      ['server', 'path'],
    ),
    nodeAffinity: object('From which nodes it can be reached.', { required: nodeSelector }),
    persistentVolumeReclaimPolicy: text('What happens when its claim goes: Retain, Delete or Recycle.'),
    storageClassName: text('Class of the storage.'),
    volumeAttributesClassName: text('Attributes of the storage.'),
    volumeMode: text('Filesystem or Block.'),
  }),
  status: object('The state of the storage.', {
    phase: text('Pending, Available, Bound, Released or Failed.'),
    message: text('Why, for a person.'),
    reason: text('Why, in one word for programs.'),
    lastPhaseTransitionTime: time('When the phase last changed.'),
  }),
});

const dataSource = (description: string): JsonSchema =>
  atomic(
    object(
      description,
      {
        apiGroup: text('API group of the object.'),
        kind: text('Kind of the object.'),
        name: text('Name of the object.'),
        namespace: text('Namespace of the object.'),
      },
      ['kind', 'name'],
    ),
  );

export const persistentVolumeClaimSchema = object('A wish for storage, and the right to use it.', {
  spec: object('What is wanted.', {
    accessModes,
    dataSource: dataSource('What the storage begins with.'),
    dataSourceRef: dataSource('What the storage begins with.'),
    resources: object('How much.', { limits: quantities('At most.'), requests: quantities('At least.') }),
    selector: labelSelector('Which volumes.'),
    storageClassName: text('Class of the storage; empty for none.'),
    volumeAttributesClassName: text('Attributes of the storage.'),
    volumeMode: text('Filesystem or Block.'),
    volumeName: text('The volume; set when bound.'),
  }),
  status: object('The state of the claim.', {
    accessModes,
    allocatedResourceStatuses: texts('State of a change of size.'),
    allocatedResources: quantities('Size that is being made.'),
    capacity: quantities('How much there is.'),
    conditions: conditions('State of a change of size.', { lastProbeTime: time('When it was last looked at.') }),
    currentVolumeAttributesClassName: text('Attributes that the volume has.'),
    modifyVolumeStatus: open('State of a change of attributes.'),
    phase: text('Pending, Bound or Lost.'),
  }),
});

export const storageClassSchema = object(
  'A kind of storage that claims can ask for.',
  {
    allowVolumeExpansion: flag('May claims grow?'),
    allowedTopologies: list('Where volumes may be made.', open('Places.')),
    mountOptions: textList('Options of the mount.'),
    parameters: texts('Settings of the provisioner.'),
    provisioner: text('Who makes volumes.'),
    reclaimPolicy: text('Delete or Retain.'),
    volumeBindingMode: text('Immediate or WaitForFirstConsumer.'),
  },
  ['provisioner'],
);

const size = quantity('An amount, such as 500m, 2 or 1Gi.');

const limits: Readonly<Record<string, JsonSchema>> = Object.fromEntries(
  [
    ['max', 'At most this much.'],
    ['min', 'At least this much.'],
    ['default', 'Limit of who names none.'],
    ['defaultRequest', 'Request of who names none.'],
    ['maxLimitRequestRatio', 'How often the request the limit may be.'],
  ].map(([name, description]) => [name, { type: 'object', description, additionalProperties: size }] as const),
);

export const limitRangeSchema = object('What one object of a namespace may ask for.', {
  spec: object(
    'The limits.',
    {
      limits: list(
        'By kind of object.',
        object('For one kind.', { type: text('Pod, Container or PersistentVolumeClaim.'), ...limits }, ['type']),
      ),
    },
    ['limits'],
  ),
});

export const resourceQuotaSchema = object('What all objects of a namespace together may ask for.', {
  spec: object('The limits.', {
    hard: quantities('At most this much of each: pods, requests.cpu, count/configmaps, ...'),
    scopes: textList('Only objects of which all hold: Terminating, NotTerminating, BestEffort, NotBestEffort.'),
    scopeSelector: object('Only objects of which all hold.', {
      matchExpressions: list(
        'Conditions.',
        object(
          'A condition.',
          {
            scopeName: text('What it is about.'),
            operator: text('In, NotIn, Exists or DoesNotExist.'),
            values: textList('Compared with.'),
          },
          ['scopeName', 'operator'],
        ),
      ),
    }),
  }),
  status: object('What is used.', {
    hard: quantities('The limits in force.'),
    used: quantities('What is used of them.'),
  }),
});
