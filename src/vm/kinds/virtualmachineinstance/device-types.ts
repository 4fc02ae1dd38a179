/** `spec.domain.devices` of a VirtualMachineInstance. KubeVirt's names. */

export interface Devices {
  disks?: Disk[];
  interfaces?: Interface[];
  inputs?: Input[];
  rng?: Record<string, never>;
  video?: { type?: string };
  autoattachPodInterface?: boolean;
  autoattachGraphicsDevice?: boolean;
  autoattachSerialConsole?: boolean;
  autoattachMemBalloon?: boolean;
  autoattachInputDevice?: boolean;
  networkInterfaceMultiqueue?: boolean;
  blockMultiQueue?: boolean;
  useVirtioTransitional?: boolean;
  disableHotplug?: boolean;
  /** Not yet. */
  logSerialConsole?: boolean;
  /** Not yet. */
  autoattachVSOCK?: boolean;
  /** Not yet. */
  watchdog?: Record<string, unknown>;
  /** Not yet. */
  tpm?: { enabled?: boolean; persistent?: boolean };
  /** Not yet. */
  sound?: Record<string, unknown>;
  /** Not yet. */
  gpus?: unknown[];
  /** Not yet. */
  hostDevices?: unknown[];
  /** Not yet. */
  filesystems?: unknown[];
  /** Not yet. */
  clientPassthrough?: Record<string, never>;
  /** Not yet. */
  panicDevices?: unknown[];
  /** Not yet. */
  downwardMetrics?: Record<string, never>;
}

export type DiskBus = 'virtio' | 'sata' | 'scsi' | 'usb';

export interface Disk {
  /** The volume of the same name is the disk's content. */
  name: string;
  disk?: DiskTarget;
  cdrom?: CdromTarget;
  /** Not yet. */
  lun?: Record<string, unknown>;
  /** Unique among disks and interfaces, from 1. */
  bootOrder?: number;
  serial?: string;
  cache?: 'none' | 'writethrough' | 'writeback';
  io?: 'native' | 'threads';
  tag?: string;
  dedicatedIOThread?: boolean;
  errorPolicy?: 'stop' | 'ignore' | 'report' | 'enospace';
  /** Not yet. */
  blockSize?: Record<string, unknown>;
  /** Not yet. */
  shareable?: boolean;
  /** Not yet. */
  changedBlockTracking?: boolean;
}

export interface DiskTarget {
  bus?: DiskBus;
  readonly?: boolean;
  /** `0000:81:01.0`. */
  pciAddress?: string;
}

export interface CdromTarget {
  bus?: DiskBus;
  readonly?: boolean;
  tray?: 'open' | 'closed';
}

export type InterfaceModel = 'virtio' | 'e1000' | 'e1000e' | 'igb' | 'ne2k_pci' | 'pcnet' | 'rtl8139';

export interface Interface {
  /** Matches one `spec.networks[].name`. */
  name: string;
  masquerade?: Record<string, never>;
  bridge?: Record<string, never>;
  model?: InterfaceModel;
  macAddress?: string;
  /** The pod's ports that reach the guest; all when absent. Masquerade only. */
  ports?: Port[];
  bootOrder?: number;
  pciAddress?: string;
  dhcpOptions?: DhcpOptions;
  tag?: string;
  acpiIndex?: number;
  state?: 'up' | 'down' | 'absent';
  /** Not yet. */
  sriov?: Record<string, never>;
  /** Not yet. */
  passtBinding?: Record<string, never>;
  /** Not yet. */
  binding?: { name: string };
  /** Discontinued by KubeVirt. */
  slirp?: Record<string, never>;
  /** Discontinued by KubeVirt. */
  macvtap?: Record<string, never>;
  /** Discontinued by KubeVirt. */
  passt?: Record<string, never>;
  /** Not yet. */
  portRanges?: unknown[];
}

export interface Port {
  name?: string;
  /** TCP when absent. */
  protocol?: 'TCP' | 'UDP';
  port: number;
}

export interface DhcpOptions {
  bootFileName?: string;
  tftpServerName?: string;
  ntpServers?: string[];
  /** Options 224 to 254. */
  privateOptions?: { option: number; value: string }[];
}

export interface Input {
  name: string;
  type: 'tablet' | 'keyboard';
  bus?: 'usb' | 'virtio';
}
