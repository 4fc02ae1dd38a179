import { DecodeError } from '../../../base/errors.ts';
import { NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE } from '../../netlink/constants.ts';
import { dump, execute, type NetlinkRequest } from '../../netlink/exchange.ts';
import {
  decodeKnownFields,
  encodeFields,
  type FieldTable,
  ipField,
  macField,
  u16beField,
  u16Field,
  u32Field,
} from '../../netlink/fields.ts';
import { decodeAttributes, type UnknownAttribute } from '../../netlink/reader.ts';
import type { NetlinkSocket } from '../../netlink/socket.ts';
import { EncodeError, type MessageWriter } from '../../netlink/writer.ts';
import {
  AF_BRIDGE,
  NDA_DST,
  NDA_IFINDEX,
  NDA_LLADDR,
  NDA_MASTER,
  NDA_PORT,
  NDA_VLAN,
  NDA_VNI,
  NTF_EXT_LEARNED,
  NTF_MASTER,
  NTF_OFFLOADED,
  NTF_SELF,
  NTF_STICKY,
  NUD_NOARP,
  NUD_PERMANENT,
  NUD_REACHABLE,
  RTM_DELNEIGH,
  RTM_GETNEIGH,
  RTM_NEWNEIGH,
} from '../constants.ts';

/** An entry of a forwarding table: which port, or which remote end of a vxlan, leads to a MAC address. */
export interface ForwardingEntry {
  /** The port, or the vxlan. */
  readonly linkIndex: number;
  readonly macAddress: string;
  readonly vlan?: number;
  /** Index of the bridge, when the entry is in a bridge's table; absent for one of the device itself. */
  readonly master?: number;
  /** `local`: the port's own address. `static`: set and not ageing. `dynamic`: learned. */
  readonly state: ForwardingState;
  /** Was learned or set from outside the bridge: NTF_EXT_LEARNED. */
  readonly isExternallyLearned: boolean;
  /** Does not move to another port: NTF_STICKY. */
  readonly isSticky: boolean;
  readonly isOffloaded: boolean;
  /** Of a vxlan: the remote end. */
  readonly destination?: string;
  readonly port?: number;
  readonly vni?: number;
  readonly viaLink?: number;
  readonly unknown: readonly UnknownAttribute[];
}

export type ForwardingState = 'local' | 'static' | 'dynamic' | 'stale';

/** An entry to add, replace or delete. */
export interface ForwardingSpec {
  readonly linkIndex: number;
  readonly macAddress: string;
  readonly vlan?: number;
  /** `master` (default): the table of the port's bridge. `self`: the device's own, such as a vxlan's. */
  readonly table?: 'master' | 'self';
  /** `static` when absent. */
  readonly state?: Exclude<ForwardingState, 'stale'>;
  readonly isSticky?: boolean;
  readonly isExternallyLearned?: boolean;
  /** For a vxlan. */
  readonly destination?: string;
  readonly port?: number;
  readonly vni?: number;
  readonly viaLink?: number;
}

/** struct ndmsg: u8 family, u8 pad, u16 pad, i32 ifindex, u16 state, u8 flags, u8 type. */
const NDMSG_SIZE = 12;

type AttributeFields = Partial<
  Pick<ForwardingEntry, 'macAddress' | 'vlan' | 'master' | 'destination' | 'port' | 'vni' | 'viaLink'>
>;

const fields: FieldTable<AttributeFields> = {
  macAddress: macField(NDA_LLADDR),
  vlan: u16Field(NDA_VLAN),
  master: u32Field(NDA_MASTER),
  destination: ipField(NDA_DST),
  port: u16beField(NDA_PORT),
  vni: u32Field(NDA_VNI),
  viaLink: u32Field(NDA_IFINDEX),
};

/** As bridge(8) has them: a bridge looks at NOARP and PERMANENT, a vxlan wants REACHABLE or PERMANENT. */
const stateBits = {
  static: NUD_NOARP | NUD_REACHABLE,
  local: NUD_NOARP | NUD_PERMANENT,
  dynamic: NUD_REACHABLE,
} as const;

function describe(spec: ForwardingSpec): string {
  const vlan = spec.vlan === undefined ? '' : ` VLAN ${spec.vlan}`;
  return `forwarding entry ${spec.macAddress}${vlan} on link ${spec.linkIndex}`;
}

/** RTM_NEWNEIGH of family AF_BRIDGE; refused with EEXIST when there is one, unless `replace`. */
export function addForwardingEntryRequest(
  spec: ForwardingSpec,
  options: { readonly replace?: boolean } = {},
): NetlinkRequest {
  return {
    op: 'RTM_NEWNEIGH',
    target: describe(spec),
    type: RTM_NEWNEIGH,
    flags: NLM_F_CREATE | (options.replace === true ? NLM_F_REPLACE : NLM_F_EXCL),
    encode: (writer) => encodeEntry(writer, spec),
  };
}

export function deleteForwardingEntryRequest(spec: ForwardingSpec): NetlinkRequest {
  return {
    op: 'RTM_DELNEIGH',
    target: describe(spec),
    type: RTM_DELNEIGH,
    flags: 0,
    encode: (writer) => encodeEntry(writer, spec),
  };
}

/** RTM_GETNEIGH dump of family AF_BRIDGE: of all tables, of one bridge, or of one port. */
export function listForwardingEntriesRequest(
  filter: { readonly bridge?: number; readonly port?: number } = {},
): NetlinkRequest {
  return {
    op: 'RTM_GETNEIGH',
    target: 'forwarding entries',
    type: RTM_GETNEIGH,
    flags: 0,
    encode(writer) {
      encodeHeader(writer, { linkIndex: filter.port ?? 0, state: 0, flags: 0 });
      if (filter.bridge !== undefined) {
        writer.u32Attribute(NDA_MASTER, filter.bridge);
      }
    },
  };
}

function encodeHeader(
  writer: MessageWriter,
  header: { readonly linkIndex: number; readonly state: number; readonly flags: number },
): void {
  writer.u32(AF_BRIDGE);
  writer.i32(header.linkIndex);
  writer.u16(header.state);
  writer.u8(header.flags);
  writer.u8(0);
}

function encodeEntry(writer: MessageWriter, spec: ForwardingSpec): void {
  if (spec.linkIndex <= 0) {
    throw new EncodeError(`${describe(spec)}: link indexes start at 1`);
  }
  const { linkIndex, table = 'master', state = 'static', isSticky, isExternallyLearned, ...attributes } = spec;
  const flags =
    (table === 'master' ? NTF_MASTER : NTF_SELF) |
    (isSticky === true ? NTF_STICKY : 0) |
    (isExternallyLearned === true ? NTF_EXT_LEARNED : 0);
  encodeHeader(writer, { linkIndex, state: stateBits[state], flags });
  encodeFields<AttributeFields>(writer, fields, attributes);
}

/** All calls act in the namespace of `socket` (NETLINK_ROUTE) and throw KernelError. */

/** The entries of all bridges and devices, of one bridge, or of one port. */
export function listForwardingEntries(
  socket: NetlinkSocket,
  filter: { readonly bridge?: number; readonly port?: number } = {},
): ForwardingEntry[] {
  return dump(socket, listForwardingEntriesRequest(filter), (message) =>
    message.type === RTM_NEWNEIGH ? decodeForwardingEntry(message.payload) : undefined,
  );
}

/** EEXIST when the table has an entry for the address. */
export function addForwardingEntry(socket: NetlinkSocket, spec: ForwardingSpec): void {
  execute(socket, addForwardingEntryRequest(spec));
}

/** Adds an entry or moves the one that is there. */
export function replaceForwardingEntry(socket: NetlinkSocket, spec: ForwardingSpec): void {
  execute(socket, addForwardingEntryRequest(spec, { replace: true }));
}

/** ENOENT when there is none. */
export function deleteForwardingEntry(socket: NetlinkSocket, spec: ForwardingSpec): void {
  execute(socket, deleteForwardingEntryRequest(spec));
}

/** Decodes RTM_NEWNEIGH or RTM_DELNEIGH of family AF_BRIDGE; undefined for another family. Throws DecodeError. */
export function decodeForwardingEntry(payload: Buffer): ForwardingEntry | undefined {
  if (payload.length < NDMSG_SIZE) {
    throw new DecodeError(`ndmsg of ${payload.length} bytes`);
  }
  if (payload.readUInt8(0) !== AF_BRIDGE) {
    return undefined;
  }
  const { values, unknown } = decodeKnownFields(fields, decodeAttributes(payload.subarray(NDMSG_SIZE)));
  if (values.macAddress === undefined) {
    throw new DecodeError('forwarding entry without a MAC address');
  }
  const flags = payload.readUInt8(10);
  return {
    ...values,
    macAddress: values.macAddress,
    linkIndex: payload.readInt32LE(4),
    state: stateOf(payload.readUInt16LE(8)),
    isExternallyLearned: (flags & NTF_EXT_LEARNED) !== 0,
    isSticky: (flags & NTF_STICKY) !== 0,
    isOffloaded: (flags & NTF_OFFLOADED) !== 0,
    unknown,
  };
}

function stateOf(bits: number): ForwardingState {
  if ((bits & NUD_PERMANENT) !== 0) {
    return 'local';
  }
  if ((bits & NUD_NOARP) !== 0) {
    return 'static';
  }
  return (bits & NUD_REACHABLE) !== 0 ? 'dynamic' : 'stale';
}
