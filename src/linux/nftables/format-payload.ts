import type { PayloadBase } from './expressions/types.ts';
import { type FieldName, fieldOf, fields } from './fields.ts';
import type { ValueKind } from './format-value.ts';
import type { Family } from './types.ts';

/** What is known of the packet where a field is loaded. */
export interface PacketContext {
  readonly l3proto: 'ip' | 'ip6' | 'arp' | undefined;
  readonly l4proto: number | undefined;
}

export function l3protoOf(family: Family | undefined): PacketContext['l3proto'] {
  return family === 'ip' || family === 'ip6' || family === 'arp' ? family : undefined;
}

export interface PayloadName {
  /** Absent when no field is there: then the text is `@nh,96,32`. */
  readonly field?: FieldName;
  readonly text: string;
  readonly kind: ValueKind;
  readonly digits?: number;
  /** Digits of the whole field, when only its first bytes are named. */
  readonly fullDigits?: number;
}

/** Finds a field by its place. */
export function payloadName(place: PayloadPlace, context: PacketContext): PayloadName {
  const { base, length, offset } = place;
  const header = { link: 'll', network: 'nh', transport: 'th', inner: 'ih' }[base];
  return findPayload(place, context) ?? { text: `@${header},${offset * 8},${length * 8}`, kind: 'raw' };
}

/** Two IPv6 addresses. */
const TWO_FIELDS_BYTES = 32;

/** nft loads two neighbouring fields at once; undefined when the bytes are not two fields. */
export function payloadParts(place: PayloadPlace, context: PacketContext): readonly PayloadName[] | undefined {
  for (let length = 1; length < place.length && place.length <= TWO_FIELDS_BYTES; length++) {
    const first = findPayload({ ...place, length }, context);
    const second = findPayload(
      { base: place.base, offset: place.offset + length, length: place.length - length },
      context,
    );
    if (first !== undefined && second !== undefined && first.fullDigits === undefined) {
      return [{ ...first, digits: length * 2 }, second];
    }
  }
  return undefined;
}

export interface PayloadPlace {
  readonly base: PayloadBase;
  readonly offset: number;
  readonly length: number;
}

function findPayload({ base, length, offset }: PayloadPlace, context: PacketContext): PayloadName | undefined {
  for (const name of Object.keys(fields) as FieldName[]) {
    const field = fieldOf(name);
    if (!('base' in field) || field.base !== base || field.offset !== offset) {
      continue;
    }
    const isAddress = field.kind === 'ipv4_addr' || field.kind === 'ipv6_addr';
    const isPart = isAddress && length < field.length;
    const l3proto = name.split(' ')[0];
    const isOther =
      base === 'network' && (context.l3proto === undefined ? l3proto === 'arp' : context.l3proto !== l3proto);
    const lacksProtocol = field.l4proto !== undefined && field.l4proto !== context.l4proto;
    if ((length === field.length || isPart) && !isOther && !lacksProtocol) {
      return { field: name, text: name, kind: field.kind, ...(isPart ? { fullDigits: field.length * 2 } : {}) };
    }
  }
  return undefined;
}
