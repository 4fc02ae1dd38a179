/** Pressure stall information (Documentation/accounting/psi.rst): how long work waited for CPU, memory or disks. v2 only. */
import { DecodeError, VmletError } from '../../base/errors.ts';
import { check, declare } from '../ffi/ffi.ts';
import { withPlace, type ManagedCgroup } from './manager.ts';
import { openFileAt, readFileAt, type Place } from './place.ts';

// int poll(fds, count, timeout): with a zero timeout it does not block. The buffer is lent for the call.
const cPoll = declare('int poll(void *descriptors, unsigned long count, int timeout)');

const POLLPRI = 0x002;
const POLLERR = 0x008;
const LOOK_INTERVAL_MS = 250;

export type PressureResource = 'cpu' | 'memory' | 'io';
export const pressureResources = ['cpu', 'memory', 'io'] as const satisfies readonly PressureResource[];

export interface PressureLine {
  /** Percent of the last 10, 60 and 300 seconds. */
  readonly average10: number;
  readonly average60: number;
  readonly average300: number;
  readonly totalMicros: bigint;
}

export interface Pressure {
  /** At least one task waited. */
  readonly some: PressureLine;
  /** All tasks waited. */
  readonly full: PressureLine | undefined;
}

const LINE = /^(some|full) avg10=(\d+\.\d+) avg60=(\d+\.\d+) avg300=(\d+\.\d+) total=(\d{1,20})$/;

/** A `*.pressure` file. */
export function parsePressure(text: string): Pressure {
  const lines = new Map(
    text
      .split('\n')
      .map((line) => LINE.exec(line))
      .flatMap((match) => (match === null ? [] : [[match[1], toLine(match)] as const])),
  );
  const some = lines.get('some');
  if (some === undefined) {
    throw new DecodeError(`not a pressure file: ${JSON.stringify(text.slice(0, 100))}`);
  }
  return { some, full: lines.get('full') };
}

function toLine([, , average10, average60, average300, total]: RegExpExecArray): PressureLine {
  return {
    average10: Number(average10),
    average60: Number(average60),
    average300: Number(average300),
    totalMicros: BigInt(total ?? 0),
  };
}

function v2Place(managed: ManagedCgroup): Place | undefined {
  return managed.places.find(({ hierarchy }) => hierarchy.kind === 'v2');
}

/** undefined where the kernel does not keep it (no CONFIG_PSI, psi=0, or the cgroup is on v1 alone). */
export function readPressure(managed: ManagedCgroup, resource: PressureResource): Pressure | undefined {
  const place = v2Place(managed);
  const text = place && withPlace(managed, place, (directory) => readFileAt(directory, `${resource}.pressure`));
  return text === undefined ? undefined : parsePressure(text);
}

export interface PressureTrigger {
  readonly resource: PressureResource;
  readonly kind: 'some' | 'full';
  /** Told when tasks waited this long within `windowMicros`: 0.5 to 10 s; without CAP_SYS_RESOURCE whole multiples of 2 s. */
  readonly stallMicros: number;
  readonly windowMicros: number;
}

/**
 * Calls `onPressure` at most once per window while the stall is reached, within 250 ms. Does not keep the process alive.
 * Dispose to stop. KernelError EOPNOTSUPP where the kernel has no pressure information, EINVAL for a window that it
 * does not take.
 *
 * The kernel hands a trigger's event to the first poll(2) that asks. Nested epolls, such as the reactor's, use it up among
 * themselves, so the trigger is asked directly; it keeps its event until then.
 */
export function watchPressure(managed: ManagedCgroup, trigger: PressureTrigger, onPressure: () => void): Disposable {
  const place = v2Place(managed);
  if (place === undefined) {
    throw new VmletError('BadCgroup', `cgroup ${managed.path} is not in the v2 hierarchy, which keeps pressure`);
  }
  using started = new DisposableStack();
  const text = `${trigger.kind} ${trigger.stallMicros} ${trigger.windowMicros}`;
  const file = started.use(
    withPlace(managed, place, (directory) => openFileAt(directory, `${trigger.resource}.pressure`, text)),
  );
  const descriptor = Buffer.alloc(8);
  descriptor.writeInt32LE(file.value, 0);
  descriptor.writeInt16LE(POLLPRI, 4);
  const timer = setInterval(() => {
    check(cPoll(descriptor, 1, 0), 'poll', file.label);
    const events = descriptor.readInt16LE(6);
    if ((events & POLLERR) !== 0) {
      // The cgroup has gone.
      clearInterval(timer);
    } else if ((events & POLLPRI) !== 0) {
      onPressure();
    }
  }, LOOK_INTERVAL_MS);
  timer.unref();
  started.defer(() => clearInterval(timer));
  return started.move();
}
