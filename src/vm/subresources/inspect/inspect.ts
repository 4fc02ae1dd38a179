/**
 * GET virtualmachineinstances/{name}/inspect: what the node made for the VM. vmlet's own; KubeVirt has no such thing.
 * With `?deep=true` also what takes long: the system call filter that is in the kernel.
 */
import { vmiType } from '../../kinds/virtualmachineinstance/resource.ts';
import { vmiConflict, type Subresource } from '../subresource.ts';

export const inspect: Subresource = {
  resource: 'virtualmachineinstances',
  name: 'inspect',
  method: 'GET',
  handle: async ({ client, node }, { namespace, name, query }) => {
    const vmi = await client.get(vmiType, { namespace, name });
    if ((vmi.status?.nodeName ?? '') === '') {
      throw vmiConflict(name, 'VMI is not on a node yet');
    }
    return { code: 200, body: await node.inspect(vmi, { deep: query.get('deep') === 'true' }) };
  },
};
