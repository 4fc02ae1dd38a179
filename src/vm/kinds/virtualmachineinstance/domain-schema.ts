/** Schema of `spec.domain`: CPU, memory, firmware, features and clock. Devices are in devices-schema.ts. */
import {
  flag,
  integer,
  list,
  mapOf,
  marker,
  notYet,
  object,
  opaque,
  quantity,
  text,
  type Properties,
  type SchemaNode,
} from '../schema/dsl.ts';
import { devicesSchema } from './devices-schema.ts';

const enabled = flag('Whether the feature is on; true when absent.');

function feature(description: string, more: Properties = {}): SchemaNode {
  return object(description, { enabled, ...more });
}

const pinning = 'dedicated CPUs and NUMA placement are not built';

const cpu = object('Virtual CPUs: sockets x cores x threads, 1 when nothing is said.', {
  cores: integer('Cores per socket.', { minimum: 1 }),
  sockets: integer('Sockets. When the topology is absent, the CPU limit or request, rounded up.', { minimum: 1 }),
  threads: integer('Threads per core.', { minimum: 1 }),
  model: text('host-model, host-passthrough, or the name of a CPU model that libvirt knows.', { maxLength: 128 }),
  features: list(
    'CPU flags, added to or taken from the model.',
    object(
      'One CPU flag.',
      {
        name: text('Name of the flag as libvirt has it.', { minLength: 1, maxLength: 64 }),
        policy: text('What the flag must be; require when absent.', {
          enum: ['force', 'require', 'optional', 'disable', 'forbid'],
        }),
      },
      ['name'],
    ),
  ),
  maxSockets: notYet(
    integer('Ceiling for adding sockets to a running guest.', { minimum: 0 }),
    'CPU hotplug is not built',
  ),
  dedicatedCpuPlacement: notYet(flag('Gives each virtual CPU a host CPU of its own.'), pinning),
  isolateEmulatorThread: notYet(flag('Puts QEMU’s own threads on a further host CPU.'), pinning),
  numa: notYet(
    object('NUMA layout of the guest.', { guestMappingPassthrough: marker('Mirrors the host layout.') }),
    pinning,
  ),
  realtime: notYet(
    object('Real-time scheduling of virtual CPUs.', { mask: text('Which virtual CPUs, as 0-3,^1; all when absent.') }),
    'real-time scheduling is not built',
  ),
});

const memory = object('Guest memory.', {
  guest: quantity('What the guest sees as its RAM.'),
  maxGuest: notYet(quantity('Ceiling for adding memory to a running guest.'), 'memory hotplug is not built'),
  hugepages: notYet(
    object('Backs guest memory with huge pages.', { pageSize: text('Size of one page: 2Mi or 1Gi.') }),
    'huge pages are not built',
  ),
  reservedOverhead: notYet(opaque('Extra memory for the VM beside the guest’s own.')),
});

const firmware = object('Firmware and boot.', {
  uuid: text('UUID that the guest reads from SMBIOS.', { maxLength: 64 }),
  serial: text('Serial number that the guest reads from SMBIOS.', { maxLength: 256 }),
  bootloader: object('BIOS or UEFI; BIOS when absent on amd64, UEFI on arm64.', {
    bios: object('SeaBIOS.', { useSerial: flag('Shows the BIOS on the serial console too.') }),
    efi: object('UEFI (OVMF or AAVMF).', {
      secureBoot: flag('Runs only signed boot loaders; needs features.smm; true when absent.'),
      persistent: notYet(flag('Keeps the UEFI variables across restarts of the VM.'), 'there is no volume for them'),
    }),
  }),
  kernelBoot: object('Boots a kernel directly, without a boot loader.', {
    kernelArgs: text('Kernel command line.', { maxLength: 2048 }),
    container: object(
      'Image that holds the kernel.',
      {
        image: text('Image reference.', { minLength: 1, maxLength: 512 }),
        kernelPath: text('Absolute path of the kernel in the image.', { maxLength: 1024 }),
        initrdPath: text('Absolute path of the initial RAM disk in the image.', { maxLength: 1024 }),
        imagePullSecret: text('Secret with registry credentials, in the same namespace.', { maxLength: 253 }),
        imagePullPolicy: text('When the image is fetched.', { enum: ['Always', 'IfNotPresent', 'Never'] }),
      },
      ['image'],
    ),
  }),
  acpi: notYet(
    object('ACPI tables taken from volumes.', { slicNameRef: text('SLIC table.'), msdmNameRef: text('MSDM table.') }),
  ),
});

const features = object('Virtual hardware features.', {
  acpi: feature('ACPI; on when absent. Without it a guest cannot be shut down politely.'),
  apic: feature('APIC.', { endOfInterrupt: flag('Hands end-of-interrupt notification to the hypervisor.') }),
  smm: feature('System management mode.'),
  kvm: object('How KVM shows itself.', { hidden: flag('Hides KVM from the guest.') }),
  pvspinlock: feature('Paravirtual spin locks.'),
  hyperv: object('Hyper-V enlightenments, for Windows guests.', {
    relaxed: feature('Relaxed timing constraints.'),
    vapic: feature('Paravirtual APIC.'),
    spinlocks: feature('Spin lock notification.', {
      spinlocks: integer('Retries before the guest notifies; 4096 when absent.', { minimum: 4095 }),
    }),
    vpindex: feature('Virtual processor index.'),
    runtime: feature('Processor run time counter.'),
    synic: feature('Synthetic interrupt controller.'),
    synictimer: feature('Synthetic timers; needs synic.', { direct: feature('Direct timer mode.') }),
    reset: feature('Reset by hypercall.'),
    vendorid: feature('Own hypervisor vendor id.', { vendorid: text('Up to 12 characters.', { maxLength: 12 }) }),
    frequencies: feature('Time source frequencies.'),
    reenlightenment: feature('Notification of time source changes.'),
    tlbflush: feature('Paravirtual TLB flush.', {
      direct: notYet(feature('Direct flush for nested guests.')),
      extended: notYet(feature('Flush of address ranges.')),
    }),
    ipi: feature('Paravirtual inter-processor interrupts.'),
    evmcs: feature('Enlightened VMCS.'),
  }),
  hypervPassthrough: notYet(feature('All Hyper-V enlightenments that the host has.')),
});

function timer(description: string, policies: readonly string[], more: Properties = {}): SchemaNode {
  return object(description, {
    present: flag('Whether the guest has the timer; true when absent.'),
    ...(policies.length === 0 ? {} : { tickPolicy: text('What is done about missed ticks.', { enum: policies }) }),
    ...more,
  });
}

const clock = object('The guest’s clock.', {
  utc: object('The clock starts at UTC.', { offsetSeconds: integer('Seconds added to UTC.') }),
  timezone: text('The clock starts at this IANA time zone’s local time.', { maxLength: 128 }),
  timer: object('Timers.', {
    hpet: timer('High precision event timer.', ['delay', 'catchup', 'merge', 'discard']),
    pit: timer('Programmable interval timer.', ['delay', 'catchup', 'discard']),
    rtc: timer('Real-time clock.', ['delay', 'catchup'], {
      track: text('What the clock follows.', { enum: ['guest', 'wall'] }),
    }),
    kvm: timer('KVM paravirtual clock.', []),
    hyperv: timer('Hyper-V reference clock.', []),
  }),
});

const resourceList = (description: string): SchemaNode => mapOf(description, quantity('Amount.'));

/** `spec.domain`. */
export const domainSchema: SchemaNode = object(
  'The virtual hardware.',
  {
    resources: object('What the VM may use on its node.', {
      requests: resourceList('Guaranteed to the guest; cpu and memory.'),
      limits: resourceList('The most it may use; cpu and memory.'),
      overcommitGuestOverhead: flag('Leaves QEMU’s own memory out of the request.'),
    }),
    cpu,
    memory,
    machine: object('Machine type.', {
      type: text(
        'q35, pc, virt or one of their versions that QEMU knows; q35 on amd64 and virt on arm64 when absent.',
        {
          maxLength: 64,
        },
      ),
    }),
    firmware,
    features,
    clock,
    devices: devicesSchema,
    ioThreadsPolicy: text('I/O threads for virtio disks: one for all, or as many as virtual CPUs keep busy.', {
      enum: ['shared', 'auto', 'supplementalPool'],
      notYetValues: { supplementalPool: 'use auto' },
    }),
    ioThreads: notYet(
      object('I/O threads.', { supplementalPoolThreadCount: integer('Threads in the supplemental pool.') }),
      'use ioThreadsPolicy auto',
    ),
    chassis: object('SMBIOS chassis.', {
      manufacturer: text('Manufacturer.', { maxLength: 256 }),
      version: text('Version.', { maxLength: 256 }),
      serial: text('Serial number.', { maxLength: 256 }),
      asset: text('Asset tag.', { maxLength: 256 }),
      sku: text('SKU.', { maxLength: 256 }),
    }),
    launchSecurity: notYet(opaque('Memory encryption: SEV, SNP or TDX.'), 'encrypted guests are not built'),
    rebootPolicy: text('What a reboot inside the guest does; Reboot when absent.', {
      enum: ['Reboot', 'Terminate'],
      notYetValues: { Terminate: 'only Reboot works' },
    }),
  },
  ['devices'],
);
