/**
 * A bound on the number of updaters in a record: the oldest are put together, by version, as `ancient-changes`. Pure.
 * Source: managedfields/internal/capmanagers.go.
 */
import { unionSets } from './field-set.ts';
import { compareTexts, managerId } from './managers.ts';
import type { Manager, Managers } from './managers.ts';

const maxUpdaters = 10;
const ancient = 'ancient-changes';

export function capManagers(managers: Managers): Managers {
  const updaters = [...managers].filter(([, { operation }]) => operation === 'Update');
  if (updaters.length <= maxUpdaters) {
    return managers;
  }
  updaters.sort(
    ([leftId, left], [rightId, right]) =>
      compareTexts(left.time ?? '', right.time ?? '') || compareTexts(leftId, rightId),
  );
  const result = new Map(managers);
  const firstOfVersion = new Map<string, string>();
  let count = updaters.length;
  for (const [id, entry] of updaters) {
    if (count <= maxUpdaters) {
      break;
    }
    const { apiVersion } = entry;
    const first = firstOfVersion.get(apiVersion);
    if (first === undefined) {
      firstOfVersion.set(apiVersion, id);
      continue;
    }
    const bucket = { manager: ancient, operation: 'Update', apiVersion, subresource: '' } as const;
    const bucketId = managerId(bucket);
    const held = result.get(bucketId) ?? result.get(first);
    if (!result.has(bucketId)) {
      result.delete(first);
    }
    result.delete(id);
    const fields = held === undefined ? entry.fields : unionSets(held.fields, entry.fields);
    // The later of the times, as the entry put in last is the youngest.
    result.set(bucketId, { ...bucket, time: entry.time, fields } satisfies Manager);
    count -= 1;
  }
  return result;
}
