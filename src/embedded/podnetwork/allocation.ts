/**
 * Which pod has which address number, and which MAC addresses its guest may have beside the pod's own: one small file
 * per pod below the run directory, named by the pod's uid. It is gone after a reboot, as the namespaces are.
 *
 *   <number> [<mac> ...]
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { VmletError } from '../../base/errors.ts';
import { FIRST_POD_NUMBER } from './addresses.ts';

export interface Allocated {
  readonly number: number;
  readonly guestMacs: readonly string[];
}

export interface Allocation {
  /** The pod's number, a new one if it has none. Throws VmletError `PodNetworkFull`. */
  acquire(podUid: string, guestMacs?: readonly string[]): number;
  release(podUid: string): void;
  podUids(): string[];
  entries(): ReadonlyMap<string, Allocated>;
}

const macPattern = /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/;

/** Reads what is there. `directory` is made with its parents. */
export function openAllocation(directory: string, options: { readonly lastNumber: number }): Allocation {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const { lastNumber } = options;
  const pods = new Map<string, Allocated>();
  for (const name of readdirSync(directory)) {
    const [first = '', ...guestMacs] = readFileSync(join(directory, name), 'utf8').trim().split(' ');
    const number = Number(first);
    // Half-written, by a process that was killed: nobody was told the number.
    if (name.endsWith(temporarySuffix) || !Number.isInteger(number) || number < FIRST_POD_NUMBER) {
      rmSync(join(directory, name), { force: true });
    } else {
      pods.set(name, { number, guestMacs: guestMacs.filter((mac) => macPattern.test(mac)) });
    }
  }
  const numbers = (): number[] => [...pods.values()].map(({ number }) => number);
  let latest = Math.max(FIRST_POD_NUMBER - 1, ...numbers());

  function write(podUid: string, pod: Allocated): void {
    const path = join(directory, podUid);
    writeFileSync(`${path}${temporarySuffix}`, `${[pod.number, ...pod.guestMacs].join(' ')}\n`, { mode: 0o600 });
    renameSync(`${path}${temporarySuffix}`, path);
    pods.set(podUid, pod);
  }

  return {
    acquire(podUid, guestMacs = []) {
      const macs = guestMacs.map((mac) => mac.toLowerCase()).filter((mac) => macPattern.test(mac));
      const known = pods.get(podUid);
      if (known !== undefined) {
        // None given means nobody could be asked.
        if (macs.length > 0 && macs.join(' ') !== known.guestMacs.join(' ')) {
          write(podUid, { ...known, guestMacs: macs });
        }
        return known.number;
      }
      const number = nextFree(new Set(numbers()), { latest, lastNumber });
      write(podUid, { number, guestMacs: macs });
      latest = number;
      return number;
    },
    release(podUid) {
      rmSync(join(directory, podUid), { force: true });
      pods.delete(podUid);
    },
    podUids: () => [...pods.keys()],
    entries: () => pods,
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
