/**
 * Binds claims to volumes that somebody made, and lets both go only when nobody uses them.
 *
 *   claim   Pending --a volume fits--> Bound --volume gone--> Lost
 *   volume  Pending --> Available --claim--> Bound --claim gone--> Released
 */
import { formatTime } from '../../../apimachinery/time.ts';
import type { Pod } from '../../../apimachinery/core.ts';
import type { KubeObject } from '../../../apimachinery/object.ts';
import type { ApiContext } from '../context.ts';
import { parseStored } from '../object-view.ts';
import { storagePrefix } from '../resource.ts';
import { startStoreController } from '../store-controller.ts';
import type { StoreController } from '../store-controller.ts';
import { changeStored } from '../stored-change.ts';
import { findVolume, isReservedFor } from './match.ts';
import { claimProtection, volumeProtection } from './types.ts';
import type { PersistentVolume, PersistentVolumeClaim, StorageClass } from './types.ts';

const claims = storagePrefix('', 'persistentvolumeclaims');
const volumes = storagePrefix('', 'persistentvolumes');
const pods = storagePrefix('', 'pods');
const classes = storagePrefix('storage.k8s.io', 'storageclasses');
const bindCompleted = 'pv.kubernetes.io/bind-completed';
const boundByController = 'pv.kubernetes.io/bound-by-controller';

/** The claims that the Pod uses. */
export function claimsOf(pod: Pod): string[] {
  const all = (pod.spec.volumes ?? []) as { persistentVolumeClaim?: { claimName?: string } }[];
  return all.flatMap(({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName ?? []);
}

export function startVolumeBinder(context: ApiContext): StoreController {
  const { store, registry } = context;

  // eslint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller names the kind that it reads
  const read = <T extends KubeObject>(key: string): T | undefined => {
    const entry = store.latest(key);
    return entry && (parseStored(entry.value) as T);
  };
  const allVolumes = (): PersistentVolume[] =>
    store.range({ prefix: volumes }).entries.map(({ value }) => parseStored(value) as PersistentVolume);
  const pendingClaims = (): string[] =>
    store
      .range({ prefix: claims })
      .entries.filter(({ value }) => (parseStored(value) as PersistentVolumeClaim).status?.phase !== 'Bound')
      .map(({ key }) => key);
  const change = async (key: string, mutate: (object: KubeObject) => boolean | void): Promise<void> => {
    const definition = registry.findDefinition(
      '',
      key.startsWith(claims) ? 'persistentvolumeclaims' : 'persistentvolumes',
    );
    if (definition !== undefined) {
      await changeStored(context, definition, key, mutate);
    }
  };

  return startStoreController(context, {
    name: 'volume-binder',
    prefixes: [claims, volumes, classes, pods],
    keysOf({ type, key, value }) {
      if (key.startsWith(pods)) {
        const pod = parseStored(value) as Pod;
        return claimsOf(pod).map((name) => `${claims}${pod.metadata.namespace}/${name}`);
      }
      if (key.startsWith(claims)) {
        const { volumeName } = (parseStored(value) as PersistentVolumeClaim).spec;
        return [key, ...(volumeName ? [`${volumes}${volumeName}`] : [])];
      }
      if (key.startsWith(classes)) {
        return pendingClaims();
      }
      const { claimRef } = (parseStored(value) as PersistentVolume).spec;
      const owner = claimRef === undefined ? [] : [`${claims}${claimRef.namespace}/${claimRef.name}`];
      return [...(type === 'delete' ? [] : [key]), ...owner, ...pendingClaims()];
    },
    reconcile: (key) => (key.startsWith(claims) ? reconcileClaim(key) : reconcileVolume(key)),
  });

  async function reconcileClaim(key: string): Promise<void> {
    const claim = read<PersistentVolumeClaim>(key);
    if (claim === undefined) {
      return;
    }
    if (claim.metadata.deletionTimestamp !== undefined) {
      if (!isUsed(claim)) {
        await change(key, (object) => dropFinalizer(object, claimProtection));
      }
      return;
    }
    if (claim.metadata.annotations?.[bindCompleted] !== undefined) {
      const volume = read<PersistentVolume>(`${volumes}${claim.spec.volumeName ?? ''}`);
      if ((volume === undefined || !isReservedFor(volume, claim)) && claim.status?.phase !== 'Lost') {
        await change(key, (object) => {
          (object as PersistentVolumeClaim).status = { ...claim.status, phase: 'Lost' };
        });
      }
      return;
    }
    const volume = waitsForPod(claim) ? undefined : findVolume(claim, allVolumes());
    if (volume !== undefined) {
      await bind(key, claim, volume);
    }
  }

  async function bind(key: string, claim: PersistentVolumeClaim, volume: PersistentVolume): Promise<void> {
    const { name, namespace = '', uid = '' } = claim.metadata;
    const volumeKey = `${volumes}${volume.metadata.name}`;
    let taken = false;
    // The volume first: it can be taken once only.
    await change(volumeKey, (object) => {
      const current = object as PersistentVolume;
      taken = current.spec.claimRef === undefined || isReservedFor(current, claim);
      if (!taken) {
        return false;
      }
      const mine = current.spec.claimRef === undefined;
      current.spec.claimRef = { kind: 'PersistentVolumeClaim', apiVersion: 'v1', namespace, name, uid };
      current.status = { ...current.status, phase: 'Bound', lastPhaseTransitionTime: formatTime() };
      if (mine) {
        annotate(current, { [boundByController]: 'yes' });
      }
      return true;
    });
    if (!taken) {
      throw new Error(`volume ${volume.metadata.name} was taken by another claim`);
    }
    await change(key, (object) => {
      const current = object as PersistentVolumeClaim;
      const chosen = (current.spec.volumeName ?? '') === '';
      current.spec.volumeName = volume.metadata.name;
      current.status = {
        ...current.status,
        phase: 'Bound',
        accessModes: volume.spec.accessModes ?? [],
        capacity: volume.spec.capacity ?? {},
      };
      annotate(current, { [bindCompleted]: 'yes', ...(chosen && { [boundByController]: 'yes' }) });
    });
  }

  async function reconcileVolume(key: string): Promise<void> {
    const volume = read<PersistentVolume>(key);
    if (volume === undefined) {
      return;
    }
    const { claimRef } = volume.spec;
    const claim = claimRef && read<PersistentVolumeClaim>(`${claims}${claimRef.namespace}/${claimRef.name}`);
    const bound = claim !== undefined && isReservedFor(volume, claim) && claim.spec.volumeName === volume.metadata.name;
    // A reference without uid only keeps the volume for a claim to come.
    const reserved = claimRef === undefined || (claimRef.uid ?? '') === '';
    const binding = claim !== undefined && isReservedFor(volume, claim) && !reserved;
    const phase = bound || binding ? 'Bound' : reserved ? 'Available' : 'Released';
    if (volume.metadata.deletionTimestamp !== undefined && phase !== 'Bound') {
      await change(key, (object) => dropFinalizer(object, volumeProtection));
      return;
    }
    if (volume.status?.phase !== phase) {
      await change(key, (object) => {
        (object as PersistentVolume).status = { phase, lastPhaseTransitionTime: formatTime() };
      });
    }
  }

  function isUsed(claim: PersistentVolumeClaim): boolean {
    const { namespace = '', name } = claim.metadata;
    return store.range({ prefix: `${pods}${namespace}/` }).entries.some(({ value }) => {
      const pod = parseStored(value) as Pod;
      const ended = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
      return !ended && claimsOf(pod).includes(name);
    });
  }

  function waitsForPod(claim: PersistentVolumeClaim): boolean {
    const { storageClassName = '', volumeName = '' } = claim.spec;
    const storageClass = storageClassName === '' ? undefined : read<StorageClass>(`${classes}${storageClassName}`);
    return volumeName === '' && storageClass?.volumeBindingMode === 'WaitForFirstConsumer' && !isUsed(claim);
  }
}

function dropFinalizer({ metadata }: KubeObject, finalizer: string): boolean {
  const left = (metadata.finalizers ?? []).filter((name) => name !== finalizer);
  if (left.length === (metadata.finalizers ?? []).length) {
    return false;
  }
  if (left.length === 0) {
    delete metadata.finalizers;
  } else {
    metadata.finalizers = left;
  }
  return true;
}

function annotate({ metadata }: KubeObject, annotations: Record<string, string>): void {
  metadata.annotations = { ...metadata.annotations, ...annotations };
}
