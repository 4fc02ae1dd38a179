import { macField, namedField, u16Field, u32Field, u8Field } from '../../../netlink/fields.ts';
import {
  IFLA_BOND_SLAVE_LINK_FAILURE_COUNT,
  IFLA_BOND_SLAVE_MII_STATUS,
  IFLA_BOND_SLAVE_PERM_HWADDR,
  IFLA_BOND_SLAVE_QUEUE_ID,
  IFLA_BOND_SLAVE_STATE,
} from '../constants.ts';
import { reportedKind } from './kind.ts';

/** IFLA_BOND_SLAVE_...: only reported. */
export interface BondPortAttributes {
  readonly state?: 'active' | 'backup' | number;
  readonly miiStatus?: 'up' | 'fail' | 'down' | 'back' | number;
  readonly linkFailures?: number;
  readonly permanentAddress?: string;
  readonly queueId?: number;
}

export const bondPort = reportedKind<BondPortAttributes>({
  state: namedField(u8Field(IFLA_BOND_SLAVE_STATE), { active: 0, backup: 1 }),
  miiStatus: namedField(u8Field(IFLA_BOND_SLAVE_MII_STATUS), { up: 0, fail: 1, down: 2, back: 3 }),
  linkFailures: u32Field(IFLA_BOND_SLAVE_LINK_FAILURE_COUNT),
  permanentAddress: macField(IFLA_BOND_SLAVE_PERM_HWADDR),
  queueId: u16Field(IFLA_BOND_SLAVE_QUEUE_ID),
});
