/** `spec.domain` of a VirtualMachineInstance: the virtual hardware. KubeVirt's names. */
import type { Devices } from './device-types.ts';

export interface DomainSpec {
  devices: Devices;
  resources?: DomainResources;
  cpu?: Cpu;
  memory?: Memory;
  machine?: { type?: string };
  firmware?: Firmware;
  features?: Features;
  clock?: Clock;
  ioThreadsPolicy?: 'shared' | 'auto' | 'supplementalPool';
  /** Not yet. */
  ioThreads?: { supplementalPoolThreadCount?: number };
  chassis?: { manufacturer?: string; version?: string; serial?: string; asset?: string; sku?: string };
  /** Not yet. */
  launchSecurity?: Record<string, unknown>;
  /** Not yet. */
  rebootPolicy?: 'Reboot' | 'Terminate';
}

export interface DomainResources {
  requests?: Record<string, string>;
  limits?: Record<string, string>;
  /** Leaves the overhead out of the Pod's memory request (never out of its limit). */
  overcommitGuestOverhead?: boolean;
}

export interface Cpu {
  cores?: number;
  sockets?: number;
  threads?: number;
  /** `host-model`, `host-passthrough` or a libvirt CPU model name. */
  model?: string;
  features?: CpuFeature[];
  /** Not yet. */
  maxSockets?: number;
  /** Not yet. */
  dedicatedCpuPlacement?: boolean;
  /** Not yet. */
  isolateEmulatorThread?: boolean;
  /** Not yet. */
  numa?: { guestMappingPassthrough?: Record<string, never> };
  /** Not yet. */
  realtime?: { mask?: string };
}

export interface CpuFeature {
  name: string;
  policy?: 'force' | 'require' | 'optional' | 'disable' | 'forbid';
}

export interface Memory {
  guest?: string;
  /** Not yet. */
  maxGuest?: string;
  /** Not yet. */
  hugepages?: { pageSize?: string };
  /** Not yet. */
  reservedOverhead?: Record<string, unknown>;
}

export interface Firmware {
  uuid?: string;
  serial?: string;
  bootloader?: Bootloader;
  kernelBoot?: KernelBoot;
  /** Not yet. */
  acpi?: { slicNameRef?: string; msdmNameRef?: string };
}

export interface Bootloader {
  bios?: { useSerial?: boolean };
  efi?: { secureBoot?: boolean; persistent?: boolean };
}

export interface KernelBoot {
  /** Kernel command line. */
  kernelArgs?: string;
  container?: KernelBootContainer;
}

export interface KernelBootContainer {
  image: string;
  /** Absolute path in the image. */
  kernelPath?: string;
  /** Absolute path in the image. */
  initrdPath?: string;
  imagePullSecret?: string;
  imagePullPolicy?: 'Always' | 'IfNotPresent' | 'Never';
}

export interface FeatureState {
  enabled?: boolean;
}

export interface Features {
  acpi?: FeatureState;
  apic?: FeatureState & { endOfInterrupt?: boolean };
  smm?: FeatureState;
  kvm?: { hidden?: boolean };
  pvspinlock?: FeatureState;
  hyperv?: HypervFeatures;
  /** Not yet. */
  hypervPassthrough?: FeatureState;
}

export interface HypervFeatures {
  relaxed?: FeatureState;
  vapic?: FeatureState;
  spinlocks?: FeatureState & { spinlocks?: number };
  vpindex?: FeatureState;
  runtime?: FeatureState;
  synic?: FeatureState;
  synictimer?: FeatureState & { direct?: FeatureState };
  reset?: FeatureState;
  vendorid?: FeatureState & { vendorid?: string };
  frequencies?: FeatureState;
  reenlightenment?: FeatureState;
  tlbflush?: FeatureState & { direct?: FeatureState; extended?: FeatureState };
  ipi?: FeatureState;
  evmcs?: FeatureState;
}

export interface Clock {
  utc?: { offsetSeconds?: number };
  /** An IANA zone name. */
  timezone?: string;
  timer?: {
    hpet?: Timer<'delay' | 'catchup' | 'merge' | 'discard'>;
    pit?: Timer<'delay' | 'catchup' | 'discard'>;
    rtc?: Timer<'delay' | 'catchup'> & { track?: 'guest' | 'wall' };
    kvm?: { present?: boolean };
    hyperv?: { present?: boolean };
  };
}

export interface Timer<Policy extends string> {
  present?: boolean;
  tickPolicy?: Policy;
}
