/** PUT virtualmachines/{name}/restart with RestartOptions{gracePeriodSeconds, dryRun}. */
import { badRequest } from '../../../apimachinery/status.ts';
import { vmiType } from '../../kinds/virtualmachineinstance/resource.ts';
import { isFinal, readVm, requestChange } from '../vm-requests.ts';
import { accepted, parseOptions, vmConflict, type Subresource } from '../subresource.ts';

export const restart: Subresource = {
  resource: 'virtualmachines',
  name: 'restart',
  method: 'PUT',
  handle: async (context, request) => {
    const options = parseOptions(request.body);
    const { gracePeriodSeconds } = options;
    if (gracePeriodSeconds !== undefined && gracePeriodSeconds > 0) {
      throw badRequest('For force restart, only gracePeriod=0 is supported for now');
    }
    if (gracePeriodSeconds !== undefined && gracePeriodSeconds < 0) {
      throw badRequest('gracePeriod has to be greater or equal to 0');
    }
    const { vm, vmi, strategy } = await readVm(context, request);
    const { namespace, name } = request;
    if (strategy === 'Halted' || strategy === 'Once') {
      // KubeVirt's spelling; clients match on it.
      throw vmConflict(name, `RunStategy ${strategy} does not support manual restart requests`);
    }
    if (vmi === undefined) {
      throw vmConflict(name, 'VM is not running: Halted');
    }
    if (gracePeriodSeconds === 0 && !isFinal(vmi)) {
      // The agent kills the guest at once when its grace period is 0.
      await context.client.patch(
        vmiType,
        { namespace, name },
        { type: 'json', body: [{ op: 'add', path: '/spec/terminationGracePeriodSeconds', value: 0 }] },
        { dryRun: options.dryRun },
      );
    }
    const uid = vmi.metadata.uid;
    await requestChange(
      context,
      vm,
      [{ action: 'Stop', ...(uid === undefined ? {} : { uid }) }, { action: 'Start' }],
      options,
    );
    return accepted;
  },
};
