import { namedField, u16Field } from '../../../netlink/fields.ts';
import { IFLA_IPVLAN_FLAGS, IFLA_IPVLAN_MODE } from '../constants.ts';
import { tableKind } from './kind.ts';

/** Shares the MAC address of the lower device `LinkSpec.link`; told apart by IP address. */
export interface IpvlanAttributes {
  /** `l3` when the kernel is not told. All ipvlans of one lower device have the same. */
  readonly mode?: 'l2' | 'l3' | 'l3s' | number;
  /** IPVLAN_F_... bits: 1 private, 2 vepa, 0 bridge. */
  readonly flags?: number;
}

export const ipvlan = tableKind<IpvlanAttributes>({
  mode: namedField(u16Field(IFLA_IPVLAN_MODE), { l2: 0, l3: 1, l3s: 2 }),
  flags: u16Field(IFLA_IPVLAN_FLAGS),
});
