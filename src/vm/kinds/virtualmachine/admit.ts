/** Admission of a VirtualMachine. Pure. The template is stored as it was given, so that `kubectl diff` stays quiet. */
import { cloneJson } from '../../../apimachinery/clone-json.ts';
import type { AdmissionResult, KindAdmissionRequest, KindAdmissionSettings } from '../admission.ts';
import { conforms } from '../schema/conforms.ts';
import { normalizeQuantities } from '../virtualmachineinstance/defaults.ts';
import { vmFinalizer } from './resource.ts';
import { vmSchema } from './schema.ts';
import type { VirtualMachine } from './types.ts';
import { validateVm } from './validate.ts';

export function admitVm(request: KindAdmissionRequest, settings: KindAdmissionSettings): AdmissionResult {
  const given = request.object;
  if (given === undefined || !conforms(vmSchema.schema, given)) {
    return given === undefined ? { errors: [] } : { object: given };
  }
  const vm = cloneJson(given) as VirtualMachine;
  const deleting = vm.metadata.deletionTimestamp !== undefined;
  const errors = deleting ? [] : validateVm(vm, { architectures: [settings.architecture] });
  if (errors.length > 0) {
    return { errors };
  }
  normalizeQuantities(vm.spec.template.spec);
  const finalizers = vm.metadata.finalizers ?? [];
  if (request.operation === 'CREATE' && !finalizers.includes(vmFinalizer)) {
    vm.metadata.finalizers = [...finalizers, vmFinalizer];
  }
  return { object: vm };
}
