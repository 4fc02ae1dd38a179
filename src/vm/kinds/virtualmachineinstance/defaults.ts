/** What admission fills into a new VirtualMachineInstance. Pure. */
import { formatTime } from '../../../apimachinery/time.ts';
import { cloneJson } from '../../../apimachinery/clone-json.ts';
import type { VirtualMachineInstance, VirtualMachineInstanceSpec } from './types.ts';
import { vmiFinalizer } from './resource.ts';
import { cpuTopology } from './sizing.ts';

export interface KindDefaults {
  /** The node's own architecture, in Kubernetes' words. */
  readonly architecture: 'amd64' | 'arm64';
  readonly newUuid: () => string;
  readonly now: () => Date;
}

const machineTypes = { amd64: 'q35', arm64: 'virt' } as const;
const gracePeriodSeconds = 30;

/** A new VMI as it is stored: defaults in the spec, the finalizer, and a status of phase Pending that no user can give. */
export function applyVmiDefaults(vmi: VirtualMachineInstance, defaults: KindDefaults): VirtualMachineInstance {
  const result = cloneJson(vmi);
  fillSpec(result.spec, defaults);
  const finalizers = result.metadata.finalizers ?? [];
  if (!finalizers.includes(vmiFinalizer)) {
    result.metadata.finalizers = [...finalizers, vmiFinalizer];
  }
  const guest = result.spec.domain.memory?.guest;
  result.status = {
    phase: 'Pending',
    phaseTransitionTimestamps: [{ phase: 'Pending', phaseTransitionTimestamp: formatTime(defaults.now()) }],
    currentCPUTopology: { ...cpuTopology(result.spec) },
    ...(guest === undefined ? {} : { memory: { guestAtBoot: guest, guestCurrent: guest, guestRequested: guest } }),
  };
  return result;
}

function fillSpec(spec: VirtualMachineInstanceSpec, defaults: KindDefaults): void {
  normalizeQuantities(spec);
  const { domain } = spec;
  spec.architecture ??= defaults.architecture;
  spec.terminationGracePeriodSeconds ??= gracePeriodSeconds;
  domain.machine ??= {};
  domain.machine.type ??= machineTypes[spec.architecture === 'arm64' ? 'arm64' : 'amd64'];
  domain.firmware ??= {};
  domain.firmware.uuid ??= defaults.newUuid();
  domain.features ??= {};
  domain.features.acpi ??= {};
  domain.features.acpi.enabled ??= true;
  const guest = domain.memory?.guest ?? domain.resources?.requests?.['memory'] ?? domain.resources?.limits?.['memory'];
  if (guest !== undefined) {
    domain.memory = { ...domain.memory, guest };
  }
  fillNetwork(spec);
  for (const disk of domain.devices.disks ?? []) {
    if (disk.disk === undefined && disk.cdrom === undefined && disk.lun === undefined) {
      disk.disk = {};
    }
  }
}

/**
 * Without interfaces and networks the VM gets one masquerade card on the pod network. KubeVirt's own default there is
 * bridge; masquerade keeps the Pod's address on the host's side, which the forwarding of ports and health checks need.
 */
function fillNetwork(spec: VirtualMachineInstanceSpec): void {
  const { devices } = spec.domain;
  const none = (devices.interfaces ?? []).length === 0 && (spec.networks ?? []).length === 0;
  if (none && devices.autoattachPodInterface !== false) {
    devices.interfaces = [{ name: 'default', masquerade: {} }];
    spec.networks = [{ name: 'default', pod: {} }];
  }
}

/**
 * Quantities that JSON gave as numbers become text, so that all readers see one type. The types here say string already:
 * this is the place that makes it true.
 */
export function normalizeQuantities(spec: VirtualMachineInstanceSpec): void {
  const { memory, resources } = spec.domain;
  const holders: (object | undefined)[] = [resources?.requests, resources?.limits];
  for (const holder of holders) {
    for (const name of Object.keys(holder ?? {})) {
      makeText(holder, name);
    }
  }
  makeText(memory, 'guest');
  for (const volume of spec.volumes ?? []) {
    makeText(volume.emptyDisk, 'capacity');
  }
}

function makeText(holder: object | undefined, name: string): void {
  const value: unknown = (holder as Record<string, unknown> | undefined)?.[name];
  if (holder !== undefined && typeof value === 'number') {
    (holder as Record<string, unknown>)[name] = String(value);
  }
}
