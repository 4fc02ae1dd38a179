/** A VirtualMachineInstance and the node's facts become a libvirt domain. Pure; KubeVirt's defaults. */
import { assert } from '../../../base/assert.ts';
import { quantityBytes } from '../../../apimachinery/quantity.ts';
import type { Controller, InputDevice } from '../../../libvirt/xml/device-types.ts';
import type { Domain, DomainDevices, Os, Sysinfo } from '../../../libvirt/xml/domain-types.ts';
import type { DomainSpec } from '../../kinds/virtualmachineinstance/domain-types.ts';
import type { VirtualMachineInstance } from '../../kinds/virtualmachineinstance/types.ts';
import { cpuOf, needlessCpuCapabilities, topologyOf, vcpuCount } from './cpu.ts';
import { busOf, disksOf } from './disks.ts';
import type { DomainFacts } from './facts.ts';
import { clockOf, featuresOf } from './features.ts';
import { domainName, domainUuid, metadataOf } from './identity.ts';
import { interfacesOf } from './interfaces.ts';
import { ioThreadsOf } from './io-threads.ts';
import { virtioModel } from './virtio-model.ts';

/** Sockets that QEMU makes under `facts.privateDir`; KubeVirt's names. */
export const serialSocketName = 'virt-serial0';
export const vncSocketName = 'virt-vnc';
/** Target name of the QEMU guest agent's channel. */
export const guestAgentChannel = 'org.qemu.guest_agent.0';

const BOOT_MENU_TIMEOUT_MS = 10_000;
const BALLOON_STATS_PERIOD_SECONDS = 10;
const VGA_MEMORY_KIB = 16_384;

export interface DomainInput {
  /** Admitted: defaults are filled, contradictions refused. */
  readonly vmi: VirtualMachineInstance;
  readonly facts: DomainFacts;
}

export function compileDomain({ vmi, facts }: DomainInput): Domain {
  const { domain } = vmi.spec;
  const ioThreads = ioThreadsOf(domain);
  const cpu = cpuOf(domain, facts);
  return {
    type: facts.virtType,
    name: domainName(vmi),
    uuid: domainUuid(vmi),
    metadata: [metadataOf(vmi)],
    memoryBytes: guestMemoryBytes(domain),
    vcpus: vcpuCount(topologyOf(domain)),
    iothreads: ioThreads.count,
    sysinfo: sysinfoOf(vmi),
    os: osOf(vmi, facts),
    features: featuresOf(domain, facts),
    cpu,
    clock: clockOf(domain.clock, facts),
    devices: devicesOf(vmi, facts, disksOf(vmi, facts, ioThreads)),
    withoutQemuCapabilities: needlessCpuCapabilities(cpu),
  };
}

/** memory.guest, else the requested memory, else the limit. */
export function guestMemoryBytes(domain: DomainSpec): bigint {
  const quantity =
    domain.memory?.guest ?? domain.resources?.requests?.['memory'] ?? domain.resources?.limits?.['memory'];
  assert(quantity !== undefined, 'VMI says nothing about memory');
  return quantityBytes(quantity);
}

function sysinfoOf(vmi: VirtualMachineInstance): Sysinfo {
  const { chassis, firmware } = vmi.spec.domain;
  const system: Record<string, string> = {
    manufacturer: 'KubeVirt',
    product: 'None',
    ...(firmware?.serial === undefined ? {} : { serial: firmware.serial }),
    uuid: domainUuid(vmi),
    family: 'KubeVirt',
  };
  const given = Object.entries(chassis ?? {}).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return { system, chassis: Object.fromEntries(given) };
}

function hasSerial(vmi: VirtualMachineInstance): boolean {
  return vmi.spec.domain.devices.autoattachSerialConsole !== false;
}

function osOf(vmi: VirtualMachineInstance, facts: DomainFacts): Os {
  const { firmware, machine } = vmi.spec.domain;
  const efi = firmware?.bootloader?.efi;
  assert(efi === undefined || facts.efi !== undefined, 'no facts about EFI firmware');
  // libvirt refuses it without a serial port.
  const useSerial = hasSerial(vmi) ? firmware?.bootloader?.bios?.useSerial : undefined;
  return {
    arch: 'x86_64',
    machine: machine?.type ?? 'q35',
    ...(efi === undefined || facts.efi === undefined
      ? {}
      : {
          loader: {
            path: facts.efi.codePath,
            secure: efi.secureBoot ?? true,
            nvramTemplate: facts.efi.varsTemplatePath,
            nvramPath: facts.efi.nvramPath,
          },
        }),
    ...(facts.kernel?.kernelPath === undefined ? {} : { kernel: facts.kernel.kernelPath }),
    ...(facts.kernel?.initrdPath === undefined ? {} : { initrd: facts.kernel.initrdPath }),
    ...(firmware?.kernelBoot?.kernelArgs === undefined ? {} : { cmdline: firmware.kernelBoot.kernelArgs }),
    ...(useSerial === undefined ? {} : { biosUseSerial: useSerial }),
    ...(vmi.spec.startStrategy === 'Paused' ? { bootMenuTimeoutMs: BOOT_MENU_TIMEOUT_MS } : {}),
  };
}

function devicesOf(vmi: VirtualMachineInstance, facts: DomainFacts, disks: DomainDevices['disks']): DomainDevices {
  const { devices, firmware } = vmi.spec.domain;
  const inputs = inputsOf(vmi);
  const hasGraphics = devices.autoattachGraphicsDevice !== false;
  const isEfi = firmware?.bootloader?.efi !== undefined;
  const videoType = devices.video?.type ?? (isEfi ? 'bochs' : 'vga');
  return {
    emulator: facts.emulatorPath,
    controllers: controllersOf(vmi, inputs),
    disks,
    interfaces: interfacesOf(vmi, facts),
    consoles: {
      serialSocket: hasSerial(vmi) ? `${facts.privateDir}/${serialSocketName}` : undefined,
      channels: [{ name: guestAgentChannel, socket: undefined }],
    },
    inputs,
    graphics: hasGraphics ? { vncSocket: `${facts.privateDir}/${vncSocketName}` } : undefined,
    video: hasGraphics ? { type: videoType, vramKiB: videoType === 'vga' ? VGA_MEMORY_KIB : undefined } : undefined,
    balloon:
      devices.autoattachMemBalloon === false
        ? { model: 'none', freePageReporting: false, statsPeriodSeconds: undefined }
        : { model: virtioModel(vmi), freePageReporting: true, statsPeriodSeconds: BALLOON_STATS_PERIOD_SECONDS },
    rng: devices.rng === undefined ? undefined : { model: virtioModel(vmi), backend: '/dev/urandom' },
  };
}

/**
 * Every controller costs start time, so those that nothing needs are left out: `usb` with model `none` keeps libvirt from
 * adding one. A SCSI controller comes with the first SCSI disk.
 */
function controllersOf(vmi: VirtualMachineInstance, inputs: readonly InputDevice[]): Controller[] {
  const disks = vmi.spec.domain.devices.disks ?? [];
  const needsUsb = inputs.some((input) => input.bus === 'usb') || disks.some((disk) => busOf(disk) === 'usb');
  const needsScsi = disks.some((disk) => busOf(disk) === 'scsi');
  return [
    { type: 'usb', index: 0, model: needsUsb ? 'qemu-xhci' : 'none' },
    ...(needsScsi ? [{ type: 'scsi' as const, index: 0, model: virtioModel(vmi) }] : []),
    { type: 'virtio-serial', index: 0, model: virtioModel(vmi) },
  ];
}

function inputsOf(vmi: VirtualMachineInstance): InputDevice[] {
  return (vmi.spec.domain.devices.inputs ?? []).map(({ name, type, bus = 'usb' }) => ({
    alias: name,
    type,
    bus,
    // libvirt has no (non-)transitional model here.
    model: bus === 'virtio' ? 'virtio' : undefined,
  }));
}
