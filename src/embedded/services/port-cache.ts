/** The entries of all Services, of which only those that changed are made anew. Pure but for what it remembers. */
import { isDeepStrictEqual } from 'node:util';
import { portsOf, type ServicePort, withoutTaken } from './backends.ts';
import type { EndpointSlice, Service } from './kinds.ts';

export interface PortCache {
  /** The Service, or a slice of it, is another one now. `key` is `namespace/name`. */
  changed(key: string): void;
  /** Sorted by Service. An entry that is as it was is the same object, and so is the list without a change. */
  ports(): readonly ServicePort[];
}

export function createPortCache(source: {
  service(key: string): Service | undefined;
  /** All slices of the Service, of whatever manager. */
  slices(key: string): readonly EndpointSlice[];
}): PortCache {
  const byService = new Map<string, readonly ServicePort[]>();
  const dirty = new Set<string>();
  let order: readonly string[] = [];
  let list: readonly ServicePort[] = [];
  return {
    changed: (key) => void dirty.add(key),
    ports() {
      let differs = false;
      for (const key of dirty) {
        const service = source.service(key);
        const before = byService.get(key) ?? [];
        const now = service === undefined ? [] : portsOf(service, source.slices(key));
        const kept = now.map((port) => before.find((old) => isDeepStrictEqual(old, port)) ?? port);
        differs ||= kept.length !== before.length || kept.some((port, index) => port !== before[index]);
        if (kept.length === 0) {
          byService.delete(key);
        } else {
          byService.set(key, kept);
        }
      }
      dirty.clear();
      if (differs) {
        // Names seldom change: then what is sorted stays so.
        order = order.length === byService.size && order.every((key) => byService.has(key)) ? order : sortedKeys();
        list = withoutTaken(order.flatMap((key) => byService.get(key) ?? []));
      }
      return list;
    },
  };

  function sortedKeys(): string[] {
    return [...byService.keys()].sort((a, b) => (a < b ? -1 : 1));
  }
}
