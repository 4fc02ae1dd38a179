import type { Fd } from '../../fd/fd.ts';
import type { UnknownAttribute } from '../../netlink/reader.ts';

/** Names a link in the socket's namespace; a name or an index. */
export type LinkRef = { readonly name: string } | { readonly index: number };

/** A link as the kernel reports it. Absent attributes are absent fields. */
export interface Link {
  readonly index: number;
  readonly name: string;
  readonly alternativeNames: readonly string[];
  /** ARPHRD_...: 1 is Ethernet, 772 loopback. */
  readonly hardwareType: number;
  /** IFF_... bits. */
  readonly flags: number;
  readonly up: boolean;
  /** Has a carrier: IFF_LOWER_UP. */
  readonly lowerUp: boolean;
  readonly operState: OperState;
  readonly mtu: number;
  readonly address?: string;
  readonly permanentAddress?: string;
  /** Index of the bridge, bond or VRF that it is a port of. */
  readonly master?: number;
  /** IFLA_LINK: index of the veth peer or of the lower device, in the namespace `linkNetnsId` where given. */
  readonly link?: number;
  readonly linkNetnsId?: number;
  readonly alias?: string;
  readonly group: number;
  readonly promiscuity: number;
  readonly txQueueLength: number;
  readonly txQueues: number;
  readonly rxQueues: number;
  /** `bridge`, `veth`, `tun`, `dummy`; absent for a physical device and loopback. */
  readonly kind?: string;
  readonly slaveKind?: string;
  readonly bridge?: BridgeAttributes;
  readonly bridgePort?: BridgePortAttributes;
  readonly tun?: TunAttributes;
  readonly statistics?: LinkStatistics;
  readonly unknown: readonly UnknownAttribute[];
}

export const operStates = ['unknown', 'notpresent', 'down', 'lowerlayerdown', 'testing', 'dormant', 'up'] as const;
export type OperState = (typeof operStates)[number];

/** The first ten counters of struct rtnl_link_stats64. */
export interface LinkStatistics {
  readonly rxPackets: bigint;
  readonly txPackets: bigint;
  readonly rxBytes: bigint;
  readonly txBytes: bigint;
  readonly rxErrors: bigint;
  readonly txErrors: bigint;
  readonly rxDropped: bigint;
  readonly txDropped: bigint;
  readonly multicast: bigint;
  readonly collisions: bigint;
}

/** IFLA_BR_...: times in milliseconds, which the kernel keeps in steps of 10. */
export interface BridgeAttributes {
  readonly forwardDelayMs?: number;
  readonly helloTimeMs?: number;
  readonly ageingTimeMs?: number;
  readonly stp?: boolean;
  readonly priority?: number;
  readonly vlanFiltering?: boolean;
  readonly multicastSnooping?: boolean;
  readonly nfCallIptables?: boolean;
  readonly nfCallIp6tables?: boolean;
}

/** IFLA_BRPORT_... */
export interface BridgePortAttributes {
  readonly learning?: boolean;
  /** Ports that are isolated exchange no frames with one another. */
  readonly isolated?: boolean;
  readonly hairpin?: boolean;
  readonly unicastFlood?: boolean;
  readonly multicastFlood?: boolean;
  readonly broadcastFlood?: boolean;
  readonly neighbourSuppression?: boolean;
}

/** IFLA_TUN_...: only reported; TAP devices are made through /dev/net/tun. */
export interface TunAttributes {
  readonly type: 'tun' | 'tap';
  readonly owner?: number;
  readonly group?: number;
  readonly packetInformation: boolean;
  readonly vnetHdr: boolean;
  readonly persist: boolean;
  readonly multiQueue: boolean;
  readonly queues?: number;
  readonly disabledQueues?: number;
}

/** What can be given when a link is made and changed later. Only the fields present are touched. */
export interface LinkSettings {
  readonly mtu?: number;
  /** MAC address. */
  readonly address?: string;
  /** Index of the new master; 0 takes the link out of its master. */
  readonly master?: number;
  readonly up?: boolean;
  /** The namespace to make it in or move it to. */
  readonly netns?: Fd;
  readonly group?: number;
  readonly txQueueLength?: number;
  readonly bridge?: BridgeAttributes;
}

export interface LinkChange extends LinkSettings {
  /** The new name. The link must be down on kernels before 6.2. */
  readonly name?: string;
  /** Free text. The kernel takes it only for a link that exists. */
  readonly alias?: string;
  /** The link must be a bridge port already. */
  readonly bridgePort?: BridgePortAttributes;
  /** `none` keeps the kernel from giving the link a link-local IPv6 address when it comes up. */
  readonly ipv6AddressGeneration?: 'eui64' | 'none' | 'stable-privacy' | 'random';
}

export interface LinkSpec extends LinkSettings {
  readonly name: string;
  /** IFLA_INFO_KIND: `bridge`, `veth`, `dummy`, ... */
  readonly kind: string;
  /** The index it shall have; the kernel refuses with EBUSY when taken. */
  readonly index?: number;
  readonly txQueues?: number;
  readonly rxQueues?: number;
  /** The other end of a veth pair. */
  readonly peer?: VethPeer;
  /** IFLA_INFO_DATA of any other kind, as hexadecimal attributes. */
  readonly data?: string;
}

/** Starts down: the kernel refuses (ENOTCONN) to bring a veth up before its pair is complete. */
export interface VethPeer extends Omit<LinkSettings, 'bridge' | 'master' | 'up'> {
  readonly name: string;
  readonly index?: number;
}
