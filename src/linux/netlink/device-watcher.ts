import fs from 'node:fs';
import type { Reactor } from '../reactor/reactor.ts';
import { subscribeUevents, type Uevent } from './uevent.ts';

/** What the kernel said of one device. Whether it is true must be looked at: root can have any device say anything. */
export interface DeviceChange {
  /** `add`, `remove`, `change`, `bind`, `unbind`, ... */
  readonly action: string;
  /** `misc`, `module`, `pci`, `block`, `vfio`, ... */
  readonly subsystem: string | undefined;
  /** Path below /sys: `/devices/virtual/misc/kvm`. */
  readonly devicePath: string;
  /** As the device rules of a cgroup write it: `c 10:232`, `b 7:0`. Undefined for what has no node in /dev. */
  readonly number: string | undefined;
  /** Below /dev: `kvm`, `net/tun`. */
  readonly name: string | undefined;
}

export interface DeviceWatcher {
  /** `lost` means: messages were lost, look at everything again. An error of one listener keeps none from the others. */
  watch(onChange: (change: DeviceChange | 'lost') => void): Disposable;
  close(): void;
}

/** One socket for any number of listeners, in the calling thread's network namespace. Throws KernelError. */
export function createDeviceWatcher(options: { readonly reactor: Reactor }): DeviceWatcher {
  const listeners = new Set<(change: DeviceChange | 'lost') => void>();
  const tell = (change: DeviceChange | 'lost'): void => {
    const errors: unknown[] = [];
    // A listener may end itself or another.
    for (const listener of [...listeners].filter((entry) => listeners.has(entry))) {
      try {
        listener(change);
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) {
      throw new AggregateError(errors, 'listeners of uevents');
    }
  };
  const subscription = subscribeUevents({
    reactor: options.reactor,
    onUevents: (uevents) => uevents.map(readChange).forEach(tell),
    onOverrun: () => tell('lost'),
  });
  return {
    watch(onChange) {
      const listener = (change: DeviceChange | 'lost'): void => onChange(change);
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
    close() {
      listeners.clear();
      subscription[Symbol.dispose]();
    },
  };
}

/** Pure. */
export function readChange({ action, subsystem, devicePath, values }: Uevent): DeviceChange {
  const [major, minor] = [values.get('MAJOR'), values.get('MINOR')];
  const isNumbered = /^\d{1,10}$/.test(major ?? '') && /^\d{1,10}$/.test(minor ?? '');
  return {
    action,
    subsystem,
    devicePath,
    number: isNumbered ? `${subsystem === 'block' ? 'b' : 'c'} ${major}:${minor}` : undefined,
    name: values.get('DEVNAME'),
  };
}

/** Whether the kernel has a device of this number, `c 10:232`, now (sysfs(5): /sys/dev). */
export function hasDevice(number: string): boolean {
  const [type, numbers = ''] = number.split(' ');
  return fs.existsSync(`/sys/dev/${type === 'b' ? 'block' : 'char'}/${numbers}`);
}
