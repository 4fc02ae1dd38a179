import { flagField, namedField, u16Field, u32Field, u8Field } from '../../../netlink/fields.ts';
import {
  IFLA_BRPORT_BCAST_FLOOD,
  IFLA_BRPORT_GUARD,
  IFLA_BRPORT_ISOLATED,
  IFLA_BRPORT_LEARNING,
  IFLA_BRPORT_MCAST_FLOOD,
  IFLA_BRPORT_MODE,
  IFLA_BRPORT_NEIGH_SUPPRESS,
  IFLA_BRPORT_PROTECT,
  IFLA_BRPORT_STATE,
  IFLA_BRPORT_UNICAST_FLOOD,
} from '../../constants.ts';
import {
  IFLA_BRPORT_COST,
  IFLA_BRPORT_FAST_LEAVE,
  IFLA_BRPORT_LOCKED,
  IFLA_BRPORT_MCAST_TO_UCAST,
  IFLA_BRPORT_PRIORITY,
  IFLA_BRPORT_PROXYARP,
  IFLA_BRPORT_VLAN_TUNNEL,
} from '../constants.ts';
import { tableKind } from './kind.ts';

/** IFLA_BRPORT_... */
export interface BridgePortAttributes {
  readonly learning?: boolean;
  /** Ports that are isolated exchange no frames with one another. */
  readonly isolated?: boolean;
  /** Frames may leave by the port they came in. */
  readonly hairpin?: boolean;
  readonly unicastFlood?: boolean;
  readonly multicastFlood?: boolean;
  readonly broadcastFlood?: boolean;
  /** The bridge answers ARP and ND for the neighbours it knows instead of flooding the question. */
  readonly neighbourSuppression?: boolean;
  readonly proxyArp?: boolean;
  readonly multicastToUnicast?: boolean;
  readonly fastLeave?: boolean;
  readonly bpduGuard?: boolean;
  readonly rootBlock?: boolean;
  readonly vlanTunnel?: boolean;
  /** Frames from unknown source addresses are dropped. Since Linux 5.18. */
  readonly locked?: boolean;
  readonly state?: 'disabled' | 'listening' | 'learning' | 'forwarding' | 'blocking' | number;
  readonly priority?: number;
  readonly cost?: number;
}

/** BR_STATE_... of linux/if_bridge.h. */
const states = { disabled: 0, listening: 1, learning: 2, forwarding: 3, blocking: 4 } as const;

export const bridgePort = tableKind<BridgePortAttributes>({
  hairpin: flagField(IFLA_BRPORT_MODE),
  learning: flagField(IFLA_BRPORT_LEARNING),
  unicastFlood: flagField(IFLA_BRPORT_UNICAST_FLOOD),
  multicastFlood: flagField(IFLA_BRPORT_MCAST_FLOOD),
  broadcastFlood: flagField(IFLA_BRPORT_BCAST_FLOOD),
  neighbourSuppression: flagField(IFLA_BRPORT_NEIGH_SUPPRESS),
  isolated: flagField(IFLA_BRPORT_ISOLATED),
  proxyArp: flagField(IFLA_BRPORT_PROXYARP),
  multicastToUnicast: flagField(IFLA_BRPORT_MCAST_TO_UCAST),
  fastLeave: flagField(IFLA_BRPORT_FAST_LEAVE),
  bpduGuard: flagField(IFLA_BRPORT_GUARD),
  rootBlock: flagField(IFLA_BRPORT_PROTECT),
  vlanTunnel: flagField(IFLA_BRPORT_VLAN_TUNNEL),
  locked: flagField(IFLA_BRPORT_LOCKED),
  state: namedField(u8Field(IFLA_BRPORT_STATE), states),
  priority: u16Field(IFLA_BRPORT_PRIORITY),
  cost: u32Field(IFLA_BRPORT_COST),
});
