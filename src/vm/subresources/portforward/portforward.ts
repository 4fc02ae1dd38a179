/**
 * GET virtualmachineinstances/{name}/portforward/{port}[/{protocol}], upgraded to a WebSocket: the bytes of a connection
 * to a port of the VM in binary messages; with udp each message is a datagram. One WebSocket is one connection.
 */
import { podType } from '../../../apimachinery/core.ts';
import { badRequest, internalError } from '../../../apimachinery/status.ts';
import { errorMessage } from '../../../base/errors.ts';
import { vmiType } from '../../kinds/virtualmachineinstance/resource.ts';
import { createdByLabel } from '../../launcher/names.ts';
import { vmiConflict, type Subresource, type SubresourceContext } from '../subresource.ts';
import { dial, type ForwardedProtocol } from './dial.ts';

export const portforward: Subresource = {
  resource: 'virtualmachineinstances',
  name: 'portforward',
  method: 'GET',
  rest: { least: 1, most: 2 },
  connect: async ({ client }, { namespace, name, rest = [] }) => {
    const target = parseTarget(rest);
    const vmi = await client.get(vmiType, { namespace, name });
    if (vmi.status?.phase !== 'Running') {
      throw vmiConflict(name, 'VMI is not running');
    }
    const address = await addressOf(client, namespace, vmi.metadata.uid ?? '');
    if (address === undefined) {
      throw vmiConflict(name, 'VMI has no network that the node can reach');
    }
    try {
      return await dial({ address, ...target });
    } catch (error) {
      const { port, protocol } = target;
      throw internalError(`cannot reach ${protocol} port ${port} of "${name}": ${errorMessage(error)}`, {
        cause: error,
      });
    }
  },
};

/** Throws StatusError 400. */
export function parseTarget(rest: readonly string[]): { port: number; protocol: ForwardedProtocol } {
  const [text = '', protocol = 'tcp'] = rest;
  const port = /^\d{1,5}$/u.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) {
    throw badRequest(`port ${JSON.stringify(text)} is no number from 1 to 65535`);
  }
  if (protocol !== 'tcp' && protocol !== 'udp') {
    throw badRequest(`protocol ${JSON.stringify(protocol)} is neither tcp nor udp`);
  }
  return { port, protocol };
}

/** That of the launcher Pod, which the node gave: what a guest says of itself could name anybody's address. */
async function addressOf(
  client: SubresourceContext['client'],
  namespace: string,
  uid: string,
): Promise<string | undefined> {
  const { items } = await client.list(podType, { namespace, labelSelector: `${createdByLabel}=${uid}` });
  return items.find(({ status }) => status?.phase === 'Running' && status.podIP !== undefined)?.status?.podIP;
}
