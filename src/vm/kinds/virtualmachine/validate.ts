/** What a VirtualMachine must fulfil beyond its schema. Pure. */
import { forbiddenField, type FieldError } from '../../../apimachinery/field-error.ts';
import { findNotYet } from '../schema/not-yet.ts';
import { checkDriftPolicy } from '../virtualmachineinstance/drift-policy.ts';
import { validateVmiSpec } from '../virtualmachineinstance/validate.ts';
import { vmSchema } from './schema.ts';
import type { VirtualMachine, VirtualMachineSpec } from './types.ts';

export function validateVm(vm: VirtualMachine, options: { readonly architectures: readonly string[] }): FieldError[] {
  const errors: FieldError[] = [];
  if (vm.spec.running !== undefined && vm.spec.runStrategy !== undefined) {
    errors.push(forbiddenField('spec.runStrategy', 'either running or runStrategy, not both'));
  }
  const { template, ...rest } = vm.spec;
  // The template's own fields are checked by validateVmiSpec; the empty stand-in keeps this walk out of them.
  const withoutTemplate = { spec: rest satisfies Omit<VirtualMachineSpec, 'template'> };
  errors.push(...findNotYet(vmSchema, withoutTemplate, '').map((use) => forbiddenField(use.field, use.detail)));
  errors.push(...checkDriftPolicy(template.metadata?.annotations, 'spec.template.metadata.annotations'));
  errors.push(...validateVmiSpec(template.spec, 'spec.template.spec', { ...options, everyVolumeUsed: false }));
  return errors;
}
