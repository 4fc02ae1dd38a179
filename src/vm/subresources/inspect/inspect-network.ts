/** GET virtualmachineinstances/{name}/inspectnetwork: the path of the VM's packets with counters. vmlet's own. */
import { vmiType } from '../../kinds/virtualmachineinstance/resource.ts';
import { vmiConflict, type Subresource } from '../subresource.ts';

export const inspectNetwork: Subresource = {
  resource: 'virtualmachineinstances',
  name: 'inspectnetwork',
  method: 'GET',
  handle: async ({ client, node }, { namespace, name }) => {
    const vmi = await client.get(vmiType, { namespace, name });
    if ((vmi.status?.nodeName ?? '') === '') {
      throw vmiConflict(name, 'VMI is not on a node yet');
    }
    return { code: 200, body: await node.inspectNetwork(vmi) };
  },
};
