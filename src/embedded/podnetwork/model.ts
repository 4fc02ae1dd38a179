/** The pod network of this host: what is wanted, what is there, and the steps between. Plain data. */
import type { SetShape } from '../../linux/nftables/requests.ts';
import type { SetElement, Table, TableRef } from '../../linux/nftables/types.ts';

export interface Sysctl {
  readonly key: string;
  readonly value: string;
}

/** The host's half: one bridge, forwarding, two nftables tables. */
export interface HostSpec {
  /** Name of the bridge and of both tables. */
  readonly bridge: string;
  /** Made from the name: a second mark of the bridge beside its alias. */
  readonly macAddress: string;
  /** Written on the bridge; a link of that name without it is somebody else's. */
  readonly mark: string;
  readonly mtu: number;
  /** CIDR of the gateways, which are the bridge's only global addresses. */
  readonly gateways: readonly string[];
  readonly sysctls: readonly Sysctl[];
  /** Forwarding and masquerade. */
  readonly table: Table;
  /** What pods may send (guard.ts); undefined where the kernel cannot filter on bridges. */
  readonly guard: Table | undefined;
}

/** One pod's half: a pair of links between the bridge and its namespace. */
export interface PodSpec {
  readonly uid: string;
  /** Link name of the host's end. */
  readonly hostLink: string;
  /** Written on the host's end. */
  readonly mark: string;
  readonly bridge: string;
  readonly mtu: number;
  readonly macAddress: string;
  /** CIDR, IPv4 first. */
  readonly addresses: readonly string[];
  readonly gateways: readonly string[];
  /** Whether frames of the pod may come back to it, by a Service that it is behind itself; the guard keeps all others away. */
  readonly hairpin: boolean;
  readonly hostSysctls: readonly Sysctl[];
  readonly podSysctls: readonly Sysctl[];
  /** How the alias of a NIC begins that a VM has taken over (TakenNics of pod-side.ts). */
  readonly notePrefix: string | undefined;
  /** What to make instead of eth0 when the pair is gone while a VM that took it over runs. */
  readonly taken: { readonly name: string; readonly alias: string } | undefined;
}

export interface ObservedLink {
  readonly index: number;
  readonly name: string;
  readonly kind: string | undefined;
  readonly macAddress: string | undefined;
  readonly mtu: number;
  readonly up: boolean;
  /** Link index of the bridge that it is a port of. */
  readonly master: number | undefined;
  readonly alias: string | undefined;
  /** Link index of the other end of a veth pair, in the namespace where that is. */
  readonly peer: number | undefined;
  /** Of a port: the bridge sends frames back to where they came from. */
  readonly hairpin: boolean;
}

export interface ObservedHost {
  readonly bridge: ObservedLink | undefined;
  /** Global ones of the bridge, CIDR. */
  readonly addresses: readonly string[];
  /** Of the keys asked for; one that does not exist is missing. */
  readonly sysctls: ReadonlyMap<string, string>;
  /** Names of links that listen to router advertisements only as long as the host does not forward (accept_ra 1). */
  readonly advertisementListeners: readonly string[];
  readonly table: Table | undefined;
  readonly guard: Table | undefined;
}

export interface ObservedPod {
  readonly hostLink: ObservedLink | undefined;
  /** Link index of the bridge, where it is ours. */
  readonly bridgeIndex: number | undefined;
  readonly hostSysctls: ReadonlyMap<string, string>;
  /** Undefined when the pod has no namespace. */
  readonly inside:
    | {
        /** Whether its file is there. */
        readonly pinned: boolean;
        readonly links: readonly ObservedLink[];
        /** By link name; CIDR, global ones. */
        readonly addresses: ReadonlyMap<string, readonly string[]>;
        /** Gateways of default routes of the main table, by link name. */
        readonly gateways: ReadonlyMap<string, readonly string[]>;
        readonly sysctls: ReadonlyMap<string, string>;
      }
    | undefined;
}

/** On the host, or in a pod's namespace. */
export type Side = 'host' | 'pod';

export interface LinkChange {
  readonly up?: boolean;
  readonly mtu?: number;
  readonly macAddress?: string;
  /** Name of the bridge. */
  readonly master?: string;
  /** Only of a port. */
  readonly hairpin?: boolean;
}

export type PodNetworkOp =
  | { readonly kind: 'create-bridge'; readonly link: string; readonly macAddress: string; readonly mtu: number }
  /** `pin`: the namespace exists and only its file is gone. */
  | { readonly kind: 'create-namespace'; readonly pod: string; readonly pin: boolean }
  | {
      readonly kind: 'create-pair';
      readonly link: string;
      readonly bridge: string;
      readonly mtu: number;
      readonly peer: { readonly name: string; readonly macAddress: string };
    }
  | { readonly kind: 'delete-link'; readonly side: Side; readonly link: string }
  | { readonly kind: 'set-alias'; readonly side: Side; readonly link: string; readonly alias: string }
  | { readonly kind: 'set-link'; readonly side: Side; readonly link: string; readonly change: LinkChange }
  | { readonly kind: 'add-address'; readonly side: Side; readonly link: string; readonly address: string }
  | { readonly kind: 'delete-address'; readonly side: Side; readonly link: string; readonly address: string }
  | { readonly kind: 'add-default-route'; readonly link: string; readonly gateway: string }
  | {
      readonly kind: 'set-sysctl';
      readonly side: Side;
      readonly key: string;
      readonly value: string;
      readonly before: string | undefined;
    }
  | { readonly kind: 'load-table'; readonly table: Table; readonly replaces: boolean }
  /** One transaction over several sets of the guard. */
  | {
      readonly kind: 'change-guard';
      readonly table: TableRef;
      readonly add: readonly SetElements[];
      readonly remove: readonly SetElements[];
    };

export interface SetElements {
  readonly set: SetShape;
  readonly elements: readonly SetElement[];
}
