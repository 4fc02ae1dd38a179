/** The VMI that a VM makes at a start, and how a later look at it tells whether the template changed since. Pure. */
import { cloneJson } from '../../../apimachinery/clone-json.ts';
import { createHash } from 'node:crypto';
import type { VirtualMachine } from './types.ts';
import type { VirtualMachineInstance } from '../virtualmachineinstance/types.ts';

/** Annotation on a VMI: the VM's generation that it was made from. KubeVirt's name. */
export const generationAnnotation = 'kubevirt.io/vm-generation';
/** Annotation on a VMI: digest of the template's spec that it was made from. */
export const templateAnnotation = 'vmlet.io/template-digest';

export function renderVmi(vm: VirtualMachine, options: { readonly paused: boolean }): VirtualMachineInstance {
  const { template } = vm.spec;
  const { name, namespace, uid = '', generation = 1 } = vm.metadata;
  const spec = cloneJson(template.spec);
  const firmware = (spec.domain.firmware ??= {});
  // The same at every start: guests tie licences and machine identity to it.
  firmware.uuid ??= stableUuid(uid);
  if (options.paused) {
    spec.startStrategy = 'Paused';
  }
  return {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachineInstance',
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(template.metadata?.labels === undefined ? {} : { labels: { ...template.metadata.labels } }),
      annotations: {
        ...template.metadata?.annotations,
        [generationAnnotation]: String(generation),
        [templateAnnotation]: templateDigest(vm),
      },
      ownerReferences: [
        { apiVersion: vm.apiVersion, kind: vm.kind, name, uid, controller: true, blockOwnerDeletion: true },
      ],
    },
    spec,
  };
}

export function isControlledBy(vmi: VirtualMachineInstance, vm: VirtualMachine): boolean {
  return (vmi.metadata.ownerReferences ?? []).some(
    ({ controller, uid }) => controller === true && uid === vm.metadata.uid,
  );
}

/** True when the running guest was made from another template than the VM has now. */
export function needsRestart(vm: VirtualMachine, vmi: VirtualMachineInstance): boolean {
  const digest = vmi.metadata.annotations?.[templateAnnotation];
  return digest !== undefined && digest !== templateDigest(vm);
}

export function templateDigest(vm: VirtualMachine): string {
  return createHash('sha256').update(canonical(vm.spec.template.spec)).digest('hex').slice(0, 16);
}

/** JSON with sorted keys: the order in which a client wrote them does not matter. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) {
    return `[${value.map(canonical).join(',')}]`;
  }
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .toSorted(([left], [right]) => (left < right ? -1 : 1))
      .map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`);
    return `{${members.join(',')}}`;
  }
  return JSON.stringify(value);
}

/** Version 5 form (RFC 9562) of the VM's own UID, so that it is not simply the UID. */
function stableUuid(uid: string): string {
  const hex = createHash('sha1').update(`vmlet.io/firmware/${uid}`).digest('hex');
  const variant = ((Number.parseInt(hex.slice(16, 18), 16) & 0x3f) | 0x80).toString(16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `5${hex.slice(13, 16)}`,
    `${variant}${hex.slice(18, 20)}`,
    hex.slice(20, 32),
  ].join('-');
}
