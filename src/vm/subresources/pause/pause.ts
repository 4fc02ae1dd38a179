/** PUT virtualmachineinstances/{name}/pause with PauseOptions{dryRun}. */
import { forbidden } from '../../../apimachinery/status.ts';
import { vmiType } from '../../kinds/virtualmachineinstance/resource.ts';
import { accepted, parseOptions, vmiConflict, vmiSubject, type Subresource } from '../subresource.ts';

export const pause: Subresource = {
  resource: 'virtualmachineinstances',
  name: 'pause',
  method: 'PUT',
  handle: async ({ client, node }, { namespace, name, body }) => {
    const options = parseOptions(body);
    const vmi = await client.get(vmiType, { namespace, name });
    if (vmi.status?.phase !== 'Running') {
      throw vmiConflict(name, 'VM is not running');
    }
    if (vmi.spec.livenessProbe !== undefined) {
      throw forbidden(vmiSubject, name, 'Pausing VMIs with LivenessProbe is currently not supported');
    }
    if (vmi.status.conditions?.some(({ type, status }) => type === 'Paused' && status === 'True') === true) {
      throw vmiConflict(name, 'VMI is already paused');
    }
    if (!options.dryRun) {
      await node.pause(vmi);
    }
    return accepted;
  },
};
