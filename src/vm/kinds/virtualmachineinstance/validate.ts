/** What a VirtualMachineInstance spec must fulfil beyond its schema. Pure; one FieldError per field at fault. */
import { forbiddenField, invalidField, type FieldError } from '../../../apimachinery/field-error.ts';
import { findNotYet } from '../schema/not-yet.ts';
import { vmiSpecSchema } from './schema.ts';
import type { VirtualMachineInstanceSpec } from './types.ts';
import { checkDnsLabel, checkDnsSubdomain, checkUnique } from './validation/checks.ts';
import { validateMachine } from './validation/machine.ts';
import { validateNetwork } from './validation/network.ts';
import { validateResources } from './validation/resources.ts';
import { validateVolumes } from './validation/volumes.ts';

export interface ValidationOptions {
  /** A running VMI has no volume without a disk; a VM's template may, as in KubeVirt. */
  readonly everyVolumeUsed: boolean;
  readonly architectures: readonly string[];
}

/** A year: longer grace is a mistake, and timers stay within their range. */
const maxGraceSeconds = 365 * 24 * 3600;

/** @param field where the spec is: `spec`, or `spec.template.spec` in a VM */
export function validateVmiSpec(
  spec: VirtualMachineInstanceSpec,
  field: string,
  options: ValidationOptions,
): FieldError[] {
  return [
    ...findNotYet(vmiSpecSchema, spec, field).map((use) => forbiddenField(use.field, use.detail)),
    ...validateIdentity(spec, field, options),
    ...validateResources(spec.domain, `${field}.domain`),
    ...validateMachine(spec.domain, `${field}.domain`),
    ...validateVolumes(spec, field, options),
    ...validateNetwork(spec, field),
    ...validateBootOrder(spec, `${field}.domain.devices`),
    ...checkUnique(
      (spec.domain.devices.inputs ?? []).map(({ name }, index) => ({
        value: name,
        field: `${field}.domain.devices.inputs[${index}].name`,
      })),
    ),
  ];
}

function validateIdentity(spec: VirtualMachineInstanceSpec, field: string, options: ValidationOptions): FieldError[] {
  const errors: FieldError[] = [];
  if (spec.hostname !== undefined && spec.hostname !== '') {
    errors.push(...checkDnsLabel(spec.hostname, `${field}.hostname`));
  }
  if (spec.subdomain !== undefined && spec.subdomain !== '') {
    errors.push(...checkDnsSubdomain(spec.subdomain, `${field}.subdomain`));
  }
  const graceSeconds = spec.terminationGracePeriodSeconds;
  if (graceSeconds !== undefined && (graceSeconds < 0 || graceSeconds > maxGraceSeconds)) {
    const detail = `must be 0 to ${maxGraceSeconds} seconds`;
    errors.push(invalidField(`${field}.terminationGracePeriodSeconds`, graceSeconds, detail));
  }
  if (spec.architecture !== undefined && !options.architectures.includes(spec.architecture)) {
    const detail = `this installation runs ${options.architectures.join(', ')}`;
    errors.push(invalidField(`${field}.architecture`, spec.architecture, detail));
  }
  return errors;
}

function validateBootOrder(spec: VirtualMachineInstanceSpec, field: string): FieldError[] {
  const errors: FieldError[] = [];
  const orders: { value: number; field: string }[] = [];
  for (const kind of ['disks', 'interfaces'] as const) {
    for (const [index, { bootOrder }] of (spec.domain.devices[kind] ?? []).entries()) {
      if (bootOrder === undefined) {
        continue;
      }
      const place = `${field}.${kind}[${index}].bootOrder`;
      if (bootOrder < 1) {
        errors.push(invalidField(place, bootOrder, 'must be 1 or more'));
      } else {
        orders.push({ value: bootOrder, field: place });
      }
    }
  }
  return [...errors, ...checkUnique(orders)];
}
