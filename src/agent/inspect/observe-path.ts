import { VmletError } from '../../base/errors.ts';
import type { VirtualMachineInstance } from '../../vm/kinds/virtualmachineinstance/types.ts';
import type { Machine } from '../machine/machine.ts';

export async function observePath(machine: Machine, vmi: VirtualMachineInstance): Promise<object> {
  throw new VmletError('NotRunningHere', `${vmi.metadata.name} ${machine.podUid}`);
}
