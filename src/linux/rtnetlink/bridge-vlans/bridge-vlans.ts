import { DecodeError } from '../../../base/errors.ts';
import { dump, execute, type NetlinkRequest } from '../../netlink/exchange.ts';
import { decodeAttributes, findAttribute, nestedAttributes } from '../../netlink/reader.ts';
import type { NetlinkSocket } from '../../netlink/socket.ts';
import { EncodeError, type MessageWriter } from '../../netlink/writer.ts';
import {
  AF_BRIDGE,
  BRIDGE_FLAGS_SELF,
  BRIDGE_VLAN_INFO_PVID,
  BRIDGE_VLAN_INFO_RANGE_BEGIN,
  BRIDGE_VLAN_INFO_RANGE_END,
  BRIDGE_VLAN_INFO_UNTAGGED,
  IFLA_AF_SPEC,
  IFLA_BRIDGE_FLAGS,
  IFLA_BRIDGE_VLAN_INFO,
  IFLA_EXT_MASK,
  RTEXT_FILTER_BRVLAN_COMPRESSED,
  RTM_DELLINK,
  RTM_GETLINK,
  RTM_NEWLINK,
  RTM_SETLINK,
} from '../constants.ts';

/** VLANs that a port, or the bridge itself, takes part in. They count when the bridge has `vlanFiltering`. */
export interface BridgeVlan {
  readonly id: number;
  /** The last of a range that starts at `id`; absent for a single VLAN. */
  readonly lastId?: number;
  /** Untagged frames that come in belong to it. One per port, never of a range. */
  readonly pvid?: boolean;
  /** Frames leave without a tag. */
  readonly untagged?: boolean;
}

/** A port, or the bridge itself, with its VLANs in ascending order. */
export interface BridgeVlanMember {
  readonly linkIndex: number;
  readonly vlans: readonly BridgeVlan[];
}

/** Whose VLANs to change. `self` for the bridge device itself. */
export interface BridgeVlanTarget {
  readonly linkIndex: number;
  readonly self?: boolean;
}

const FIRST_VLAN = 1;
const LAST_VLAN = 4094;
/** struct ifinfomsg. */
const IFINFOMSG_SIZE = 16;
/** struct bridge_vlan_info: u16 flags, u16 vid. */
const BRIDGE_VLAN_INFO_SIZE = 4;

/** RTM_SETLINK of family AF_BRIDGE: adds the VLANs, or changes the flags of those that are there. */
export function addBridgeVlansRequest(target: BridgeVlanTarget, vlans: readonly BridgeVlan[]): NetlinkRequest {
  return changeRequest({ op: 'RTM_SETLINK', type: RTM_SETLINK }, target, vlans);
}

/** RTM_DELLINK of family AF_BRIDGE: takes the VLANs away and leaves the link. */
export function deleteBridgeVlansRequest(target: BridgeVlanTarget, vlans: readonly BridgeVlan[]): NetlinkRequest {
  return changeRequest({ op: 'RTM_DELLINK', type: RTM_DELLINK }, target, vlans);
}

function changeRequest(
  message: Pick<NetlinkRequest, 'op' | 'type'>,
  target: BridgeVlanTarget,
  vlans: readonly BridgeVlan[],
): NetlinkRequest {
  return {
    ...message,
    target: `VLANs ${vlans.map(describeVlan).join(', ')} of link ${target.linkIndex}`,
    flags: 0,
    encode(writer) {
      encodeHeader(writer, target.linkIndex);
      writer.nested(IFLA_AF_SPEC, () => {
        if (target.self === true) {
          writer.u16Attribute(IFLA_BRIDGE_FLAGS, BRIDGE_FLAGS_SELF);
        }
        for (const vlan of vlans) {
          encodeVlan(writer, vlan);
        }
      });
    },
  };
}

function describeVlan(vlan: BridgeVlan): string {
  return vlan.lastId === undefined ? `${vlan.id}` : `${vlan.id}-${vlan.lastId}`;
}

/** RTM_GETLINK dump of family AF_BRIDGE with the VLANs, ranges compressed. */
export function listBridgeVlansRequest(): NetlinkRequest {
  return {
    op: 'RTM_GETLINK',
    target: 'bridge VLANs',
    type: RTM_GETLINK,
    flags: 0,
    encode(writer) {
      encodeHeader(writer, 0);
      writer.u32Attribute(IFLA_EXT_MASK, RTEXT_FILTER_BRVLAN_COMPRESSED);
    },
  };
}

/** struct ifinfomsg: u8 family, u8 pad, u16 type, i32 index, u32 flags, u32 change mask. */
function encodeHeader(writer: MessageWriter, linkIndex: number): void {
  writer.u32(AF_BRIDGE);
  writer.i32(linkIndex);
  writer.u32(0);
  writer.u32(0);
}

function encodeVlan(writer: MessageWriter, vlan: BridgeVlan): void {
  const { id, lastId = id, pvid = false, untagged = false } = vlan;
  if (!Number.isInteger(id) || !Number.isInteger(lastId) || id < FIRST_VLAN || lastId > LAST_VLAN || lastId < id) {
    throw new EncodeError(`VLAN ${describeVlan(vlan)}: ids are ${FIRST_VLAN} to ${LAST_VLAN}, ascending`);
  }
  if (pvid && lastId !== id) {
    throw new EncodeError(`VLAN ${describeVlan(vlan)}: a range cannot be the PVID`);
  }
  const flags = (pvid ? BRIDGE_VLAN_INFO_PVID : 0) | (untagged ? BRIDGE_VLAN_INFO_UNTAGGED : 0);
  const info = (extra: number, vid: number): void => {
    writer.attribute(IFLA_BRIDGE_VLAN_INFO, () => {
      writer.u16(flags | extra);
      writer.u16(vid);
    });
  };
  if (lastId === id) {
    info(0, id);
  } else {
    info(BRIDGE_VLAN_INFO_RANGE_BEGIN, id);
    info(BRIDGE_VLAN_INFO_RANGE_END, lastId);
  }
}

/** The VLANs of all bridge ports and bridges in the namespace of `socket` (NETLINK_ROUTE). Throws KernelError. */
export function listBridgeVlans(
  socket: NetlinkSocket,
  filter: { readonly linkIndex?: number } = {},
): BridgeVlanMember[] {
  const members = dump(socket, listBridgeVlansRequest(), (message) =>
    message.type === RTM_NEWLINK ? decodeBridgeVlans(message.payload) : undefined,
  );
  return filter.linkIndex === undefined ? members : members.filter((member) => member.linkIndex === filter.linkIndex);
}

/** Adds VLANs to a port or changes their flags. EOPNOTSUPP when the link is no bridge port. Throws KernelError. */
export function addBridgeVlans(socket: NetlinkSocket, target: BridgeVlanTarget, vlans: readonly BridgeVlan[]): void {
  execute(socket, addBridgeVlansRequest(target, vlans));
}

/** Takes VLANs away; ENOENT when the port does not have one. Throws KernelError. */
export function deleteBridgeVlans(socket: NetlinkSocket, target: BridgeVlanTarget, vlans: readonly BridgeVlan[]): void {
  execute(socket, deleteBridgeVlansRequest(target, vlans));
}

/** Decodes an RTM_NEWLINK of family AF_BRIDGE; undefined for another family. Throws DecodeError. */
export function decodeBridgeVlans(payload: Buffer): BridgeVlanMember | undefined {
  if (payload.length < IFINFOMSG_SIZE) {
    throw new DecodeError(`ifinfomsg of ${payload.length} bytes`);
  }
  if (payload.readUInt8(0) !== AF_BRIDGE) {
    return undefined;
  }
  const specification = findAttribute(decodeAttributes(payload.subarray(IFINFOMSG_SIZE)), IFLA_AF_SPEC);
  const vlans: BridgeVlan[] = [];
  let begin: number | undefined;
  for (const attribute of specification === undefined ? [] : nestedAttributes(specification)) {
    if (attribute.type !== IFLA_BRIDGE_VLAN_INFO) {
      continue;
    }
    if (attribute.payload.length < BRIDGE_VLAN_INFO_SIZE) {
      throw new DecodeError(`bridge_vlan_info of ${attribute.payload.length} bytes`);
    }
    const flags = attribute.payload.readUInt16LE(0);
    const id = attribute.payload.readUInt16LE(2);
    if ((flags & BRIDGE_VLAN_INFO_RANGE_BEGIN) !== 0) {
      begin = id;
      continue;
    }
    const isEnd = (flags & BRIDGE_VLAN_INFO_RANGE_END) !== 0;
    if (isEnd && begin === undefined) {
      throw new DecodeError(`end of a VLAN range at ${id} without its beginning`);
    }
    vlans.push({
      id: isEnd && begin !== undefined ? begin : id,
      ...(isEnd ? { lastId: id } : {}),
      ...((flags & BRIDGE_VLAN_INFO_PVID) === 0 ? {} : { pvid: true }),
      ...((flags & BRIDGE_VLAN_INFO_UNTAGGED) === 0 ? {} : { untagged: true }),
    });
    begin = undefined;
  }
  return { linkIndex: payload.readInt32LE(4), vlans };
}
