import { DecodeError } from '../../../base/errors.ts';
import { NLM_F_CREATE, NLM_F_EXCL } from '../../netlink/constants.ts';
import type { NetlinkRequest } from '../../netlink/exchange.ts';
import {
  decodeKnownFields,
  encodeFields,
  type Field,
  type FieldTable,
  i32Field,
  stringField,
  u32Field,
  u8Field,
} from '../../netlink/fields.ts';
import { decodeIpAddress, encodeIpAddress, type IpPrefix, parseIpPrefix } from '../../netlink/ip-address.ts';
import { decodeAttributes, findAttribute } from '../../netlink/reader.ts';
import { EncodeError, type MessageWriter } from '../../netlink/writer.ts';
import {
  AF_INET,
  AF_INET6,
  AF_UNSPEC,
  FIB_RULE_INVERT,
  FRA_DPORT_RANGE,
  FRA_DST,
  FRA_FWMARK,
  FRA_FWMASK,
  FRA_GOTO,
  FRA_IIFNAME,
  FRA_IP_PROTO,
  FRA_OIFNAME,
  FRA_PRIORITY,
  FRA_PROTOCOL,
  FRA_SPORT_RANGE,
  FRA_SRC,
  FRA_SUPPRESS_PREFIXLEN,
  FRA_TABLE,
  FRA_UID_RANGE,
  RT_TABLE_MAIN,
  RTM_DELRULE,
  RTM_GETRULE,
  RTM_NEWRULE,
} from '../constants.ts';
import type { PortRange, Rule, RuleAction, RuleSpec } from './types.ts';

/** struct fib_rule_hdr: u8 family, dst_len, src_len, tos, table, res1, res2, action; u32 flags. */
const FIB_RULE_HDR_SIZE = 12;
/** FR_ACT_... of linux/fib_rules.h. */
const actions = { table: 1, goto: 2, nop: 3, blackhole: 6, unreachable: 7, prohibit: 8 } as const;
const actionNames = new Map<number, RuleAction>(
  Object.entries(actions).map(([name, number]) => [number, name as keyof typeof actions]),
);

type AttributeFields = Omit<RuleSpec, 'family' | 'action' | 'invert' | 'source' | 'destination' | 'tos'>;

const fields: FieldTable<AttributeFields> = {
  priority: u32Field(FRA_PRIORITY),
  table: u32Field(FRA_TABLE),
  inputInterface: stringField(FRA_IIFNAME),
  outputInterface: stringField(FRA_OIFNAME),
  mark: u32Field(FRA_FWMARK),
  markMask: u32Field(FRA_FWMASK),
  ipProtocol: u8Field(FRA_IP_PROTO),
  sourcePorts: portRangeField(FRA_SPORT_RANGE),
  destinationPorts: portRangeField(FRA_DPORT_RANGE),
  userIds: userRangeField(FRA_UID_RANGE),
  target: u32Field(FRA_GOTO),
  suppressPrefixLength: i32Field(FRA_SUPPRESS_PREFIXLEN),
  protocol: u8Field(FRA_PROTOCOL),
};

/** struct fib_rule_port_range: u16 start, u16 end. */
function portRangeField(type: number): Field<PortRange> {
  return {
    type,
    write(writer, range) {
      writer.attribute(type, () => {
        writer.u16(range.first);
        writer.u16(range.last);
      });
    },
    read({ payload }) {
      if (payload.length < 4) {
        throw new DecodeError(`fib_rule_port_range of ${payload.length} bytes`);
      }
      return { first: payload.readUInt16LE(0), last: payload.readUInt16LE(2) };
    },
  };
}

/** struct fib_rule_uid_range: u32 start, u32 end. */
function userRangeField(type: number): Field<PortRange> {
  return {
    type,
    write(writer, range) {
      writer.attribute(type, () => {
        writer.u32(range.first);
        writer.u32(range.last);
      });
    },
    read({ payload }) {
      if (payload.length < 8) {
        throw new DecodeError(`fib_rule_uid_range of ${payload.length} bytes`);
      }
      return { first: payload.readUInt32LE(0), last: payload.readUInt32LE(4) };
    },
  };
}

function describeRule(spec: RuleSpec): string {
  const parts = [
    spec.priority === undefined ? '' : ` ${spec.priority}`,
    spec.source === undefined ? '' : ` from ${spec.source}`,
    spec.destination === undefined ? '' : ` to ${spec.destination}`,
    spec.table === undefined ? '' : ` table ${spec.table}`,
  ];
  return `${spec.family} rule${parts.join('')}`;
}

/** RTM_NEWRULE; refused with EEXIST when there is the same. */
export function addRuleRequest(spec: RuleSpec): NetlinkRequest {
  return {
    op: 'RTM_NEWRULE',
    target: describeRule(spec),
    type: RTM_NEWRULE,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    encode(writer) {
      const action = spec.action ?? (spec.target === undefined ? 'table' : 'goto');
      encodeRule(writer, { ...(action === 'table' ? { table: RT_TABLE_MAIN } : {}), ...spec, action });
    },
  };
}

/** RTM_DELRULE: the first rule that has all the fields given. */
export function deleteRuleRequest(spec: RuleSpec): NetlinkRequest {
  return {
    op: 'RTM_DELRULE',
    target: describeRule(spec),
    type: RTM_DELRULE,
    flags: 0,
    encode: (writer) => encodeRule(writer, spec.target === undefined ? spec : { action: 'goto', ...spec }),
  };
}

/** RTM_GETRULE dump, of one family or both. */
export function listRulesRequest(filter: { readonly family?: 'ip' | 'ip6' } = {}): NetlinkRequest {
  const family = filter.family === undefined ? AF_UNSPEC : filter.family === 'ip' ? AF_INET : AF_INET6;
  return {
    op: 'RTM_GETRULE',
    target: 'rules',
    type: RTM_GETRULE,
    flags: 0,
    encode: (writer) => writer.raw(Buffer.from([family, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])),
  };
}

function encodeRule(writer: MessageWriter, spec: RuleSpec): void {
  const bits = spec.family === 'ip' ? 32 : 128;
  const prefixOf = (text: string | undefined): IpPrefix | undefined => {
    const prefix = text === undefined ? undefined : parseIpPrefix(text);
    if (prefix !== undefined && encodeIpAddress(prefix.address).length * 8 !== bits) {
      throw new EncodeError(`${text} in an ${spec.family} rule`);
    }
    return prefix;
  };
  const destination = prefixOf(spec.destination);
  const source = prefixOf(spec.source);
  const { action = 0, table = 0 } = spec;
  writer.u8(spec.family === 'ip' ? AF_INET : AF_INET6);
  writer.u8(destination?.prefixLength ?? 0);
  writer.u8(source?.prefixLength ?? 0);
  writer.u8(spec.tos ?? 0);
  writer.u8(table > 255 ? 0 : table);
  writer.u16(0);
  writer.u8(typeof action === 'number' ? action : actions[action]);
  writer.u32(spec.invert === true ? FIB_RULE_INVERT : 0);
  if (destination !== undefined) {
    writer.bytesAttribute(FRA_DST, encodeIpAddress(destination.address));
  }
  if (source !== undefined) {
    writer.bytesAttribute(FRA_SRC, encodeIpAddress(source.address));
  }
  const { table: _inHeader, ...rest } = spec;
  encodeFields<AttributeFields>(writer, fields, table > 255 ? spec : rest);
}

/** Decodes the payload of RTM_NEWRULE or RTM_DELRULE; undefined for a family other than IPv4 and IPv6. */
export function decodeRule(payload: Buffer): Rule | undefined {
  if (payload.length < FIB_RULE_HDR_SIZE) {
    throw new DecodeError(`fib_rule_hdr of ${payload.length} bytes`);
  }
  const family = payload.readUInt8(0);
  if (family !== AF_INET && family !== AF_INET6) {
    return undefined;
  }
  const attributes = decodeAttributes(payload.subarray(FIB_RULE_HDR_SIZE));
  const { values, unknown } = decodeKnownFields(fields, attributes);
  const prefix = (type: number, length: number): string | undefined => {
    const attribute = findAttribute(attributes, type);
    return attribute === undefined ? undefined : `${decodeIpAddress(attribute.payload)}/${length}`;
  };
  const destination = prefix(FRA_DST, payload.readUInt8(1));
  const source = prefix(FRA_SRC, payload.readUInt8(2));
  const tos = payload.readUInt8(3);
  const action = payload.readUInt8(7);
  // The kernel says "no suppression" with -1.
  const { suppressPrefixLength, ...rest } = values;
  return {
    ...rest,
    family: family === AF_INET ? 'ip' : 'ip6',
    priority: values.priority ?? 0,
    action: actionNames.get(action) ?? action,
    table: values.table ?? payload.readUInt8(4),
    invert: (payload.readUInt32LE(8) & FIB_RULE_INVERT) !== 0,
    ...(destination === undefined ? {} : { destination }),
    ...(source === undefined ? {} : { source }),
    ...(tos === 0 ? {} : { tos }),
    ...(suppressPrefixLength === undefined || suppressPrefixLength < 0 ? {} : { suppressPrefixLength }),
    unknown: unknown.filter(({ type }) => type !== FRA_DST && type !== FRA_SRC),
  };
}
