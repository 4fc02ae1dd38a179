import type { Fd } from '../../fd/fd.ts';
import type { UnknownAttribute } from '../../netlink/reader.ts';
import type { BridgePortAttributes } from './kinds/bridge-port.ts';
import type { KindAttributes, PortAttributes, WritableKindAttributes } from './kinds/table.ts';
import type { LinkStatistics } from './statistics.ts';
import type { VirtualFunction, VirtualFunctionChange } from './virtual-functions.ts';

/** Names a link in the socket's namespace; a name or an index. */
export type LinkRef = { readonly name: string } | { readonly index: number };

/** A link as the kernel reports it. Absent attributes are absent fields. */
export interface Link extends KindAttributes, PortAttributes {
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
  readonly statistics?: LinkStatistics;
  /** IFLA_NUM_VF: how many SR-IOV virtual functions are switched on. */
  readonly virtualFunctionCount?: number;
  /** Only when asked for: the kernel reports them on RTEXT_FILTER_VF. */
  readonly virtualFunctions?: readonly VirtualFunction[];
  readonly minimumMtu?: number;
  readonly maximumMtu?: number;
  readonly unknown: readonly UnknownAttribute[];
}

export const operStates = ['unknown', 'notpresent', 'down', 'lowerlayerdown', 'testing', 'dormant', 'up'] as const;
export type OperState = (typeof operStates)[number];

/** What can be given when a link is made and changed later. Only the fields present are touched. */
export interface LinkSettings extends WritableKindAttributes {
  readonly mtu?: number;
  /** MAC address. */
  readonly address?: string;
  /** Index of the new master; 0 takes the link out of its master. */
  readonly master?: number;
  readonly up?: boolean;
  /** IFF_PROMISC. */
  readonly promiscuous?: boolean;
  /** False for IFF_NOARP: the link asks nobody for MAC addresses. */
  readonly arp?: boolean;
  /** The namespace to make it in or move it to. */
  readonly netns?: Fd;
  /** Like `netns`, named by a process in it; the process id as the calling process sees it. */
  readonly netnsPid?: number;
  readonly group?: number;
  readonly txQueueLength?: number;
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
  /** Settings of SR-IOV virtual functions, on their physical function. */
  readonly virtualFunctions?: readonly VirtualFunctionChange[];
}

export interface LinkSpec extends LinkSettings {
  readonly name: string;
  /** IFLA_INFO_KIND: `bridge`, `veth`, `dummy`, ... Its attributes go in the field of that name. */
  readonly kind: string;
  /** The index it shall have; the kernel refuses with EBUSY when taken. */
  readonly index?: number;
  /** Index of the lower device of a vlan, macvlan, macvtap or ipvlan, in the namespace of the socket. */
  readonly link?: number;
  readonly txQueues?: number;
  readonly rxQueues?: number;
  /** The other end of a veth pair. */
  readonly peer?: VethPeer;
  /** IFLA_INFO_DATA of any other kind, as hexadecimal attributes. */
  readonly data?: string;
}

/** Starts down: the kernel refuses (ENOTCONN) to bring a veth up before its pair is complete. */
export interface VethPeer extends Pick<
  LinkSettings,
  'mtu' | 'address' | 'netns' | 'netnsPid' | 'group' | 'txQueueLength'
> {
  readonly name: string;
  readonly index?: number;
}
