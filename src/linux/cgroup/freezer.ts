/** Stops all processes of a cgroup and lets them go on. cgroup-v2.rst cgroup.freeze, cgroup-v1/freezer-subsystem.rst. */
import { pollUntil } from '../../base/deadline.ts';
import { VmletError } from '../../base/errors.ts';
import { placeOf, withPlace, type ManagedCgroup } from './manager.ts';
import { readFileAt, writeFileAt, type Place } from './place.ts';
import { parseKeyed } from './values.ts';

const TIMEOUT_MS = 5000;

/** Settles when every process stands still. CancelledError when one does not within `timeoutMs`; it is thawed again then. */
export async function freeze(managed: ManagedCgroup, options: { readonly timeoutMs?: number } = {}): Promise<void> {
  try {
    await change(managed, true, options.timeoutMs);
  } catch (error) {
    write(managed, freezerPlace(managed), false);
    throw error;
  }
}

/** Settles when they run again. */
export async function thaw(managed: ManagedCgroup, options: { readonly timeoutMs?: number } = {}): Promise<void> {
  await change(managed, false, options.timeoutMs);
}

/** undefined on a host without a freezer. */
export function readFrozen(managed: ManagedCgroup): boolean | undefined {
  const place = placeOf(managed, 'freezer');
  return place === undefined ? undefined : read(managed, place);
}

async function change(managed: ManagedCgroup, frozen: boolean, timeoutMs = TIMEOUT_MS): Promise<void> {
  const place = freezerPlace(managed);
  await pollUntil(
    () => {
      // Each time: v1 forgets a process that forked while it was being frozen.
      write(managed, place, frozen);
      return read(managed, place) === frozen ? true : undefined;
    },
    { timeoutMs, intervalMs: 5, doing: `${frozen ? 'freeze' : 'thaw'} cgroup ${managed.path}` },
  );
}

function freezerPlace(managed: ManagedCgroup): Place {
  const place = placeOf(managed, 'freezer');
  if (place === undefined) {
    throw new VmletError('BadCgroup', `cgroup ${managed.path} is in no hierarchy that can freeze it`);
  }
  return place;
}

function write(managed: ManagedCgroup, place: Place, frozen: boolean): void {
  const [file, text] =
    place.hierarchy.kind === 'v2'
      ? ['cgroup.freeze', frozen ? '1' : '0']
      : ['freezer.state', frozen ? 'FROZEN' : 'THAWED'];
  withPlace(managed, place, (directory) => writeFileAt(directory, file, text));
}

function read(managed: ManagedCgroup, place: Place): boolean | undefined {
  return withPlace(managed, place, (directory) => {
    if (place.hierarchy.kind === 'v2') {
      const frozen = parseKeyed(readFileAt(directory, 'cgroup.events') ?? '').get('frozen');
      return frozen === undefined ? undefined : frozen === 1n;
    }
    const state = readFileAt(directory, 'freezer.state')?.trim();
    return state === undefined || state === 'FREEZING' ? undefined : state === 'FROZEN';
  });
}
