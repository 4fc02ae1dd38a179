import { type Attribute, readU8 } from '../../netlink/reader.ts';
import type { MessageWriter } from '../../netlink/writer.ts';
import {
  IFLA_BRPORT_BCAST_FLOOD,
  IFLA_BRPORT_ISOLATED,
  IFLA_BRPORT_LEARNING,
  IFLA_BRPORT_MCAST_FLOOD,
  IFLA_BRPORT_MODE,
  IFLA_BRPORT_NEIGH_SUPPRESS,
  IFLA_BRPORT_UNICAST_FLOOD,
} from '../constants.ts';
import type { BridgePortAttributes } from './types.ts';

const fields = [
  [IFLA_BRPORT_MODE, 'hairpin'],
  [IFLA_BRPORT_LEARNING, 'learning'],
  [IFLA_BRPORT_UNICAST_FLOOD, 'unicastFlood'],
  [IFLA_BRPORT_MCAST_FLOOD, 'multicastFlood'],
  [IFLA_BRPORT_BCAST_FLOOD, 'broadcastFlood'],
  [IFLA_BRPORT_NEIGH_SUPPRESS, 'neighbourSuppression'],
  [IFLA_BRPORT_ISOLATED, 'isolated'],
] as const;

export function encodeBridgePort(writer: MessageWriter, port: BridgePortAttributes): void {
  for (const [type, field] of fields) {
    const value = port[field];
    if (value !== undefined) {
      writer.u8Attribute(type, value ? 1 : 0);
    }
  }
}

export function decodeBridgePort(attributes: readonly Attribute[]): BridgePortAttributes {
  const port: { -readonly [Key in keyof BridgePortAttributes]: BridgePortAttributes[Key] } = {};
  for (const attribute of attributes) {
    const field = fields.find(([type]) => type === attribute.type);
    if (field !== undefined) {
      port[field[1]] = readU8(attribute) !== 0;
    }
  }
  return port;
}
