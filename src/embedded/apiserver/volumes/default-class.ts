/** Claims that name no class get the default one. Source: plugin/pkg/admission/storage/storageclass/setdefault. */
import type { Store } from '../../store/store.ts';
import { parseStored } from '../object-view.ts';
import { storagePrefix } from '../resource.ts';
import type { AdmissionPlugin } from '../types.ts';
import { defaultClassAnnotation } from './types.ts';
import type { PersistentVolumeClaim } from './types.ts';

const prefix = storagePrefix('storage.k8s.io', 'storageclasses');

export function createDefaultClassAdmission(store: Store): AdmissionPlugin {
  return {
    name: 'default-storage-class',
    matches: (type, operation) =>
      type.group === '' &&
      type.resource === 'persistentvolumeclaims' &&
      type.subresource === undefined &&
      operation === 'CREATE',
    async admit({ object }) {
      const claim = object as PersistentVolumeClaim | undefined;
      if (claim === undefined || claim.spec.storageClassName !== undefined) {
        return;
      }
      const defaults = store
        .range({ prefix })
        .entries.map(({ value }) => parseStored(value).metadata)
        .filter(({ annotations }) => annotations?.[defaultClassAnnotation] === 'true')
        // The newest, as upstream.
        .sort(
          (left, right) =>
            Date.parse(right.creationTimestamp ?? '') - Date.parse(left.creationTimestamp ?? '') ||
            (left.name < right.name ? -1 : 1),
        );
      const [chosen] = defaults;
      return chosen && { object: { ...claim, spec: { ...claim.spec, storageClassName: chosen.name } } as typeof claim };
    },
  };
}
