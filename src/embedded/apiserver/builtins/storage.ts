/** Persistent volumes, their claims and classes. Source: pkg/apis/core/validation, pkg/printers of Kubernetes. */
import { forbiddenField, invalidField, notSupportedField, requiredField } from '../../../apimachinery/field-error.ts';
import type { FieldError } from '../../../apimachinery/field-error.ts';
import type { KubeObject } from '../../../apimachinery/object.ts';
import { compareQuantities } from '../../../apimachinery/quantity.ts';
import { isDeepStrictEqual } from 'node:util';
import type { ResourceDefinition, Strategy } from '../resource.ts';
import { claimProtection, defaultClassAnnotation, volumeProtection } from '../volumes/types.ts';
import type { PersistentVolume, PersistentVolumeClaim, StorageClass } from '../volumes/types.ts';
import { ageColumn, column, defineBuiltin } from './define.ts';
import type { BuiltinSchemas } from './define.ts';

const accessModes = ['ReadWriteOnce', 'ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOncePod'] as const;
const shortModes: Readonly<Record<string, string>> = {
  ReadWriteOnce: 'RWO',
  ReadOnlyMany: 'ROX',
  ReadWriteMany: 'RWX',
  ReadWriteOncePod: 'RWOP',
};
const volumeModes = ['Block', 'Filesystem'] as const;
/** Members of a volume's spec that are not its source. */
const notSources: ReadonlySet<string> = new Set([
  'accessModes',
  'capacity',
  'claimRef',
  'mountOptions',
  'nodeAffinity',
  'persistentVolumeReclaimPolicy',
  'storageClassName',
  'volumeAttributesClassName',
  'volumeMode',
]);

export function storageDefinitions(schemas: BuiltinSchemas): ResourceDefinition[] {
  return [
    defineBuiltin(
      {
        group: '',
        resource: 'persistentvolumes',
        kind: 'PersistentVolume',
        namespaced: false,
        shortNames: ['pv'],
        hasStatus: true,
        strategy: volumeStrategy,
        columns: [
          column<PersistentVolume>('Capacity', ({ spec }) => spec.capacity?.['storage'] ?? ''),
          column<PersistentVolume>('Access Modes', ({ spec }) => formatModes(spec.accessModes)),
          column<PersistentVolume>('Reclaim Policy', ({ spec }) => spec.persistentVolumeReclaimPolicy),
          column<PersistentVolume>('Status', (volume) => shownPhase(volume, volume.status?.phase)),
          column<PersistentVolume>('Claim', ({ spec }) =>
            spec.claimRef === undefined ? '' : `${spec.claimRef.namespace}/${spec.claimRef.name}`,
          ),
          column<PersistentVolume>('StorageClass', ({ spec }) => spec.storageClassName ?? ''),
          column<PersistentVolume>('VolumeAttributesClass', () => '<unset>'),
          column<PersistentVolume>('Reason', ({ status }) => status?.reason ?? ''),
          ageColumn,
          column<PersistentVolume>('VolumeMode', ({ spec }) => spec.volumeMode, { priority: 1 }),
        ],
      },
      schemas,
    ),
    defineBuiltin(
      {
        group: '',
        resource: 'persistentvolumeclaims',
        kind: 'PersistentVolumeClaim',
        namespaced: true,
        shortNames: ['pvc'],
        hasStatus: true,
        strategy: claimStrategy,
        columns: [
          column<PersistentVolumeClaim>('Status', (claim) => shownPhase(claim, claim.status?.phase)),
          column<PersistentVolumeClaim>('Volume', ({ spec }) => spec.volumeName ?? ''),
          column<PersistentVolumeClaim>('Capacity', ({ status }) => status?.capacity?.['storage'] ?? ''),
          column<PersistentVolumeClaim>('Access Modes', ({ status }) => formatModes(status?.accessModes)),
          column<PersistentVolumeClaim>('StorageClass', ({ spec }) => spec.storageClassName ?? ''),
          column<PersistentVolumeClaim>('VolumeAttributesClass', () => '<unset>'),
          ageColumn,
          column<PersistentVolumeClaim>('VolumeMode', ({ spec }) => spec.volumeMode, { priority: 1 }),
        ],
      },
      schemas,
    ),
    defineBuiltin(
      {
        group: 'storage.k8s.io',
        resource: 'storageclasses',
        kind: 'StorageClass',
        namespaced: false,
        shortNames: ['sc'],
        strategy: classStrategy,
        shownName: ({ metadata: { name, annotations } }) =>
          annotations?.[defaultClassAnnotation] === 'true' ? `${name} (default)` : name,
        columns: [
          column<StorageClass>('Provisioner', ({ provisioner }) => provisioner),
          column<StorageClass>('ReclaimPolicy', ({ reclaimPolicy }) => reclaimPolicy),
          column<StorageClass>('VolumeBindingMode', ({ volumeBindingMode }) => volumeBindingMode),
          column<StorageClass>('AllowVolumeExpansion', ({ allowVolumeExpansion = false }) => allowVolumeExpansion, {
            type: 'boolean',
          }),
          ageColumn,
        ],
      },
      schemas,
    ),
  ];
}

function formatModes(modes: readonly string[] | undefined): string {
  return (modes ?? []).map((mode) => shortModes[mode] ?? mode).join(',');
}

function shownPhase(object: KubeObject, phase: string | undefined): string {
  return object.metadata.deletionTimestamp === undefined ? (phase ?? '') : 'Terminating';
}

function addFinalizer({ metadata }: KubeObject, finalizer: string): void {
  metadata.finalizers = [...new Set([...(metadata.finalizers ?? []), finalizer])];
}

function validateModes(path: string, modes: readonly string[] | undefined): FieldError[] {
  if ((modes ?? []).length === 0) {
    return [requiredField(path, 'at least 1 access mode is required')];
  }
  const known: readonly string[] = accessModes;
  const errors = (modes ?? [])
    .filter((mode) => !known.includes(mode))
    .map((mode) => notSupportedField(path, mode, accessModes));
  if ((modes ?? []).includes('ReadWriteOncePod') && (modes ?? []).length > 1) {
    errors.push(forbiddenField(path, 'may not use ReadWriteOncePod with other access modes'));
  }
  return errors;
}

function validateVolumeMode(mode: string | undefined): FieldError[] {
  const known: readonly string[] = volumeModes;
  return mode === undefined || known.includes(mode) ? [] : [notSupportedField('spec.volumeMode', mode, volumeModes)];
}

function validateSize(path: string, size: string | undefined): FieldError[] {
  if (size === undefined) {
    return [requiredField(path)];
  }
  return compareQuantities(size, '0') > 0 ? [] : [invalidField(path, size, 'must be greater than zero')];
}

function sourceOf(volume: PersistentVolume): Record<string, unknown> {
  return Object.fromEntries(Object.entries(volume.spec).filter(([name]) => !notSources.has(name)));
}

const volumeStrategy: Strategy = {
  prepareForCreate(object) {
    const volume = object as PersistentVolume;
    volume.spec = { persistentVolumeReclaimPolicy: 'Retain', volumeMode: 'Filesystem', ...volume.spec };
    volume.status = { phase: 'Pending' };
    addFinalizer(object, volumeProtection);
  },
  validate(object) {
    const volume = object as PersistentVolume;
    const { spec } = volume;
    const sources = Object.keys(sourceOf(volume));
    const policies = ['Delete', 'Recycle', 'Retain'] as const;
    const known: readonly string[] = policies;
    return [
      ...validateModes('spec.accessModes', spec.accessModes),
      ...validateSize('spec.capacity[storage]', spec.capacity?.['storage']),
      ...validateVolumeMode(spec.volumeMode),
      ...(sources.length === 0 ? [requiredField('spec', 'must specify a volume type')] : []),
      ...sources.slice(1).map((name) => forbiddenField(`spec.${name}`, 'may not specify more than 1 volume type')),
      ...(spec.persistentVolumeReclaimPolicy === undefined || known.includes(spec.persistentVolumeReclaimPolicy)
        ? []
        : [notSupportedField('spec.persistentVolumeReclaimPolicy', spec.persistentVolumeReclaimPolicy, policies)]),
    ];
  },
  validateUpdate(object, old) {
    const [volume, before] = [object as PersistentVolume, old as PersistentVolume];
    return [
      ...(isDeepStrictEqual(sourceOf(volume), sourceOf(before))
        ? []
        : [forbiddenField('spec.persistentvolumesource', 'spec.persistentvolumesource is immutable after creation')]),
      ...(volume.spec.volumeMode === before.spec.volumeMode
        ? []
        : [invalidField('spec.volumeMode', volume.spec.volumeMode, 'field is immutable')]),
    ];
  },
};

const claimStrategy: Strategy = {
  prepareForCreate(object) {
    const claim = object as PersistentVolumeClaim;
    claim.spec = { ...claim.spec };
    claim.spec.volumeMode ??= 'Filesystem';
    claim.status = { phase: 'Pending' };
    addFinalizer(object, claimProtection);
  },
  validate(object) {
    const { spec } = object as PersistentVolumeClaim;
    return [
      ...validateModes('spec.accessModes', spec.accessModes),
      ...validateSize('spec.resources[storage]', spec.resources?.requests?.['storage']),
      ...validateVolumeMode(spec.volumeMode),
    ];
  },
  validateUpdate(object, old) {
    const [claim, before] = [object as PersistentVolumeClaim, old as PersistentVolumeClaim];
    const bound = before.status?.phase === 'Bound';
    const fixed = (spec: PersistentVolumeClaim['spec']): unknown => ({
      ...spec,
      ...((before.spec.volumeName ?? '') === '' && { volumeName: undefined }),
      ...(bound && { resources: undefined, volumeAttributesClassName: undefined }),
      // May be given later by who waits for a default class.
      ...(before.spec.storageClassName === undefined && { storageClassName: undefined }),
    });
    const errors: FieldError[] = [];
    if (!isDeepStrictEqual(fixed(claim.spec), fixed(before.spec))) {
      const text =
        'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims';
      errors.push(forbiddenField('spec', text));
    }
    const [wanted, had] = [claim, before].map(({ spec }) => spec.resources?.requests?.['storage']);
    if (bound && wanted !== undefined && had !== undefined && compareQuantities(wanted, had) < 0) {
      errors.push(forbiddenField('spec.resources.requests.storage', 'field can not be less than status.capacity'));
    }
    return errors;
  },
  fields: { name: (object) => object.metadata.name },
};

const classStrategy: Strategy = {
  prepareForCreate(object) {
    const storageClass = object as StorageClass;
    storageClass.reclaimPolicy ??= 'Delete';
    storageClass.volumeBindingMode ??= 'Immediate';
  },
  validate(object) {
    const { provisioner, volumeBindingMode = 'Immediate', reclaimPolicy = 'Delete', metadata } = object as StorageClass;
    const modes = ['Immediate', 'WaitForFirstConsumer'] as const;
    const policies = ['Delete', 'Retain'] as const;
    const isDefault = metadata.annotations?.[defaultClassAnnotation];
    return [
      ...(provisioner === '' ? [requiredField('provisioner')] : []),
      ...((modes as readonly string[]).includes(volumeBindingMode)
        ? []
        : [notSupportedField('volumeBindingMode', volumeBindingMode, modes)]),
      ...((policies as readonly string[]).includes(reclaimPolicy)
        ? []
        : [notSupportedField('reclaimPolicy', reclaimPolicy, policies)]),
      ...(isDefault === undefined || isDefault === 'true' || isDefault === 'false'
        ? []
        : [invalidField(`metadata.annotations[${defaultClassAnnotation}]`, isDefault, 'must be "true" or "false"')]),
    ];
  },
  validateUpdate(object, old) {
    const [now, before] = [object as StorageClass, old as StorageClass];
    return (['parameters', 'provisioner', 'reclaimPolicy', 'volumeBindingMode'] as const)
      .filter((field) => !isDeepStrictEqual(now[field], before[field]))
      .map((field) => forbiddenField(field, `updates to ${field} are forbidden.`));
  },
};
