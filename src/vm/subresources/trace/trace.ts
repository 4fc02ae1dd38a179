/** GET virtualmachineinstances/{name}/trace: the steps of the VM's start with their times. vmlet's own. */
import { vmiType } from '../../kinds/virtualmachineinstance/resource.ts';
import { vmiConflict, type Subresource } from '../subresource.ts';

export const trace: Subresource = {
  resource: 'virtualmachineinstances',
  name: 'trace',
  method: 'GET',
  handle: async ({ client, node }, { namespace, name }) => {
    const vmi = await client.get(vmiType, { namespace, name });
    const found = await node.trace(vmi);
    if (found === undefined) {
      throw vmiConflict(name, 'its start was not seen: vmlet was not running then, or is older than this command');
    }
    return { code: 200, body: found };
  },
};
