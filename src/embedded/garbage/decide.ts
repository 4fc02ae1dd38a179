/**
 * What the garbage collector does about one object. Pure. Source: the behaviour of kube-controller-manager's collector.
 *
 *   all owners gone                        -> delete the object
 *   some owners gone, some there           -> drop the references to those gone
 *   deleted with finalizer orphan          -> take its references off the dependents, then the finalizer
 *   last owners go in the foreground       -> delete the object, too
 *   deleted with foregroundDeletion        -> when no blocking dependent is left, take off the finalizer
 */
import type { KubeObject, OwnerReference } from '../../apimachinery/object.ts';

export const ORPHAN = 'orphan';
export const FOREGROUND = 'foregroundDeletion';

/** `leaving`: there, but being deleted in the foreground. `unknown`: of a kind that is not watched. */
export type OwnerState = 'present' | 'leaving' | 'absent' | 'unknown';

export interface Dependent {
  readonly id: string;
  readonly object: KubeObject;
}

export interface Snapshot {
  readonly object: KubeObject;
  readonly owners: readonly { readonly reference: OwnerReference; readonly state: OwnerState }[];
  /** Objects that refer to this one's uid. */
  readonly dependents: readonly Dependent[];
}

export type Propagation = 'Background' | 'Foreground' | 'Orphan';

export type Action =
  | { readonly type: 'delete'; readonly propagation: Propagation }
  | { readonly type: 'dropOwners'; readonly uids: readonly string[] }
  | { readonly type: 'disown'; readonly dependent: string; readonly uid: string }
  | { readonly type: 'removeFinalizer'; readonly finalizer: string };

export function decide(snapshot: Snapshot): Action[] {
  const { metadata } = snapshot.object;
  const finalizers = metadata.finalizers ?? [];
  if (metadata.deletionTimestamp !== undefined) {
    if (finalizers.includes(ORPHAN)) {
      return orphan(snapshot);
    }
    return finalizers.includes(FOREGROUND) ? deleteForeground(snapshot) : [];
  }
  const { owners } = snapshot;
  const solid = owners.filter(({ state }) => state === 'present' || state === 'unknown');
  const absent = owners.filter(({ state }) => state === 'absent');
  const leaving = owners.filter(({ state }) => state === 'leaving');
  if (solid.length > 0) {
    const gone = [...absent, ...leaving].map(({ reference }) => reference.uid);
    return gone.length === 0 ? [] : [{ type: 'dropOwners', uids: gone }];
  }
  if (absent.length + leaving.length === 0) {
    return [];
  }
  // Where an owner waits for its dependents, so does this object for its own.
  const foreground = leaving.length > 0 && snapshot.dependents.length > 0;
  const propagation = finalizers.includes(ORPHAN)
    ? 'Orphan'
    : foreground || finalizers.includes(FOREGROUND)
      ? 'Foreground'
      : 'Background';
  return [{ type: 'delete', propagation }];
}

function orphan({ object, dependents }: Snapshot): Action[] {
  const uid = object.metadata.uid ?? '';
  const actions: Action[] = dependents.map(({ id }) => ({ type: 'disown', dependent: id, uid }));
  return [...actions, { type: 'removeFinalizer', finalizer: ORPHAN }];
}

/** The dependents see to themselves, by the state of this owner: one that has another owner must stay. */
function deleteForeground({ object, dependents }: Snapshot): Action[] {
  const blocked = dependents.some((dependent) =>
    (dependent.object.metadata.ownerReferences ?? []).some(
      (reference) => reference.uid === object.metadata.uid && reference.blockOwnerDeletion === true,
    ),
  );
  return blocked ? [] : [{ type: 'removeFinalizer', finalizer: FOREGROUND }];
}
