/**
 * What a network binding is given and what it asks for, as plain data. A binding is one folder with a pure `desired`;
 * the agent compares its answer with the kernel and applies the difference.
 */
import type { Interface } from '../kinds/virtualmachineinstance/device-types.ts';
import type { Network } from '../kinds/virtualmachineinstance/types.ts';

/** The pod's own network interface as the pod network made it. For bridge binding: as it was before the binding took it over. */
export interface PodNic {
  readonly name: string;
  readonly macAddress: string;
  readonly mtu: number;
  /** Global addresses as CIDR, kernel order: `10.244.0.5/24`. */
  readonly addresses: readonly string[];
  /** Gateway routes; `0.0.0.0/0` and `::/0` are the default routes. */
  readonly routes: readonly Route[];
}

export interface Route {
  /** CIDR. */
  readonly destination: string;
  readonly gateway: string;
}

export interface BindingInput {
  readonly vmiUid: string;
  readonly interface: Interface;
  readonly network: Network;
  readonly podNic: PodNic;
  /** Position in spec.domain.devices.interfaces. */
  readonly index: number;
  /** Queues of the TAP; 1 is an ordinary one. */
  readonly queues: number;
}

/** uid and gid that may open the TAP. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

export interface DesiredLink {
  readonly name: string;
  /** `adopted` is the pod NIC under its new name: never created, never deleted. */
  readonly kind: 'bridge' | 'tap' | 'dummy' | 'adopted';
  /** For `adopted`: the name it has when nothing was done yet. */
  readonly renamedFrom?: string;
  readonly macAddress?: string;
  readonly mtu: number;
  readonly master?: string;
  /** Addresses the link must have, as CIDR. Others on it are left alone. */
  readonly addresses: readonly string[];
  /** Bridge port learning; undefined leaves the kernel's default. */
  readonly learning?: boolean;
  readonly tap?: { readonly queues: number; readonly owner: Owner };
}

export interface DesiredSysctl {
  /** Path under /proc/sys with slashes, as link names may hold dots: `net/ipv4/ip_forward`. */
  readonly key: string;
  readonly value: string;
  /** Only where the kernel has it: a setting of a module that may not be loaded. */
  readonly ifPresent?: true;
}

export interface RuleMatch {
  readonly iifname?: string;
  readonly oifname?: string;
  readonly family?: 4 | 6;
  /** An address or a prefix of `family`. */
  readonly saddr?: string;
  readonly daddr?: string;
  readonly protocol?: 'tcp' | 'udp';
  readonly dport?: number;
}

export type RuleAction =
  | { readonly kind: 'masquerade' }
  | { readonly kind: 'drop' }
  | { readonly kind: 'jump'; readonly chain: string }
  | { readonly kind: 'dnat' | 'snat'; readonly to: string };

export interface DesiredRule {
  readonly chain: string;
  readonly match: RuleMatch;
  readonly action: RuleAction;
}

export interface DesiredChain {
  readonly name: string;
  /** Absent for a chain that is only jumped to. All our base chains are of type nat. */
  readonly base?: { readonly hook: 'prerouting' | 'output' | 'postrouting'; readonly priority: number };
}

/** One table of family inet; the whole of it is ours. */
export interface DesiredTable {
  readonly name: string;
  readonly chains: readonly DesiredChain[];
  readonly rules: readonly DesiredRule[];
}

/** How one interface looks to the domain and to the address servers. */
export interface BoundInterface {
  readonly name: string;
  readonly binding: 'masquerade' | 'bridge';
  readonly podInterface: string;
  readonly tap: string;
  readonly bridge: string;
  readonly mtu: number;
  /** The guest's MAC address. */
  readonly macAddress: string;
  readonly queues: number;
  /** What the guest gets, as CIDR. */
  readonly guestAddresses: readonly string[];
  /** What others reach it by. */
  readonly podAddresses: readonly string[];
  /** What DHCP and router advertisements tell; undefined when the pod has no addresses to give. */
  readonly dhcp: DhcpFacts | undefined;
}

/** Network facts behind DHCPv4, DHCPv6 and router advertisements; names and name servers are added by the agent. */
export interface DhcpFacts {
  readonly serverMac: string;
  readonly v4:
    | {
        readonly serverAddress: string;
        readonly address: string;
        readonly prefixLength: number;
        readonly routers: readonly string[];
        readonly routes: readonly Route[];
        /** Only this client is answered. */
        readonly clientMac: string | undefined;
      }
    | undefined;
  readonly v6:
    | { readonly address: string; readonly prefix: string; readonly prefixLength: number; readonly router: string }
    | undefined;
  readonly ntpServers: readonly string[];
  readonly tftpServerName: string | undefined;
  readonly bootFileName: string | undefined;
  readonly privateOptions: readonly { readonly code: number; readonly value: string }[];
}

export interface BindingOutput {
  readonly interface: BoundInterface;
  /** In the order they must be made. */
  readonly links: readonly DesiredLink[];
  readonly sysctls: readonly DesiredSysctl[];
  readonly table: DesiredTable | undefined;
}
