/** PUT virtualmachineinstances/{name}/unpause with UnpauseOptions{dryRun}. */
import { vmiType } from '../../kinds/virtualmachineinstance/resource.ts';
import { accepted, parseOptions, vmiConflict, type Subresource } from '../subresource.ts';

export const unpause: Subresource = {
  resource: 'virtualmachineinstances',
  name: 'unpause',
  method: 'PUT',
  handle: async ({ client, node }, { namespace, name, body }) => {
    const options = parseOptions(body);
    const vmi = await client.get(vmiType, { namespace, name });
    if (vmi.status?.phase !== 'Running') {
      throw vmiConflict(name, 'VMI is not running');
    }
    if (vmi.status.conditions?.some(({ type, status }) => type === 'Paused' && status === 'True') !== true) {
      throw vmiConflict(name, 'VMI is not paused');
    }
    if (!options.dryRun) {
      await node.unpause(vmi);
    }
    return accepted;
  },
};
