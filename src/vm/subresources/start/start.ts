/** PUT virtualmachines/{name}/start with StartOptions{paused, dryRun}. */
import { isFinal, readVm, requestChange, setRunning } from '../vm-requests.ts';
import { accepted, parseOptions, vmConflict, type Subresource } from '../subresource.ts';
import type { StateChangeRequest } from '../../kinds/virtualmachine/types.ts';

export const start: Subresource = {
  resource: 'virtualmachines',
  name: 'start',
  method: 'PUT',
  handle: async (context, request) => {
    const options = parseOptions(request.body);
    const { vm, vmi, strategy } = await readVm(context, request);
    const { name } = request;
    const phase = vmi?.status?.phase ?? '';
    if (vmi !== undefined && !isFinal(vmi) && phase !== 'Unknown' && phase !== '') {
      throw vmConflict(name, 'VM is already running');
    }
    const paused = options.paused === true;
    const startRequest: StateChangeRequest = { action: 'Start', ...(paused ? { data: { paused: 'true' } } : {}) };
    switch (strategy) {
      case 'Halted':
        // A paused start is the controller's to make; it switches the VM on as well.
        if (paused && vm.spec.template.spec.startStrategy !== 'Paused') {
          await requestChange(context, vm, [startRequest], options);
        } else {
          await setRunning(context, vm, true, options);
        }
        return accepted;
      case 'RerunOnFailure':
      case 'Manual': {
        if (strategy === 'RerunOnFailure' && phase === 'Failed') {
          throw vmConflict(name, 'RerunOnFailure does not support starting VM from failed state');
        }
        const uid = vmi?.metadata.uid;
        const ended = vmi !== undefined && isFinal(vmi);
        const stopFirst: StateChangeRequest[] = ended && uid !== undefined ? [{ action: 'Stop', uid }] : [];
        await requestChange(context, vm, [...stopFirst, startRequest], options);
        return accepted;
      }
      case 'Always':
      case 'Once':
      case 'WaitAsReceiver':
        throw vmConflict(name, `${strategy} does not support manual start requests`);
    }
  },
};
