import { namedField, u32Field, u8Field } from '../../../netlink/fields.ts';
import {
  IFLA_BOND_ACTIVE_SLAVE,
  IFLA_BOND_AD_LACP_RATE,
  IFLA_BOND_DOWNDELAY,
  IFLA_BOND_FAIL_OVER_MAC,
  IFLA_BOND_MIIMON,
  IFLA_BOND_MODE,
  IFLA_BOND_PRIMARY,
  IFLA_BOND_UPDELAY,
  IFLA_BOND_XMIT_HASH_POLICY,
} from '../constants.ts';
import { reportedKind } from './kind.ts';

/** IFLA_BOND_...: only reported; the host's administrator makes bonds. */
export interface BondAttributes {
  readonly mode?:
    | 'balance-rr'
    | 'active-backup'
    | 'balance-xor'
    | 'broadcast'
    | '802.3ad'
    | 'balance-tlb'
    | 'balance-alb'
    | number;
  /** Index of the port in use. */
  readonly activePort?: number;
  /** Index of the preferred port. */
  readonly primaryPort?: number;
  readonly miiIntervalMs?: number;
  readonly upDelayMs?: number;
  readonly downDelayMs?: number;
  readonly transmitHashPolicy?: 'layer2' | 'layer3+4' | 'layer2+3' | 'encap2+3' | 'encap3+4' | 'vlan+srcmac' | number;
  readonly failOverMac?: 'none' | 'active' | 'follow' | number;
  readonly lacpRate?: 'slow' | 'fast' | number;
}

export const bond = reportedKind<BondAttributes>({
  mode: namedField(u8Field(IFLA_BOND_MODE), {
    'balance-rr': 0,
    'active-backup': 1,
    'balance-xor': 2,
    broadcast: 3,
    '802.3ad': 4,
    'balance-tlb': 5,
    'balance-alb': 6,
  }),
  activePort: u32Field(IFLA_BOND_ACTIVE_SLAVE),
  primaryPort: u32Field(IFLA_BOND_PRIMARY),
  miiIntervalMs: u32Field(IFLA_BOND_MIIMON),
  upDelayMs: u32Field(IFLA_BOND_UPDELAY),
  downDelayMs: u32Field(IFLA_BOND_DOWNDELAY),
  transmitHashPolicy: namedField(u8Field(IFLA_BOND_XMIT_HASH_POLICY), {
    layer2: 0,
    'layer3+4': 1,
    'layer2+3': 2,
    'encap2+3': 3,
    'encap3+4': 4,
    'vlan+srcmac': 5,
  }),
  failOverMac: namedField(u8Field(IFLA_BOND_FAIL_OVER_MAC), { none: 0, active: 1, follow: 2 }),
  lacpRate: namedField(u8Field(IFLA_BOND_AD_LACP_RATE), { slow: 0, fast: 1 }),
});
