/** One step of a VM's life on this node: a log line with the time since the VMI was created, and a failpoint. */
import { failpoint } from '../base/failpoint.ts';
import type { Logger } from '../base/logger.ts';
import type { VirtualMachineInstance } from '../vm/kinds/virtualmachineinstance/types.ts';

export function createStepLog(logger: Logger): (vmi: VirtualMachineInstance, step: string) => void {
  return (vmi, step) => {
    logger.info({ vmi: `${vmi.metadata.namespace}/${vmi.metadata.name}`, uid: vmi.metadata.uid }, step);
    failpoint(step);
  };
}
