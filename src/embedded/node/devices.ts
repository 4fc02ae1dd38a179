/** Devices of this host that launcher Pods may ask for, counted anew whenever the kernel says that one came or went. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { DeviceWatcher } from '../../linux/netlink/device-watcher.ts';

export type DeviceCounts = Readonly<Record<string, number>>;

/** Resource names by what below /dev must be there. */
const offered = {
  'devices.kubevirt.io/tun': 'net/tun',
  'devices.kubevirt.io/kvm': 'kvm',
  'devices.kubevirt.io/vhost-net': 'vhost-net',
} as const;
/** A device file is no scarce thing: more VMs than any host runs. */
const devicesPerKind = 1000;

/** What is there now. `kvm` without is for hosts whose /dev/kvm runs no guests. */
export function countDevices(options: { readonly kvm: boolean; readonly directory?: string }): DeviceCounts {
  const { kvm, directory = '/dev' } = options;
  return Object.fromEntries(
    Object.entries(offered)
      .filter(([name]) => kvm || name !== 'devices.kubevirt.io/kvm')
      .filter(([, file]) => existsSync(path.join(directory, file)))
      .map(([name]) => [name, devicesPerKind]),
  );
}

/**
 * Gives `onChange` the counts whenever they differ from the last ones, `first` at the beginning. One call at a time; one
 * that fails is tried again a moment later, with what is there then. Dispose to stop.
 */
export function watchDeviceCounts(options: {
  readonly devices: DeviceWatcher;
  readonly count: () => DeviceCounts;
  readonly first: DeviceCounts;
  readonly onChange: (now: DeviceCounts, before: DeviceCounts) => Promise<void>;
  readonly onError: (error: unknown) => void;
  readonly retryMs?: number;
}): Disposable {
  const { devices, count, onChange, onError, retryMs = 1000 } = options;
  let known = options.first;
  let running = false;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  async function run(): Promise<void> {
    if (running || closed) {
      return;
    }
    running = true;
    try {
      for (let now = count(); !isSame(now, known) && !isClosed(); now = count()) {
        await onChange(now, known);
        known = now;
      }
    } catch (error) {
      onError(error);
      clearTimeout(timer);
      timer = setTimeout(() => void run(), retryMs).unref();
    } finally {
      running = false;
    }
  }

  // The signal may come while a change is being told.
  function isClosed(): boolean {
    return closed;
  }

  const watch = devices.watch((change) => {
    if (change === 'lost' || change.subsystem === 'misc' || change.subsystem === 'module') {
      void run();
    }
  });
  return {
    [Symbol.dispose]() {
      closed = true;
      clearTimeout(timer);
      watch[Symbol.dispose]();
    },
  };
}

function isSame(one: DeviceCounts, other: DeviceCounts): boolean {
  const names = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...names].every((name) => one[name] === other[name]);
}
