import { unreachable } from '../../base/assert.ts';
import type { LinkChange, PodNetworkOp, Side } from './model.ts';

/** What the step does, for log, Event and audit. */
export function describeOp(op: PodNetworkOp): string {
  switch (op.kind) {
    case 'create-bridge':
      return `create bridge ${op.link}`;
    case 'create-namespace':
      return op.pin
        ? `pin the network namespace of pod ${op.pod} again`
        : `create a network namespace for pod ${op.pod}`;
    case 'create-pair':
      return `create link ${op.link} on bridge ${op.bridge} with its other end ${op.peer.name} in the pod`;
    case 'delete-link':
      return `delete link ${op.link}${where(op.side)}`;
    case 'set-alias':
      return `note on link ${op.link}${where(op.side)}: ${op.alias}`;
    case 'set-link':
      return `set link ${op.link}${where(op.side)}: ${describeChange(op.change)}`;
    case 'add-address':
      return `add address ${op.address} to ${op.link}${where(op.side)}`;
    case 'delete-address':
      return `remove address ${op.address} from ${op.link}${where(op.side)}`;
    case 'add-default-route':
      return `add default route via ${op.gateway} on ${op.link}${where('pod')}`;
    case 'set-sysctl':
      return `set ${op.key}${where(op.side)} to ${op.value}${op.before === undefined ? '' : ` (was ${op.before})`}`;
    case 'load-table':
      return `${op.replaces ? 'replace' : 'load'} nftables table ${op.table.family} ${op.table.name}`;
    case 'change-guard': {
      const count = (list: typeof op.add): number => list.reduce((sum, { elements }) => sum + elements.length, 0);
      return `change nftables table ${op.table.family} ${op.table.name}: ${count(op.add)} elements more, ${count(op.remove)} less`;
    }
    default:
      return unreachable(op);
  }
}

/** Why the step is needed. */
export function reasonOf(op: PodNetworkOp): string {
  switch (op.kind) {
    case 'create-bridge':
      return 'all pods of this host meet there, and their gateway is on it';
    case 'create-namespace':
      return 'the VM and its sandbox have a network of their own';
    case 'create-pair':
      return 'the only way between the pod and the host';
    case 'delete-link':
      return 'its other end is not where it must be';
    case 'set-alias':
      return op.side === 'host'
        ? 'marks the link as made by vmlet: a link without the mark is never touched'
        : 'tells the VM that took the interface over what it was given';
    case 'set-link':
      if (op.change.hairpin !== undefined) {
        return 'a pod reaches itself by its own Service only by its port of the bridge';
      }
      return op.change.master === undefined
        ? 'no packet passes a link that is down, and larger ones than the way out can carry are lost'
        : 'pods reach one another and their gateway through the bridge';
    case 'add-address':
      return op.side === 'host' ? 'it is the gateway of all pods' : 'by it the VM is reached';
    case 'delete-address':
      return 'the bridge has the addresses of the gateways and no others';
    case 'add-default-route':
      return 'the VM reaches other networks by it';
    case 'set-sysctl':
      return op.key.endsWith('forward') || op.key.endsWith('forwarding')
        ? 'the host hands packets of pods on to other networks'
        : 'the link has exactly the addresses that vmlet gives';
    case 'load-table':
      return op.table.family === 'bridge'
        ? 'a pod sends with its own addresses only'
        : 'what pods send to other networks leaves with the address of the host';
    case 'change-guard':
      return 'a pod sends with its own addresses only';
    default:
      return unreachable(op);
  }
}

function where(side: Side): string {
  return side === 'pod' ? ' in the pod' : '';
}

function describeChange(change: LinkChange): string {
  const words: string[] = [];
  if (change.macAddress !== undefined) {
    words.push(`MAC ${change.macAddress}`);
  }
  if (change.mtu !== undefined) {
    words.push(`MTU ${change.mtu}`);
  }
  if (change.master !== undefined) {
    words.push(`port of ${change.master}`);
  }
  if (change.hairpin !== undefined) {
    words.push(change.hairpin ? 'frames may come back' : 'no frame comes back');
  }
  if (change.up !== undefined) {
    words.push(change.up ? 'up' : 'down');
  }
  return words.join(', ');
}
