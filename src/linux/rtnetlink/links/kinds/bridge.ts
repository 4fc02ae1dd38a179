import { flag32Field, flagField, namedField, ticksField, u16beField, u16Field } from '../../../netlink/fields.ts';
import {
  IFLA_BR_AGEING_TIME,
  IFLA_BR_FORWARD_DELAY,
  IFLA_BR_HELLO_TIME,
  IFLA_BR_MCAST_QUERIER,
  IFLA_BR_MCAST_SNOOPING,
  IFLA_BR_NF_CALL_IP6TABLES,
  IFLA_BR_NF_CALL_IPTABLES,
  IFLA_BR_PRIORITY,
  IFLA_BR_STP_STATE,
  IFLA_BR_VLAN_FILTERING,
} from '../../constants.ts';
import {
  IFLA_BR_GROUP_FWD_MASK,
  IFLA_BR_VLAN_DEFAULT_PVID,
  IFLA_BR_VLAN_PROTOCOL,
  IFLA_BR_VLAN_STATS_ENABLED,
} from '../constants.ts';
import { tableKind } from './kind.ts';
import { vlanProtocols } from './vlan.ts';

/** IFLA_BR_...: times in milliseconds, which the kernel keeps in steps of 10. */
export interface BridgeAttributes {
  readonly forwardDelayMs?: number;
  readonly helloTimeMs?: number;
  readonly ageingTimeMs?: number;
  readonly stp?: boolean;
  readonly priority?: number;
  readonly vlanFiltering?: boolean;
  /** The VLAN that a new port is put in untagged; 0 for none. 1 when the kernel is not told. */
  readonly vlanDefaultPvid?: number;
  readonly vlanProtocol?: '802.1Q' | '802.1ad' | number;
  readonly vlanStatistics?: boolean;
  readonly multicastSnooping?: boolean;
  readonly multicastQuerier?: boolean;
  /** Bits of the link-local groups 01:80:c2:00:00:0X that are forwarded. */
  readonly groupForwardMask?: number;
  readonly nfCallIptables?: boolean;
  readonly nfCallIp6tables?: boolean;
}

export const bridge = tableKind<BridgeAttributes>({
  forwardDelayMs: ticksField(IFLA_BR_FORWARD_DELAY),
  helloTimeMs: ticksField(IFLA_BR_HELLO_TIME),
  ageingTimeMs: ticksField(IFLA_BR_AGEING_TIME),
  stp: flag32Field(IFLA_BR_STP_STATE),
  priority: u16Field(IFLA_BR_PRIORITY),
  // The protocol and the default VLAN are refused while filtering is on, so they go first.
  vlanProtocol: namedField(u16beField(IFLA_BR_VLAN_PROTOCOL), vlanProtocols),
  vlanDefaultPvid: u16Field(IFLA_BR_VLAN_DEFAULT_PVID),
  vlanFiltering: flagField(IFLA_BR_VLAN_FILTERING),
  vlanStatistics: flagField(IFLA_BR_VLAN_STATS_ENABLED),
  multicastSnooping: flagField(IFLA_BR_MCAST_SNOOPING),
  multicastQuerier: flagField(IFLA_BR_MCAST_QUERIER),
  groupForwardMask: u16Field(IFLA_BR_GROUP_FWD_MASK),
  nfCallIptables: flagField(IFLA_BR_NF_CALL_IPTABLES),
  nfCallIp6tables: flagField(IFLA_BR_NF_CALL_IP6TABLES),
});
