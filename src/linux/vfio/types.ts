import type { PciDevice } from '../pci/types.ts';

/** A character device: where it stands and its numbers, as a cgroup's device list needs them. */
export interface DeviceNode {
  readonly path: string;
  readonly major: number;
  readonly minor: number;
  /** Whether the node is there; udev or devtmpfs makes it. */
  readonly exists: boolean;
}

export interface ReservedRegion {
  readonly start: bigint;
  readonly end: bigint;
  /** `direct`: firmware demands a fixed mapping, which no guest can have. `direct-relaxable`, `msi`, `reserved`. */
  readonly type: string;
}

/** Devices that the IOMMU cannot tell apart: they go to one guest together or not at all. */
export interface IommuGroup {
  readonly id: number;
  /** Default domain: `DMA`, `DMA-FQ`, `identity`, `blocked`; undefined before Linux 5.11. */
  readonly type: string | undefined;
  readonly devices: readonly PciDevice[];
  /** Members that are no PCI devices; they stand in the way of none here, but are named. */
  readonly otherDevices: readonly string[];
  readonly reservedRegions: readonly ReservedRegion[];
  /** /dev/vfio/N, once a device of it is with a VFIO driver. */
  readonly node: DeviceNode | undefined;
}

export interface VfioHost {
  /** `dmar0`, `ivhd0`, `smmu3.0x...`; empty: no IOMMU, or it is switched off. */
  readonly iommus: readonly string[];
  /** False when an IOMMU says that it cannot remap interrupts; undefined when none tells. */
  readonly interruptRemapping: boolean | undefined;
  readonly groups: readonly IommuGroup[];
  /** /dev/vfio/vfio, the container. */
  readonly container: DeviceNode | undefined;
  /** /dev/iommu. */
  readonly iommufd: DeviceNode | undefined;
  /** Drivers that give PCI devices to VFIO and are in the kernel: `vfio-pci`, `mlx5_vfio_pci`. */
  readonly drivers: readonly string[];
  /** `enable_unsafe_noiommu_mode` of vfio; undefined when the module is not there. */
  readonly unsafeNoIommu: boolean | undefined;
  /** `allow_unsafe_interrupts` of vfio_iommu_type1 or iommufd. */
  readonly unsafeInterrupts: boolean | undefined;
}

/** Why a device cannot go to a guest (obstacle), or what to know when it does (warning). */
export interface PassthroughFinding {
  readonly severity: 'obstacle' | 'warning';
  readonly code:
    | 'no-device'
    | 'bridge'
    | 'no-iommu'
    | 'no-group'
    | 'no-driver'
    | 'group-shared'
    | 'interrupt-remapping'
    | 'firmware-mapping'
    | 'no-iommu-mode'
    | 'boot-display'
    | 'no-reset'
    | 'has-virtual-functions';
  readonly cause: string;
  readonly remedy: string;
}
