/** The Node's devices as they come and go: its object, and an Event that says what happened. */
import { nodeType } from '../../apimachinery/core.ts';
import type { Condition } from '../../apimachinery/object.ts';
import { errorMessage } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import type { KubeClient } from '../../client/client.ts';
import type { EventRecorder } from '../../client/events.ts';
import { countDevices, watchDeviceCounts, type DeviceCounts } from '../../embedded/node/devices.ts';
import type { HostFacts } from '../../embedded/node/node-object.ts';
import { registerNode } from '../../embedded/node/register.ts';
import type { DeviceWatcher } from '../../linux/netlink/device-watcher.ts';
import type { Acceleration } from './emulation.ts';

const kvmResource = 'devices.kubevirt.io/kvm';

/** What of the Node follows from its devices. */
export function deviceFacts(
  acceleration: Acceleration,
  counts: DeviceCounts,
): { readonly devices: DeviceCounts; readonly labels: Readonly<Record<string, string>>; readonly kvm: Condition } {
  const isGone = acceleration.kvm && counts[kvmResource] === undefined;
  return {
    devices: counts,
    labels: { 'vmlet.io/kvm': acceleration.kvm && !isGone ? 'usable' : 'unusable' },
    kvm: isGone
      ? {
          type: 'KvmUsable',
          status: 'False',
          reason: 'DeviceGone',
          message: '/dev/kvm went away while vmlet ran: VMs that run keep it, new ones wait; load kvm_intel or kvm_amd',
        }
      : acceleration.condition,
  };
}

/** Until disposed. */
export function keepNodeDevices(options: {
  readonly client: KubeClient;
  readonly devices: DeviceWatcher;
  readonly acceleration: Acceleration;
  readonly events: EventRecorder;
  readonly logger: Logger;
  readonly first: DeviceCounts;
  /** Where device files are; /dev by default. */
  readonly directory?: string;
  /** The Node with these devices. */
  readonly host: (counts: DeviceCounts) => HostFacts;
}): Disposable {
  const { client, devices, acceleration, events, logger, first, directory, host } = options;
  return watchDeviceCounts({
    devices,
    first,
    count: () => countDevices({ kvm: acceleration.kvm, ...(directory === undefined ? {} : { directory }) }),
    async onChange(now, before) {
      const facts = host(now);
      await registerNode(client, facts);
      for (const event of describeDeviceChange(now, before)) {
        logger.warn({ reason: event.reason }, event.message);
        events.record({
          object: { apiVersion: 'v1', kind: nodeType.kind, metadata: { name: facts.hostname } },
          ...event,
        });
      }
    },
    onError: (error) => logger.warn({ error: errorMessage(error) }, 'the devices of the Node were not updated'),
  });
}

/** Pure. */
export function describeDeviceChange(
  now: DeviceCounts,
  before: DeviceCounts,
): readonly { readonly type: 'Normal' | 'Warning'; readonly reason: string; readonly message: string }[] {
  const gone = Object.keys(before).filter((name) => now[name] === undefined);
  const back = Object.keys(now).filter((name) => before[name] === undefined);
  return [
    ...gone.map((name) => ({
      type: 'Warning' as const,
      reason: 'DeviceGone',
      message: `this host no longer has ${name}: VMs that need it wait until it is back`,
    })),
    ...back.map((name) => ({ type: 'Normal' as const, reason: 'DeviceBack', message: `this host has ${name} now` })),
  ];
}
