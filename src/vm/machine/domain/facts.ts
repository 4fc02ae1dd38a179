/** What the node knows about one VM's surroundings and the manifest does not say. */

export type DiskFormat = 'raw' | 'qcow2';

export interface DomainFacts {
  /** `qemu` where KVM cannot be used: everything that needs KVM is then left out of the domain. */
  readonly virtType: 'kvm' | 'qemu';
  readonly emulatorPath: string;
  /** One for each disk of the VMI, in any order. Paths as the sandbox sees them. */
  readonly disks: readonly DiskFact[];
  /** One for each interface of the VMI. */
  readonly interfaces: readonly InterfaceFact[];
  /** For firmware.kernelBoot with a container. */
  readonly kernel?: { readonly kernelPath?: string; readonly initrdPath?: string };
  /** For firmware.bootloader.efi. */
  readonly efi?: EfiFact;
  /** Directory for this VM's sockets: /var/run/kubevirt-private/<vmi uid>. */
  readonly privateDir: string;
  /** /dev/vhost-net is in the sandbox and works. */
  readonly vhostNet?: boolean;
}

export interface DiskFact {
  /** The disk's name in the VMI. */
  readonly name: string;
  readonly path: string;
  /** Found by us, never by looking at what the guest may have written. */
  readonly format: DiskFormat;
  readonly blockDevice?: boolean;
  /** The images below, topmost first. Empty for an image of its own. */
  readonly backing?: readonly { readonly path: string; readonly format: DiskFormat; readonly blockDevice?: boolean }[];
  /** The file and all below can be opened with O_DIRECT. */
  readonly directIo?: boolean;
  /** All space is allocated, so giving it back is of no use. */
  readonly preallocated?: boolean;
}

export interface InterfaceFact {
  /** The interface's name in the VMI. */
  readonly name: string;
  readonly tap: string;
  readonly mac: string;
  readonly mtu: number;
  /** Queues of the TAP. */
  readonly queues: number;
}

export interface EfiFact {
  readonly codePath: string;
  readonly varsTemplatePath: string;
  readonly nvramPath: string;
}
