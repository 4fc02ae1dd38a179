/** A region of addresses that the device answers to (a BAR, the ROM, a bridge window). */
export interface PciResource {
  /** Place in the `resource` file: 0 to 5 are the BARs, 6 the ROM. */
  readonly index: number;
  readonly kind: 'memory' | 'io' | 'other';
  readonly start: bigint;
  readonly bytes: bigint;
  readonly prefetchable: boolean;
  readonly is64Bit: boolean;
}

export interface SriovState {
  readonly totalVfs: number;
  readonly currentVfs: number;
  /** Whether new VFs get the driver of their ids by themselves. */
  readonly driversAutoprobe: boolean;
  /** Addresses in the order of their VF numbers. */
  readonly virtualFunctions: readonly string[];
}

export interface PciDevice {
  /** `0000:3b:00.1`. */
  readonly address: string;
  readonly vendor: number;
  readonly device: number;
  readonly subsystemVendor: number;
  readonly subsystemDevice: number;
  /** 24 bits: class, subclass, programming interface. */
  readonly class: number;
  readonly driver: string | undefined;
  /** The one driver that may take it; undefined: any that knows its ids. */
  readonly driverOverride: string | undefined;
  /** Undefined when the firmware names none. */
  readonly numaNode: number | undefined;
  /** Undefined without an IOMMU. */
  readonly iommuGroup: number | undefined;
  /** In the kernel's order: `flr`, `pm`, `bus`, `device_specific`. Empty: it cannot be reset by itself. */
  readonly resetMethods: readonly string[];
  readonly resources: readonly PciResource[];
  /** Physical functions that can make VFs. */
  readonly sriov: SriovState | undefined;
  /** For a VF, its physical function. */
  readonly physicalFunction: string | undefined;
  /** The firmware's display: passing it through takes the host's console. */
  readonly bootVga: boolean;
}

/** One change of a device. `previous` is what undoing it brings back. */
export type PciOperation =
  | {
      readonly kind: 'set-driver-override';
      readonly address: string;
      readonly driver: string | undefined;
      readonly previous: string | undefined;
    }
  | { readonly kind: 'unbind'; readonly address: string; readonly driver: string }
  /** Asks the kernel to find a driver; `driver` is the one that must have it after, undefined: whichever there is. */
  | { readonly kind: 'probe'; readonly address: string; readonly driver: string | undefined }
  | {
      readonly kind: 'set-vf-autoprobe';
      readonly address: string;
      readonly enabled: boolean;
      readonly previous: boolean;
    }
  | { readonly kind: 'set-vf-count'; readonly address: string; readonly count: number; readonly previous: number };
