import { DecodeError } from '../../../base/errors.ts';
import { decodeMacAddress } from '../../netlink/ip-address.ts';
import {
  type Attribute,
  decodeAttributes,
  findAttribute,
  keepUnknown,
  nestedAttributes,
  readI32,
  readString,
  readU32,
  readU8,
  type UnknownAttribute,
} from '../../netlink/reader.ts';
import {
  IFF_LOWER_UP,
  IFF_UP,
  IFLA_ADDRESS,
  IFLA_ALT_IFNAME,
  IFLA_GROUP,
  IFLA_IFALIAS,
  IFLA_IFNAME,
  IFLA_INFO_DATA,
  IFLA_INFO_KIND,
  IFLA_INFO_SLAVE_DATA,
  IFLA_INFO_SLAVE_KIND,
  IFLA_LINK,
  IFLA_LINK_NETNSID,
  IFLA_LINKINFO,
  IFLA_MASTER,
  IFLA_MTU,
  IFLA_NUM_RX_QUEUES,
  IFLA_NUM_TX_QUEUES,
  IFLA_OPERSTATE,
  IFLA_PERM_ADDRESS,
  IFLA_PROMISCUITY,
  IFLA_PROP_LIST,
  IFLA_STATS64,
  IFLA_TXQLEN,
} from '../constants.ts';
import { IFLA_MAX_MTU, IFLA_MIN_MTU, IFLA_NUM_VF, IFLA_VFINFO_LIST } from './constants.ts';
import { findLinkKind, findPortKind } from './kinds/table.ts';
import { decodeStatistics } from './statistics.ts';
import { type Link, operStates } from './types.ts';
import { decodeVirtualFunctions } from './virtual-functions.ts';

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** struct ifinfomsg: u8 family, u8 pad, u16 type, i32 index, u32 flags, u32 change. */
const IFINFOMSG_SIZE = 16;

/** Decodes the payload of RTM_NEWLINK or RTM_DELLINK. Throws DecodeError. */
export function decodeLink(payload: Buffer): Link {
  if (payload.length < IFINFOMSG_SIZE) {
    throw new DecodeError(`ifinfomsg of ${payload.length} bytes`);
  }
  const flags = payload.readUInt32LE(8);
  const unknown: UnknownAttribute[] = [];
  const link: Mutable<Link> = {
    index: payload.readInt32LE(4),
    name: '',
    alternativeNames: [],
    hardwareType: payload.readUInt16LE(2),
    flags,
    up: (flags & IFF_UP) !== 0,
    lowerUp: (flags & IFF_LOWER_UP) !== 0,
    operState: 'unknown',
    mtu: 0,
    group: 0,
    promiscuity: 0,
    txQueueLength: 0,
    txQueues: 1,
    rxQueues: 1,
    unknown,
  };
  for (const attribute of decodeAttributes(payload.subarray(IFINFOMSG_SIZE))) {
    if (!decodeLinkAttribute(link, attribute)) {
      unknown.push(keepUnknown(attribute));
    }
  }
  return link;
}

function decodeLinkAttribute(link: Mutable<Link>, attribute: Attribute): boolean {
  switch (attribute.type) {
    case IFLA_IFNAME:
      link.name = readString(attribute);
      return true;
    case IFLA_ADDRESS:
      link.address = decodeMacAddress(attribute.payload);
      return true;
    case IFLA_PERM_ADDRESS:
      link.permanentAddress = decodeMacAddress(attribute.payload);
      return true;
    case IFLA_MTU:
      link.mtu = readU32(attribute);
      return true;
    case IFLA_LINK:
      link.link = readI32(attribute);
      return true;
    case IFLA_LINK_NETNSID:
      link.linkNetnsId = readI32(attribute);
      return true;
    case IFLA_MASTER:
      link.master = readU32(attribute);
      return true;
    case IFLA_OPERSTATE:
      link.operState = operStates[readU8(attribute)] ?? 'unknown';
      return true;
    case IFLA_IFALIAS:
      link.alias = readString(attribute);
      return true;
    case IFLA_GROUP:
      link.group = readU32(attribute);
      return true;
    case IFLA_PROMISCUITY:
      link.promiscuity = readU32(attribute);
      return true;
    case IFLA_TXQLEN:
      link.txQueueLength = readU32(attribute);
      return true;
    case IFLA_NUM_TX_QUEUES:
      link.txQueues = readU32(attribute);
      return true;
    case IFLA_NUM_RX_QUEUES:
      link.rxQueues = readU32(attribute);
      return true;
    case IFLA_PROP_LIST:
      link.alternativeNames = nestedAttributes(attribute)
        .filter((property) => property.type === IFLA_ALT_IFNAME)
        .map(readString);
      return true;
    case IFLA_STATS64:
      link.statistics = decodeStatistics(attribute);
      return true;
    case IFLA_NUM_VF:
      link.virtualFunctionCount = readU32(attribute);
      return true;
    case IFLA_VFINFO_LIST:
      link.virtualFunctions = decodeVirtualFunctions(attribute);
      return true;
    case IFLA_MIN_MTU:
      link.minimumMtu = readU32(attribute);
      return true;
    case IFLA_MAX_MTU:
      link.maximumMtu = readU32(attribute);
      return true;
    case IFLA_LINKINFO:
      decodeLinkInfo(link, nestedAttributes(attribute));
      return true;
    default:
      return false;
  }
}

function decodeLinkInfo(link: Mutable<Link>, attributes: readonly Attribute[]): void {
  const kind = findAttribute(attributes, IFLA_INFO_KIND);
  const slaveKind = findAttribute(attributes, IFLA_INFO_SLAVE_KIND);
  const data = findAttribute(attributes, IFLA_INFO_DATA);
  const slaveData = findAttribute(attributes, IFLA_INFO_SLAVE_DATA);
  if (kind !== undefined) {
    link.kind = readString(kind);
  }
  if (slaveKind !== undefined) {
    link.slaveKind = readString(slaveKind);
  }
  if (data !== undefined && link.kind !== undefined) {
    const decoded = findLinkKind(link.kind)?.decode(nestedAttributes(data));
    Object.assign(link, decoded === undefined ? {} : { [link.kind]: decoded });
  }
  if (slaveData !== undefined && link.slaveKind !== undefined) {
    const port = findPortKind(link.slaveKind);
    Object.assign(link, port === undefined ? {} : { [port.field]: port.kind.decode(nestedAttributes(slaveData)) });
  }
}
