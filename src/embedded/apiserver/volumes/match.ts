/** Which volume a claim gets. Pure. Source: pkg/controller/volume/persistentvolume of Kubernetes. */
import { compareQuantities } from '../../../apimachinery/quantity.ts';
import { labelSelectorRequirements, matchesLabels } from '../../../apimachinery/selectors.ts';
import type { PersistentVolume, PersistentVolumeClaim } from './types.ts';

/** Does the volume say that it is for this claim? By uid where it names one. */
export function isReservedFor(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const { claimRef } = volume.spec;
  return (
    claimRef !== undefined &&
    claimRef.name === claim.metadata.name &&
    claimRef.namespace === claim.metadata.namespace &&
    (claimRef.uid === undefined || claimRef.uid === '' || claimRef.uid === claim.metadata.uid)
  );
}

/** The volume to bind: the one that the claim names, else one kept for it, else the smallest that fits. */
export function findVolume(
  claim: PersistentVolumeClaim,
  volumes: readonly PersistentVolume[],
): PersistentVolume | undefined {
  const named = claim.spec.volumeName ?? '';
  const usable = volumes.filter(
    (volume) =>
      volume.metadata.deletionTimestamp === undefined &&
      (volume.spec.claimRef === undefined || isReservedFor(volume, claim)),
  );
  if (named !== '') {
    return usable.find((volume) => volume.metadata.name === named && isLargeEnough(volume, claim));
  }
  const fitting = usable.filter((volume) => fits(volume, claim));
  return fitting.sort(
    (left, right) =>
      Number(right.spec.claimRef !== undefined) - Number(left.spec.claimRef !== undefined) ||
      compareQuantities(left.spec.capacity?.['storage'] ?? '0', right.spec.capacity?.['storage'] ?? '0') ||
      (left.metadata.name < right.metadata.name ? -1 : 1),
  )[0];
}

function fits(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const { spec } = claim;
  return (
    (volume.spec.storageClassName ?? '') === (spec.storageClassName ?? '') &&
    (volume.spec.volumeMode ?? 'Filesystem') === (spec.volumeMode ?? 'Filesystem') &&
    (spec.accessModes ?? []).every((mode) => (volume.spec.accessModes ?? []).includes(mode)) &&
    isLargeEnough(volume, claim) &&
    (spec.selector === undefined || matchesLabels(labelSelectorRequirements(spec.selector), volume.metadata.labels))
  );
}

function isLargeEnough(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const wanted = claim.spec.resources?.requests?.['storage'] ?? '0';
  return compareQuantities(volume.spec.capacity?.['storage'] ?? '0', wanted) >= 0;
}
