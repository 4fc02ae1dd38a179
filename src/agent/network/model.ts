/** One VM's network: what is wanted, what is there, and the steps between. Plain data. */
import { unreachable } from '../../base/assert.ts';
import type { Table, TableRef } from '../../linux/nftables/types.ts';
import type { DesiredLink, DesiredSysctl, Owner, PodNic } from '../../vm/bindings/types.ts';

export interface DesiredNetwork {
  /** Written on every link made for it; a link without it is somebody else's. */
  readonly mark: string;
  /** By the name of the pod NIC. */
  readonly podNics: readonly PodNic[];
  readonly links: readonly DesiredLink[];
  readonly sysctls: readonly DesiredSysctl[];
  readonly table: Table | undefined;
}

export interface ObservedLink {
  readonly index: number;
  readonly name: string;
  /** IFLA_INFO_KIND: `bridge`, `tun`, `dummy`, `veth`; undefined for hardware and loopback. */
  readonly kind: string | undefined;
  readonly macAddress: string;
  readonly mtu: number;
  readonly up: boolean;
  /** Name of the bridge it is a port of. */
  readonly master: string | undefined;
  readonly alias: string | undefined;
  /** As a bridge port; undefined when the kernel did not say. */
  readonly learning: boolean | undefined;
  /** Of a TAP: who may open it. */
  readonly tapOwner: Owner | undefined;
  /** CIDR, all scopes. */
  readonly addresses: readonly string[];
}

export interface ObservedNetwork {
  readonly links: ReadonlyMap<string, ObservedLink>;
  /** Values of the settings that were asked for; one that does not exist (yet) is missing. */
  readonly sysctls: ReadonlyMap<string, string>;
  readonly table: Table | undefined;
}

export interface LinkChanges {
  readonly macAddress?: string;
  readonly mtu?: number;
  readonly up?: boolean;
  readonly master?: string;
  readonly learning?: boolean;
}

export type NetworkOp =
  | { readonly kind: 'set-alias'; readonly link: string; readonly alias: string }
  | { readonly kind: 'rename-link'; readonly from: string; readonly to: string }
  | {
      readonly kind: 'create-bridge';
      readonly link: string;
      readonly macAddress: string | undefined;
    }
  | {
      readonly kind: 'create-dummy';
      readonly link: string;
      readonly macAddress: string | undefined;
    }
  | {
      readonly kind: 'create-tap';
      readonly link: string;
      readonly owner: Owner;
      readonly queues: number;
    }
  | { readonly kind: 'set-link'; readonly link: string; readonly changes: LinkChanges }
  | { readonly kind: 'delete-link'; readonly link: string }
  | { readonly kind: 'add-address'; readonly link: string; readonly address: string }
  | { readonly kind: 'delete-address'; readonly link: string; readonly address: string }
  | { readonly kind: 'add-route'; readonly link: string; readonly destination: string; readonly gateway: string }
  | { readonly kind: 'set-sysctl'; readonly key: string; readonly value: string; readonly before: string | undefined }
  | { readonly kind: 'load-table'; readonly table: Table; readonly replaces: boolean }
  | { readonly kind: 'delete-table'; readonly table: TableRef };

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
