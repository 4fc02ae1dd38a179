/** A libvirt domain as plain data. Names are those of libvirt's domain XML (formatdomain.html), sizes are bytes. */
import type {
  BalloonDevice,
  ConsoleDevices,
  Controller,
  Disk,
  Graphics,
  InputDevice,
  Interface,
  Rng,
  Video,
} from './device-types.ts';
import type { XmlElement } from './xml-element.ts';

export interface Domain {
  /** `qemu` is emulation without KVM. */
  readonly type: 'kvm' | 'qemu';
  readonly name: string;
  readonly uuid: string;
  /** One element per namespace, prefix declared on it. */
  readonly metadata: readonly XmlElement[];
  readonly memoryBytes: bigint;
  readonly vcpus: number;
  readonly iothreads: number;
  readonly sysinfo: Sysinfo | undefined;
  readonly os: Os;
  readonly features: DomainFeatures;
  readonly cpu: DomainCpu | undefined;
  readonly clock: DomainClock;
  readonly devices: DomainDevices;
  /** QEMU capabilities that libvirt shall believe to be absent (`<qemu:capabilities>`). It marks the domain as tainted. */
  readonly withoutQemuCapabilities: readonly string[];
}

/** SMBIOS strings, entry name to value. */
export interface Sysinfo {
  readonly system: Readonly<Record<string, string>>;
  readonly chassis: Readonly<Record<string, string>>;
}

export interface Os {
  readonly arch: string;
  readonly machine: string;
  readonly loader?: {
    readonly path: string;
    readonly secure: boolean;
    readonly nvramTemplate: string;
    readonly nvramPath: string;
  };
  readonly kernel?: string;
  readonly initrd?: string;
  readonly cmdline?: string;
  /** SeaBIOS writes to the serial console. */
  readonly biosUseSerial?: boolean;
  /** Shows the boot menu for this long. */
  readonly bootMenuTimeoutMs?: number;
}

export type OnOff = 'on' | 'off';

export interface DomainFeatures {
  readonly acpi: boolean;
  readonly apic?: { readonly eoi?: OnOff };
  readonly smm?: OnOff;
  readonly pvspinlock?: OnOff;
  readonly vmport?: OnOff;
  readonly kvmHidden?: OnOff;
  /** Hyper-V enlightenments by libvirt's element names, in the order to write them. */
  readonly hyperv?: readonly HypervFeature[];
  /** Upper limit of the memory that emulation uses for translated code. */
  readonly tcgTbCacheMiB?: number;
}

export interface HypervFeature {
  readonly name: string;
  readonly state: OnOff;
  readonly attributes?: Readonly<Record<string, string | number>>;
  /** Sub-features switched on: `direct`, `extended`. */
  readonly parts?: readonly { readonly name: string; readonly state: OnOff }[];
}

export interface DomainCpu {
  readonly mode: 'host-model' | 'host-passthrough' | 'maximum' | 'custom' | undefined;
  /** For mode `custom`. */
  readonly model?: string;
  readonly topology: { readonly sockets: number; readonly cores: number; readonly threads: number };
  readonly features: readonly { readonly name: string; readonly policy: string }[];
}

export interface DomainClock {
  readonly offset: 'utc' | 'timezone' | 'variable';
  readonly timezone?: string;
  /** Seconds from UTC, or `reset` to forget what the guest changed when it starts again. */
  readonly adjustment?: number | 'reset';
  readonly timers: readonly DomainTimer[];
}

export interface DomainTimer {
  readonly name: 'rtc' | 'pit' | 'hpet' | 'kvmclock' | 'hypervclock';
  readonly present: boolean | undefined;
  readonly tickpolicy: string | undefined;
  readonly track: string | undefined;
}

export interface DomainDevices {
  readonly emulator: string;
  readonly controllers: readonly Controller[];
  readonly disks: readonly Disk[];
  readonly interfaces: readonly Interface[];
  readonly consoles: ConsoleDevices;
  readonly inputs: readonly InputDevice[];
  readonly graphics: Graphics | undefined;
  readonly video: Video | undefined;
  readonly balloon: BalloonDevice;
  readonly rng: Rng | undefined;
}
