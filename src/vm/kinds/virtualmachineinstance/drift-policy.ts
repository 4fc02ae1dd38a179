import { notSupportedField, type FieldError } from '../../../apimachinery/field-error.ts';
import type { ObjectMeta } from '../../../apimachinery/object.ts';
import type { VirtualMachineInstance } from './types.ts';

/** Says what vmlet does about changes that others make to a running VM's links, firewall, limits and the like. */
export const driftPolicyAnnotation = 'vmlet.io/drift-policy';

/** `repair` puts back what was changed, `report` only writes an Event, `ignore` does not look. */
export const driftPolicies = ['repair', 'report', 'ignore'] as const;
export type DriftPolicy = (typeof driftPolicies)[number];

/** `repair` unless the annotation says otherwise; a word that is none of these was refused at admission. */
export function driftPolicyOf(vmi: VirtualMachineInstance): DriftPolicy {
  const word = vmi.metadata.annotations?.[driftPolicyAnnotation];
  return driftPolicies.find((policy) => policy === word) ?? 'repair';
}

/** @param field where the annotations are: `metadata.annotations`, or `spec.template.metadata.annotations` in a VM */
export function checkDriftPolicy(annotations: ObjectMeta['annotations'], field: string): FieldError[] {
  const word = annotations?.[driftPolicyAnnotation];
  return word === undefined || driftPolicies.some((policy) => policy === word)
    ? []
    : [notSupportedField(`${field}[${driftPolicyAnnotation}]`, word, driftPolicies)];
}
