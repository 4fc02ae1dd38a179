import { DecodeError } from '../../../base/errors.ts';
import { decodeFields, type FieldTable, u64Field } from '../../netlink/fields.ts';
import { decodeMacAddress, encodeMacAddress } from '../../netlink/ip-address.ts';
import { type Attribute, findAttribute, nestedAttributes } from '../../netlink/reader.ts';
import type { MessageWriter } from '../../netlink/writer.ts';
import {
  ETH_P_8021AD,
  ETH_P_8021Q,
  IFLA_VF_INFO,
  IFLA_VF_LINK_STATE,
  IFLA_VF_MAC,
  IFLA_VF_RATE,
  IFLA_VF_RSS_QUERY_EN,
  IFLA_VF_SPOOFCHK,
  IFLA_VF_STATS,
  IFLA_VF_STATS_BROADCAST,
  IFLA_VF_STATS_MULTICAST,
  IFLA_VF_STATS_RX_BYTES,
  IFLA_VF_STATS_RX_DROPPED,
  IFLA_VF_STATS_RX_PACKETS,
  IFLA_VF_STATS_TX_BYTES,
  IFLA_VF_STATS_TX_DROPPED,
  IFLA_VF_STATS_TX_PACKETS,
  IFLA_VF_TRUST,
  IFLA_VF_VLAN,
  IFLA_VF_VLAN_INFO,
  IFLA_VF_VLAN_LIST,
  IFLA_VFINFO_LIST,
} from './constants.ts';

/** What the administrator of the physical function has set for one SR-IOV virtual function. */
export interface VirtualFunction {
  /** 0 for the first. */
  readonly index: number;
  readonly address?: string;
  readonly vlan?: VirtualFunctionVlan;
  /** Frames with another source address are dropped. */
  readonly spoofCheck?: boolean;
  /** The guest may change its address and be promiscuous. */
  readonly trust?: boolean;
  readonly linkState?: VirtualFunctionLinkState;
  /** 0 is no limit. */
  readonly minimumRateMbps?: number;
  readonly maximumRateMbps?: number;
  readonly rssQuery?: boolean;
  readonly statistics?: Partial<VirtualFunctionStatistics>;
}

export interface VirtualFunctionVlan {
  /** 1 to 4094; 0 for no VLAN. */
  readonly id: number;
  /** Priority 0 to 7. */
  readonly qos?: number;
  readonly protocol?: '802.1Q' | '802.1ad';
}

/** `auto` follows the physical function. */
export type VirtualFunctionLinkState = 'auto' | 'enable' | 'disable';
const linkStates = ['auto', 'enable', 'disable'] as const;

export interface VirtualFunctionStatistics {
  readonly rxPackets: bigint;
  readonly txPackets: bigint;
  readonly rxBytes: bigint;
  readonly txBytes: bigint;
  readonly broadcast: bigint;
  readonly multicast: bigint;
  readonly rxDropped: bigint;
  readonly txDropped: bigint;
}

/** What to change of one virtual function; only the fields present are touched. Drivers refuse what they cannot. */
export interface VirtualFunctionChange extends Omit<
  VirtualFunction,
  'minimumRateMbps' | 'maximumRateMbps' | 'statistics'
> {
  /** Both limits go together. 0 is no limit. */
  readonly rateMbps?: { readonly minimum: number; readonly maximum: number };
}

/** MAX_ADDR_LEN of linux/netdevice.h: room for an address in struct ifla_vf_mac. */
const ADDRESS_ROOM = 32;
const ETHERNET_ADDRESS_BYTES = 6;

const statisticsFields: FieldTable<VirtualFunctionStatistics> = {
  rxPackets: u64Field(IFLA_VF_STATS_RX_PACKETS),
  txPackets: u64Field(IFLA_VF_STATS_TX_PACKETS),
  rxBytes: u64Field(IFLA_VF_STATS_RX_BYTES),
  txBytes: u64Field(IFLA_VF_STATS_TX_BYTES),
  broadcast: u64Field(IFLA_VF_STATS_BROADCAST),
  multicast: u64Field(IFLA_VF_STATS_MULTICAST),
  rxDropped: u64Field(IFLA_VF_STATS_RX_DROPPED),
  txDropped: u64Field(IFLA_VF_STATS_TX_DROPPED),
};

export function encodeVirtualFunctions(writer: MessageWriter, changes: readonly VirtualFunctionChange[]): void {
  writer.nested(IFLA_VFINFO_LIST, () => {
    for (const change of changes) {
      writer.nested(IFLA_VF_INFO, () => encodeVirtualFunction(writer, change));
    }
  });
}

function encodeVirtualFunction(writer: MessageWriter, change: VirtualFunctionChange): void {
  const words = (type: number, ...values: readonly number[]): void => {
    writer.attribute(type, () => [change.index, ...values].forEach((value) => writer.u32(value)));
  };
  const toggle = (type: number, value: boolean | undefined): void => {
    if (value !== undefined) {
      words(type, value ? 1 : 0);
    }
  };
  const { address, vlan, linkState, rateMbps } = change;
  if (address !== undefined) {
    writer.attribute(IFLA_VF_MAC, () => {
      writer.u32(change.index);
      writer.raw(Buffer.concat([encodeMacAddress(address)], ADDRESS_ROOM));
    });
  }
  if (vlan !== undefined) {
    encodeVlan(writer, change.index, vlan);
  }
  if (rateMbps !== undefined) {
    words(IFLA_VF_RATE, rateMbps.minimum, rateMbps.maximum);
  }
  toggle(IFLA_VF_SPOOFCHK, change.spoofCheck);
  toggle(IFLA_VF_TRUST, change.trust);
  toggle(IFLA_VF_RSS_QUERY_EN, change.rssQuery);
  if (linkState !== undefined) {
    words(IFLA_VF_LINK_STATE, linkStates.indexOf(linkState));
  }
}

/** IFLA_VF_VLAN for 802.1Q, which every driver takes; the list, which names the protocol, for 802.1ad. */
function encodeVlan(writer: MessageWriter, index: number, vlan: VirtualFunctionVlan): void {
  if (vlan.protocol !== '802.1ad') {
    writer.attribute(IFLA_VF_VLAN, () => [index, vlan.id, vlan.qos ?? 0].forEach((value) => writer.u32(value)));
    return;
  }
  writer.nested(IFLA_VF_VLAN_LIST, () => {
    writer.attribute(IFLA_VF_VLAN_INFO, () => {
      [index, vlan.id, vlan.qos ?? 0].forEach((value) => writer.u32(value));
      writer.u16be(ETH_P_8021AD);
      // struct ifla_vf_vlan_info is padded to 16 bytes, and the kernel wants them all.
      writer.u16(0);
    });
  });
}

/** Decodes IFLA_VFINFO_LIST. Throws DecodeError. */
export function decodeVirtualFunctions(list: Attribute): VirtualFunction[] {
  return nestedAttributes(list)
    .filter(({ type }) => type === IFLA_VF_INFO)
    .map((info) => decodeVirtualFunction(nestedAttributes(info)));
}

function decodeVirtualFunction(attributes: readonly Attribute[]): VirtualFunction {
  /** The words after the index, of the first attribute of `type`. */
  const words = (type: number, count: number): readonly number[] | undefined => {
    const attribute = findAttribute(attributes, type);
    return attribute === undefined
      ? undefined
      : Array.from({ length: count }, (_, word) => readWord(attribute, word + 1));
  };
  const toggle = (type: number): boolean | undefined => {
    const value = words(type, 1)?.[0];
    // Drivers that know no such switch report -1.
    return value === undefined || value > 1 ? undefined : value === 1;
  };
  const mac = findAttribute(attributes, IFLA_VF_MAC);
  if (mac === undefined || mac.payload.length < 4 + ETHERNET_ADDRESS_BYTES) {
    throw new DecodeError('virtual function without IFLA_VF_MAC, which tells its index');
  }
  const rate = words(IFLA_VF_RATE, 2);
  const linkState = linkStates[words(IFLA_VF_LINK_STATE, 1)?.[0] ?? -1];
  const statistics = findAttribute(attributes, IFLA_VF_STATS);
  const optional = {
    vlan: decodeVlan(attributes),
    spoofCheck: toggle(IFLA_VF_SPOOFCHK),
    trust: toggle(IFLA_VF_TRUST),
    linkState,
    minimumRateMbps: rate?.[0],
    maximumRateMbps: rate?.[1],
    rssQuery: toggle(IFLA_VF_RSS_QUERY_EN),
    statistics: statistics === undefined ? undefined : decodeFields(statisticsFields, nestedAttributes(statistics)),
  };
  return {
    index: mac.payload.readUInt32LE(0),
    address: decodeMacAddress(mac.payload.subarray(4, 4 + ETHERNET_ADDRESS_BYTES)),
    ...(Object.fromEntries(
      Object.entries(optional).filter(([, value]) => value !== undefined),
    ) as Partial<VirtualFunction>),
  };
}

function decodeVlan(attributes: readonly Attribute[]): VirtualFunctionVlan | undefined {
  const list = findAttribute(attributes, IFLA_VF_VLAN_LIST);
  const info = list === undefined ? undefined : findAttribute(nestedAttributes(list), IFLA_VF_VLAN_INFO);
  const plain = findAttribute(attributes, IFLA_VF_VLAN);
  const found = info ?? plain;
  if (found === undefined) {
    return undefined;
  }
  const isStacked = info !== undefined && info.payload.length >= 14 && info.payload.readUInt16BE(12) !== ETH_P_8021Q;
  return {
    id: readWord(found, 1),
    qos: readWord(found, 2),
    protocol: isStacked ? '802.1ad' : '802.1Q',
  };
}

function readWord(attribute: Attribute, word: number): number {
  if (attribute.payload.length < (word + 1) * 4) {
    throw new DecodeError(`virtual function attribute ${attribute.type} of ${attribute.payload.length} bytes`);
  }
  return attribute.payload.readUInt32LE(word * 4);
}
