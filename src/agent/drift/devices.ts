/** Uevents as notices for the drift loop of a VM: devices of the host that its Pod was granted. */
import { type DeviceWatcher, hasDevice } from '../../linux/netlink/device-watcher.ts';

export interface DeviceLoss {
  readonly kind: 'lost' | 'back';
  /** `c 10:232`. */
  readonly number: string;
  /** `/dev/kvm`, where the kernel named it. */
  readonly path: string | undefined;
  /** What the kernel said it was: `remove`, `add`; undefined when its message was lost. */
  readonly action: string | undefined;
}

export interface GrantedDevices {
  readonly devices: DeviceWatcher;
  /** Numbers of the devices that the sandbox may open: `c 10:232`. */
  readonly granted: readonly string[];
  /** Something was said of a granted device: what depends on it may differ. */
  readonly notice: () => void;
  /** A granted device went away, or came back. */
  readonly onLoss: (loss: DeviceLoss) => void;
  /** Whether the kernel has the device now. */
  readonly exists?: (number: string) => boolean;
}

/** Until disposed. A uevent is a hint to look, as anybody with write access to /sys can have one sent. */
export function watchGrantedDevices(options: GrantedDevices): Disposable {
  const { devices, granted, notice, onLoss } = options;
  const exists = options.exists ?? hasDevice;
  const missing = new Set(granted.filter((number) => !exists(number)));

  /** Whether it went or came back. */
  function look(number: string, said: { readonly name?: string | undefined; readonly action?: string }): boolean {
    const isThere = exists(number);
    if (isThere === !missing.has(number)) {
      return false;
    }
    if (isThere) {
      missing.delete(number);
    } else {
      missing.add(number);
    }
    const path = said.name === undefined ? undefined : `/dev/${said.name}`;
    onLoss({ kind: isThere ? 'back' : 'lost', number, path, action: said.action });
    return true;
  }

  return devices.watch((change) => {
    if (change === 'lost') {
      // A burst of others' uevents is no reason to plan every VM of the node.
      if (granted.filter((number) => look(number, {})).length > 0) {
        notice();
      }
    } else if (change.number !== undefined && granted.includes(change.number)) {
      look(change.number, { name: change.name, action: change.action });
      notice();
    }
  });
}

/** Reason and message of the Event about it. Pure. */
export function describeLoss({ kind, number, path, action }: DeviceLoss): {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
} {
  const device = path === undefined ? `device ${number}` : `${path} (${number})`;
  const said = action === undefined ? '' : ` (kernel: ${action})`;
  return kind === 'lost'
    ? {
        type: 'Warning',
        reason: 'DeviceLost',
        message: `${device} is gone from the host${said}: what the running guest has open of it may work on, but nothing can be opened anew, so the VM cannot be started again until it is back; load its kernel module`,
      }
    : { type: 'Normal', reason: 'DeviceBack', message: `${device} is on the host again${said}` };
}
