/** Devices of a libvirt domain as plain data, names as in libvirt's domain XML. */

export interface PciAddress {
  readonly domain: number;
  readonly bus: number;
  readonly slot: number;
  readonly function: number;
}

export interface Controller {
  readonly type: 'usb' | 'scsi' | 'virtio-serial' | 'sata';
  readonly index: number;
  readonly model: string | undefined;
  /** Queues of a virtio-scsi controller. */
  readonly queues?: number;
}

export type DiskFormat = 'raw' | 'qcow2';

/** A layer below a disk. The chain is always written to its end, so nothing probes an image for a backing file. */
export interface DiskBacking {
  readonly path: string;
  readonly format: DiskFormat;
  readonly blockDevice: boolean;
}

export interface Disk {
  /** Without libvirt's `ua-`, which is put in front. */
  readonly alias: string;
  readonly device: 'disk' | 'cdrom';
  readonly target: {
    readonly dev: string;
    readonly bus: 'virtio' | 'sata' | 'scsi' | 'usb';
    readonly tray?: 'open' | 'closed';
  };
  readonly model: string | undefined;
  readonly source: { readonly path: string; readonly blockDevice: boolean };
  readonly backing: readonly DiskBacking[];
  readonly driver: {
    readonly type: DiskFormat;
    readonly cache: string | undefined;
    readonly io: string | undefined;
    readonly discard: 'unmap' | undefined;
    readonly errorPolicy: string;
    readonly queues: number | undefined;
    /** 1-based thread of the domain's iothreads. */
    readonly iothread: number | undefined;
  };
  readonly readonly: boolean;
  readonly serial: string | undefined;
  readonly bootOrder: number | undefined;
  readonly address: PciAddress | undefined;
}

/** A TAP device made beforehand; libvirt neither makes nor configures it. */
export interface Interface {
  readonly alias: string;
  readonly tap: string;
  readonly mac: string;
  readonly model: string;
  readonly mtu: number;
  /** `vhost` fails the start where /dev/vhost-net is missing; undefined for models without a choice. */
  readonly driver: 'qemu' | 'vhost' | undefined;
  /** More than 1 needs a multi-queue TAP. */
  readonly queues: number | undefined;
  readonly linkDown: boolean;
  /** Network boot; without it the option ROM is left out. */
  readonly bootOrder: number | undefined;
  readonly acpiIndex: number | undefined;
  readonly address: PciAddress | undefined;
}

export interface ConsoleDevices {
  /** Serial port 0 on a unix socket that QEMU listens on. */
  readonly serialSocket: string | undefined;
  /** virtio-serial channels by target name; a path of undefined lets libvirt choose. */
  readonly channels: readonly { readonly name: string; readonly socket: string | undefined }[];
}

export interface InputDevice {
  readonly alias: string;
  readonly type: 'tablet' | 'keyboard';
  readonly bus: 'usb' | 'virtio';
  readonly model: string | undefined;
}

/** VNC on a unix socket, never TCP. */
export interface Graphics {
  readonly vncSocket: string;
}

export interface Video {
  readonly type: string;
  readonly vramKiB: number | undefined;
}

export interface BalloonDevice {
  /** `none` for no balloon. */
  readonly model: string;
  readonly freePageReporting: boolean;
  readonly statsPeriodSeconds: number | undefined;
}

export interface Rng {
  readonly model: string;
  readonly backend: string;
}
