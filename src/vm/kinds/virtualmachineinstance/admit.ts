/** Admission of a VirtualMachineInstance. Pure. */
import { cloneJson } from '../../../apimachinery/clone-json.ts';
import { isDeepStrictEqual } from 'node:util';
import { forbiddenField, type FieldError } from '../../../apimachinery/field-error.ts';
import type { AdmissionResult, KindAdmissionRequest, KindAdmissionSettings } from '../admission.ts';
import { conforms } from '../schema/conforms.ts';
import { applyVmiDefaults } from './defaults.ts';
import { checkDriftPolicy } from './drift-policy.ts';
import { vmiSchema } from './schema.ts';
import type { VirtualMachineInstance } from './types.ts';
import { validateVmiSpec } from './validate.ts';

/** Labels by which controllers and agents find who owns a VMI. */
const reservedLabels = [
  'kubevirt.io/created-by',
  'kubevirt.io/nodeName',
  'kubevirt.io/migrationJobUID',
  'kubevirt.io/migrationTargetNodeName',
] as const;

export function admitVmi(request: KindAdmissionRequest, settings: KindAdmissionSettings): AdmissionResult {
  const given = request.object;
  if (given === undefined || !conforms(vmiSchema.schema, given)) {
    // The API server's schema validation says what is wrong with it.
    return given === undefined ? { errors: [] } : { object: given };
  }
  const vmi = given as VirtualMachineInstance;
  return request.operation === 'CREATE'
    ? admitCreate(vmi, request, settings)
    : admitUpdate(vmi, request.oldObject as VirtualMachineInstance | undefined, request, settings);
}

function admitCreate(
  given: VirtualMachineInstance,
  request: KindAdmissionRequest,
  settings: KindAdmissionSettings,
): AdmissionResult {
  const errors: FieldError[] = settings.isOwnIdentity(request.user) ? [] : checkLabels(given, undefined);
  // Validation comes first: defaults may only be worked out from values that make sense.
  errors.push(
    ...checkDriftPolicy(given.metadata.annotations, 'metadata.annotations'),
    ...validateVmiSpec(given.spec, 'spec', { everyVolumeUsed: true, architectures: [settings.architecture] }),
  );
  return errors.length > 0 ? { errors } : { object: applyVmiDefaults(given, settings) };
}

/** A VMI does not change after it was made; users may change labels and annotations only. */
function admitUpdate(
  given: VirtualMachineInstance,
  old: VirtualMachineInstance | undefined,
  request: KindAdmissionRequest,
  settings: KindAdmissionSettings,
): AdmissionResult {
  if (old === undefined || settings.isOwnIdentity(request.user)) {
    return { object: given };
  }
  const errors = [...checkLabels(given, old), ...checkDriftPolicy(given.metadata.annotations, 'metadata.annotations')];
  if (!isDeepStrictEqual(given.spec, old.spec)) {
    errors.push(forbiddenField('spec', 'a VirtualMachineInstance cannot be changed; delete it and make it anew'));
  }
  if (errors.length > 0) {
    return { errors };
  }
  const object = cloneJson(given);
  if (old.status === undefined) {
    delete object.status;
  } else {
    object.status = old.status;
  }
  return { object };
}

function checkLabels(given: VirtualMachineInstance, old: VirtualMachineInstance | undefined): FieldError[] {
  return reservedLabels
    .filter((label) => given.metadata.labels?.[label] !== old?.metadata.labels?.[label])
    .map((label) => forbiddenField(`metadata.labels[${label}]`, 'this label is set by vmlet'));
}
