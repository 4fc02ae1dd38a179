/** The libvirt domain of one VM: what is wanted, what is there, and the steps between. Plain data. */
import type { DomainObservation } from '../../machine/decide.ts';

export interface DomainHostFacts {
  /** `qemu` where KVM cannot be used. */
  readonly virtType: 'kvm' | 'qemu';
  /** /dev/vhost-net is in the sandbox and the guest can use it. */
  readonly vhostNet: boolean;
  readonly emulatorPath: string;
}

/** Devices that somebody can attach and detach, by the name that the manifest gives them. */
export interface DomainDeviceNames {
  readonly disks: readonly string[];
  readonly interfaces: readonly string[];
}

export interface DomainSpec {
  /** libvirt's name of it. */
  readonly name: string;
  readonly xml: string;
  readonly devices: DomainDeviceNames;
  readonly startPaused: boolean;
  /** False once the guest ran: a guest that ended is not started again by the same VMI. */
  readonly mayStart: boolean;
}

export interface DomainObserved {
  readonly domain: DomainObservation;
  /** Of the live definition; undefined while it does not run. */
  readonly devices: DomainDeviceNames | undefined;
}

export type DomainOp =
  | { readonly kind: 'define'; readonly name: string; readonly xml: string }
  | { readonly kind: 'start'; readonly name: string; readonly paused: boolean }
  /** Somebody detached or attached a device by libvirt; only told. */
  | {
      readonly kind: 'report';
      readonly change: 'lost' | 'gained';
      readonly device: 'disk' | 'interface';
      readonly name: string;
    };
