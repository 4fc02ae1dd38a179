/** GET virtualmachineinstances/{name}/console, upgraded to a WebSocket: the serial console's bytes in binary messages. */
import { badRequest } from '../../../apimachinery/status.ts';
import { vmiType } from '../../kinds/virtualmachineinstance/resource.ts';
import { vmiConflict, type Subresource } from '../subresource.ts';

export const console: Subresource = {
  resource: 'virtualmachineinstances',
  name: 'console',
  method: 'GET',
  connect: async ({ client, node }, { namespace, name }) => {
    const vmi = await client.get(vmiType, { namespace, name });
    const phase = vmi.status?.phase ?? '';
    if (phase === 'Failed') {
      throw vmiConflict(name, 'VMI is in failed status');
    }
    if (phase !== 'Running') {
      throw badRequest(
        `Unable to connect to VirtualMachineInstance because phase is ${phase === '' ? 'unset' : phase} instead of Running`,
      );
    }
    if (vmi.spec.domain.devices.autoattachSerialConsole === false) {
      throw badRequest('No serial consoles are present.');
    }
    return node.console(vmi);
  },
};
