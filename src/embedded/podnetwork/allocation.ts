/**
 * Which pod has which address number: one small file per pod below the run directory, named by the pod's uid. It is
 * gone after a reboot, as the namespaces are.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { VmletError } from '../../base/errors.ts';
import { FIRST_POD_NUMBER } from './addresses.ts';

export interface Allocation {
  /** The pod's number, a new one if it has none. Throws VmletError `PodNetworkFull`. */
  acquire(podUid: string): number;
  release(podUid: string): void;
  podUids(): string[];
}

/** Reads what is there. `directory` is made with its parents. */
export function openAllocation(directory: string, options: { readonly lastNumber: number }): Allocation {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const { lastNumber } = options;
  const numbers = new Map<string, number>();
  for (const name of readdirSync(directory)) {
    const number = Number(readFileSync(join(directory, name), 'utf8').trim());
    // Half-written, by a process that was killed: nobody was told the number.
    if (name.endsWith(temporarySuffix) || !Number.isInteger(number) || number < FIRST_POD_NUMBER) {
      rmSync(join(directory, name), { force: true });
    } else {
      numbers.set(name, number);
    }
  }
  let latest = Math.max(FIRST_POD_NUMBER - 1, ...numbers.values());
  return {
    acquire(podUid) {
      const known = numbers.get(podUid);
      if (known !== undefined) {
        return known;
      }
      const number = nextFree(new Set(numbers.values()), { latest, lastNumber });
      const path = join(directory, podUid);
      writeFileSync(`${path}${temporarySuffix}`, `${number}\n`, { mode: 0o600 });
      renameSync(`${path}${temporarySuffix}`, path);
      numbers.set(podUid, number);
      latest = number;
      return number;
    },
    release(podUid) {
      rmSync(join(directory, podUid), { force: true });
      numbers.delete(podUid);
    },
    podUids: () => [...numbers.keys()],
  };
}

const temporarySuffix = '.new';

/** Goes round, so that an address rests as long as it can before another pod has it. Pure. */
export function nextFree(
  taken: ReadonlySet<number>,
  range: { readonly latest: number; readonly lastNumber: number },
): number {
  const count = range.lastNumber - FIRST_POD_NUMBER + 1;
  for (let step = 0; step < count; step++) {
    const number = FIRST_POD_NUMBER + ((range.latest + 1 - FIRST_POD_NUMBER + step) % count);
    if (!taken.has(number)) {
      return number;
    }
  }
  throw new VmletError('PodNetworkFull', `the pod network has no free address: all ${count} are in use by pods`);
}
