/**
 * UDP flows that lead to an endpoint that is gone, or past a Service that is new. TCP ends such a connection by itself; of UDP
 * connection tracking thinks that it lasts as long as packets come, and gives each the first one's way.
 */
import type { Fd } from '../../linux/fd/fd.ts';
import { deleteFlow, type Flow, listFlows } from '../../linux/conntrack/conntrack.ts';
import { NETLINK_NETFILTER } from '../../linux/netlink/constants.ts';
import { openNetlink } from '../../linux/netlink/socket.ts';
import { IPPROTO_UDP } from '../../linux/nftables/fields.ts';
import { portKey, type ServicePort } from './backends.ts';

export interface Flows extends Disposable {
  /**
   * After the table was made for `ports`: forgets what does not lead where it would lead now, of the ports that changed since
   * the last call; of all at the first. Gives how many. Throws KernelError; what was not done is done by the next call.
   */
  follow(ports: readonly ServicePort[]): number;
}

/** Beyond so many changed ports one list of all flows is cheaper than one for each. */
const ownListsMax = 8;

/** `netns` stays the caller's; the namespace of this process when left out. */
export function openFlows(netns?: Fd): Flows {
  const socket = openNetlink({ protocol: NETLINK_NETFILTER, ...(netns === undefined ? {} : { netns }) });
  let last: readonly ServicePort[] = [];
  return {
    follow(ports) {
      const changed = changedPorts(last, ports);
      const flows = new Map<string, Flow>();
      const look = (filter: Parameters<typeof listFlows>[1]): void =>
        listFlows(socket, filter).forEach((flow) => flows.set(JSON.stringify(flow), flow));
      if (changed.length > ownListsMax) {
        for (const family of new Set(changed.map((port) => port.family))) {
          look({ family, protocol: IPPROTO_UDP });
        }
      } else {
        for (const { address, family, nodePort, port } of changed) {
          look({ family, protocol: IPPROTO_UDP, destination: address, destinationPort: port });
          if (nodePort !== undefined) {
            look({ family, protocol: IPPROTO_UDP, destinationPort: nodePort });
          }
        }
      }
      const stale = [...flows.values()].filter((flow) => changed.some((port) => isStale(flow, port)));
      const count = stale.filter((flow) => deleteFlow(socket, flow)).length;
      last = ports;
      return count;
    },
    [Symbol.dispose]: () => socket[Symbol.dispose](),
  };
}

/** UDP ports that are new, other ones now, or gone: then without an endpoint. Pure. */
export function changedPorts(before: readonly ServicePort[], after: readonly ServicePort[]): ServicePort[] {
  const isUdp = ({ protocol }: ServicePort): boolean => protocol === 'udp';
  const had = new Set(before);
  const keys = new Set(after.filter(isUdp).map(portKey));
  return [
    ...after.filter((port) => isUdp(port) && !had.has(port)),
    ...before.filter((port) => isUdp(port) && !keys.has(portKey(port))).map((port) => ({ ...port, backends: [] })),
  ];
}

/** Whether the flow went to this port and leads to none of its endpoints. Pure. */
export function isStale({ family, original, reply }: Flow, port: ServicePort): boolean {
  const isTranslated = reply.source !== original.destination || reply.sourcePort !== original.destinationPort;
  const wentThere =
    family === port.family &&
    ((original.destination === port.address && original.destinationPort === port.port) ||
      // Others may have that number: of theirs, what nobody translated is not ours.
      (isTranslated && original.destinationPort === port.nodePort));
  return (
    wentThere && !port.backends.some(({ address, port: at }) => address === reply.source && at === reply.sourcePort)
  );
}
