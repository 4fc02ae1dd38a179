import { type Attribute, readU16, readU32, readU8 } from '../../netlink/reader.ts';
import type { MessageWriter } from '../../netlink/writer.ts';
import {
  IFLA_BR_AGEING_TIME,
  IFLA_BR_FORWARD_DELAY,
  IFLA_BR_HELLO_TIME,
  IFLA_BR_MCAST_SNOOPING,
  IFLA_BR_NF_CALL_IP6TABLES,
  IFLA_BR_NF_CALL_IPTABLES,
  IFLA_BR_PRIORITY,
  IFLA_BR_STP_STATE,
  IFLA_BR_VLAN_FILTERING,
} from '../constants.ts';
import type { BridgeAttributes } from './types.ts';

/** USER_HZ: bridge times travel in hundredths of a second. */
const MS_PER_TICK = 10;

const times = [
  [IFLA_BR_FORWARD_DELAY, 'forwardDelayMs'],
  [IFLA_BR_HELLO_TIME, 'helloTimeMs'],
  [IFLA_BR_AGEING_TIME, 'ageingTimeMs'],
] as const;

const switches = [
  [IFLA_BR_VLAN_FILTERING, 'vlanFiltering'],
  [IFLA_BR_MCAST_SNOOPING, 'multicastSnooping'],
  [IFLA_BR_NF_CALL_IPTABLES, 'nfCallIptables'],
  [IFLA_BR_NF_CALL_IP6TABLES, 'nfCallIp6tables'],
] as const;

export function encodeBridge(writer: MessageWriter, bridge: BridgeAttributes): void {
  for (const [type, field] of times) {
    const value = bridge[field];
    if (value !== undefined) {
      writer.u32Attribute(type, Math.round(value / MS_PER_TICK));
    }
  }
  if (bridge.stp !== undefined) {
    writer.u32Attribute(IFLA_BR_STP_STATE, bridge.stp ? 1 : 0);
  }
  if (bridge.priority !== undefined) {
    writer.u16Attribute(IFLA_BR_PRIORITY, bridge.priority);
  }
  for (const [type, field] of switches) {
    const value = bridge[field];
    if (value !== undefined) {
      writer.u8Attribute(type, value ? 1 : 0);
    }
  }
}

export function decodeBridge(attributes: readonly Attribute[]): BridgeAttributes {
  const bridge: { -readonly [Key in keyof BridgeAttributes]: BridgeAttributes[Key] } = {};
  for (const attribute of attributes) {
    const time = times.find(([type]) => type === attribute.type);
    const toggle = switches.find(([type]) => type === attribute.type);
    if (time !== undefined) {
      bridge[time[1]] = readU32(attribute) * MS_PER_TICK;
    } else if (toggle !== undefined) {
      bridge[toggle[1]] = readU8(attribute) !== 0;
    } else if (attribute.type === IFLA_BR_STP_STATE) {
      bridge.stp = readU32(attribute) !== 0;
    } else if (attribute.type === IFLA_BR_PRIORITY) {
      bridge.priority = readU16(attribute);
    }
  }
  return bridge;
}
