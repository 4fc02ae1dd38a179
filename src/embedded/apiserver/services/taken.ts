/** What stored Services hold, kept up to date by a watch: nobody reads a thousand Services to make one more. */
import type { Store } from '../../store/store.ts';
import { parseStored } from '../object-view.ts';
import { storagePrefix } from '../resource.ts';
import { canonicalAddress } from './address-range.ts';
import { headless } from './types.ts';
import type { Service } from './types.ts';

export const servicesPrefix = storagePrefix('', 'services');

export interface TakenIndex {
  /** Whether a Service other than `owner` (its key in the store) has this address, or node port as `30080/TCP`. */
  isTaken(what: string, owner: string): boolean;
}

/** Reads the store at the first question. `onDelete` is told the key of a Service that is no more. */
export function createTakenIndex(store: Store, onDelete: (owner: string) => void): TakenIndex {
  const byOwner = new Map<string, readonly string[]>();
  const owners = new Map<string, Set<string>>();
  let isFollowing = false;

  function put(owner: string, taken: readonly string[]): void {
    for (const what of byOwner.get(owner) ?? []) {
      const left = owners.get(what);
      left?.delete(owner);
      if (left?.size === 0) {
        owners.delete(what);
      }
    }
    byOwner.delete(owner);
    if (taken.length > 0) {
      byOwner.set(owner, taken);
    }
    for (const what of taken) {
      owners.set(what, (owners.get(what) ?? new Set()).add(owner));
    }
  }

  function follow(): void {
    const { entries, revision } = store.range({ prefix: servicesPrefix });
    for (const { key, value } of entries) {
      put(key, takenBy(parseStored(value) as Service));
    }
    store.watch({
      prefix: servicesPrefix,
      afterRevision: revision,
      onEvent({ key, type, value }) {
        put(key, type === 'delete' ? [] : takenBy(parseStored(value) as Service));
        if (type === 'delete') {
          onDelete(key);
        }
      },
    });
    isFollowing = true;
  }

  return {
    isTaken(what, owner) {
      if (!isFollowing) {
        follow();
      }
      const holders = owners.get(what);
      return holders !== undefined && (holders.size > 1 || !holders.has(owner));
    },
  };
}

/** Addresses in canonical form, and node ports. */
export function takenBy({ spec }: Service): string[] {
  const { clusterIP = '', clusterIPs = [], ports = [] } = spec;
  const addresses = (clusterIPs.length > 0 ? clusterIPs : [clusterIP]).filter((ip) => ip !== '' && ip !== headless);
  return [
    ...addresses.map((address) => canonicalAddress(address) ?? address),
    ...ports.flatMap(({ nodePort, protocol = 'TCP' }) => (nodePort ? [`${nodePort}/${protocol}`] : [])),
  ];
}
