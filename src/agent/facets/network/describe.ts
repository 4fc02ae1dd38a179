import { unreachable } from '../../../base/assert.ts';
import type { LinkChanges, NetworkOp } from './model.ts';
import { POD_NIC_PREFIX } from './pod-nic.ts';

/** What the step does, for log, event, dry run and `explain`. */
export function describeOp(op: NetworkOp): string {
  switch (op.kind) {
    case 'set-alias':
      return `note on link ${op.link}: ${op.alias}`;
    case 'rename-link':
      return `rename link ${op.from} to ${op.to}`;
    case 'create-bridge':
      return `create bridge ${op.link}${op.macAddress === undefined ? '' : ` with MAC ${op.macAddress}`}`;
    case 'create-dummy':
      return `create dummy link ${op.link}${op.macAddress === undefined ? '' : ` with MAC ${op.macAddress}`}`;
    case 'create-tap':
      return `create TAP ${op.link} with ${op.queues} queue${op.queues === 1 ? '' : 's'} for uid ${op.owner.uid} gid ${op.owner.gid}`;
    case 'set-link':
      return `set link ${op.link}: ${describeChanges(op.changes)}`;
    case 'delete-link':
      return `delete link ${op.link}`;
    case 'add-address':
      return `add address ${op.address} to ${op.link}`;
    case 'delete-address':
      return `remove address ${op.address} from ${op.link}`;
    case 'add-route':
      return `add route ${op.destination} via ${op.gateway} on ${op.link}`;
    case 'set-sysctl':
      return `set ${op.key} to ${op.value}${op.before === undefined ? '' : ` (was ${op.before})`}`;
    case 'load-table':
      return `${op.replaces ? 'replace' : 'load'} nftables table inet ${op.table.name} (${op.table.chains.flatMap(({ rules }) => rules).length} rules)`;
    case 'delete-table':
      return `delete nftables table inet ${op.table.name}`;
    default:
      return unreachable(op);
  }
}

function describeChanges(changes: LinkChanges): string {
  const words: string[] = [];
  if (changes.up !== undefined) {
    words.push(changes.up ? 'up' : 'down');
  }
  if (changes.macAddress !== undefined) {
    words.push(`MAC ${changes.macAddress}`);
  }
  if (changes.mtu !== undefined) {
    words.push(`MTU ${changes.mtu}`);
  }
  if (changes.master !== undefined) {
    words.push(`port of ${changes.master}`);
  }
  if (changes.learning !== undefined) {
    words.push(`learning ${changes.learning ? 'on' : 'off'}`);
  }
  return words.join(', ');
}

/** Why the step is needed, for who reads `explain`. */
export function reasonOf(op: NetworkOp): string {
  switch (op.kind) {
    case 'set-alias':
      return op.alias === ''
        ? 'the note is no longer needed'
        : op.alias.startsWith(POD_NIC_PREFIX)
          ? 'what is taken from the pod interface must outlive a crash of vmlet'
          : 'marks the link as made for this VM: a link without the mark is never touched';
    case 'rename-link':
      return 'the name is needed for a link that stands in for the pod interface';
    case 'create-bridge':
      return "joins the guest's network card to the pod's network";
    case 'create-dummy':
      return "keeps the pod interface's name and addresses, for what looks them up in the sandbox";
    case 'create-tap':
      return "QEMU's end of the guest's network card; its uid may open it and no other";
    case 'set-link':
      return op.changes.master === undefined && op.changes.up !== undefined
        ? op.changes.up
          ? 'no packet passes a link that is down'
          : 'name and MAC address can be changed only while it is down'
        : 'as the binding of the interface needs it';
    case 'delete-link':
      return 'was made for this VM, which no longer needs it';
    case 'add-address':
      return 'the guest or the pod network reaches this side by it';
    case 'delete-address':
      return 'the guest has this address now: two owners of one address answer at random';
    case 'add-route':
      return 'the pod interface had it before the VM';
    case 'set-sysctl':
      return op.key.includes('bridge-nf')
        ? "the host's own packet filter must not see the guest's frames a second time"
        : 'forwards between guest and pod network as the binding needs it, and nothing else';
    case 'load-table':
      return 'translates between the pod address and the guest; one transaction, packets never meet a half of it';
    case 'delete-table':
      return 'was made for this VM, which no longer needs it';
    default:
      return unreachable(op);
  }
}
