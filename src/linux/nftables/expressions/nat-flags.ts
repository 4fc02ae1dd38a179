/** NF_NAT_RANGE_... of linux/netfilter/nf_nat.h that a user may set. */
const bits = [
  [4, 'random'],
  [16, 'fully-random'],
  [8, 'persistent'],
  [64, 'netmap'],
] as const;

export type NatFlag = (typeof bits)[number][1];

export function encodeNatFlags(flags: readonly NatFlag[]): number {
  return bits.reduce((value, [bit, name]) => (flags.includes(name) ? value | bit : value), 0);
}

/** The kernel adds bits 1 and 2 for itself when a register is given; they say nothing new. */
export function decodeNatFlags(value: number): NatFlag[] {
  return bits.filter(([bit]) => (value & bit) !== 0).map(([, name]) => name);
}
