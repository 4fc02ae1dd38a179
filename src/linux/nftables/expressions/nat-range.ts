import type { Attribute } from '../../netlink/reader.ts';
import type { MessageWriter } from '../../netlink/writer.ts';
import { optionalU32be } from './codec.ts';
import { decodeNatFlags, encodeNatFlags, type NatFlag } from './nat-flags.ts';

/** NF_NAT_RANGE_PROTO_SPECIFIED: nft says it itself, newer kernels add it. */
const PROTO_SPECIFIED = 2;

export function encodeFlags(
  writer: MessageWriter,
  type: number,
  expression: { readonly flags: readonly NatFlag[]; readonly protoMin?: number },
): void {
  const bits = encodeNatFlags(expression.flags) | (expression.protoMin === undefined ? 0 : PROTO_SPECIFIED);
  if (bits !== 0) {
    writer.u32beAttribute(type, bits);
  }
}

export function decodeFlags(attributes: readonly Attribute[], type: number): NatFlag[] {
  return decodeNatFlags(optionalU32be(attributes, type) ?? 0);
}

/** The kernel reports a single value as a range from it to itself. */
export function decodeRange<const Name extends 'addr' | 'proto'>(
  attributes: readonly Attribute[],
  name: Name,
  [minType, maxType]: readonly [number, number],
): { readonly [Key in `${Name}${'Min' | 'Max'}`]?: number } {
  const min = optionalU32be(attributes, minType);
  const max = optionalU32be(attributes, maxType);
  return {
    ...(min === undefined ? {} : { [`${name}Min`]: min }),
    ...(max === undefined || max === min ? {} : { [`${name}Max`]: max }),
  } as { readonly [Key in `${Name}${'Min' | 'Max'}`]?: number };
}
