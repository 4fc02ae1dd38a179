import { DecodeError } from '../../base/errors.ts';
import { type Attribute, findAttribute, nestedAttributes, readHex, readI32be, readString } from '../netlink/reader.ts';
import { EncodeError, type MessageWriter } from '../netlink/writer.ts';
import { NFTA_DATA_VALUE, NFTA_DATA_VERDICT, NFTA_VERDICT_CHAIN, NFTA_VERDICT_CODE } from './constants.ts';
import type { Verdict } from './types.ts';

/** NF_DROP, NF_ACCEPT of linux/netfilter.h and enum nft_verdicts. */
const verdictCodes = [
  [0, 'drop'],
  [1, 'accept'],
  [-1, 'continue'],
  [-3, 'jump'],
  [-4, 'goto'],
  [-5, 'return'],
] as const;

/** Bytes of lower-case hexadecimal. Throws EncodeError. */
export function hexBytes(text: string): Buffer {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/.test(text)) {
    throw new EncodeError(`not lower-case hexadecimal: ${JSON.stringify(text)}`);
  }
  return Buffer.from(text, 'hex');
}

/** An nft_data attribute with a value. */
export function encodeValue(writer: MessageWriter, type: number, value: string): void {
  writer.nested(type, () => {
    writer.attribute(NFTA_DATA_VALUE, () => writeHex(writer, value));
  });
}

/**
 * Writes lower-case hexadecimal digit by digit: ten thousand elements would be as many small buffers, and collecting
 * those takes longer than the rest.
 */
function writeHex(writer: MessageWriter, text: string): void {
  for (let at = 0; at < text.length; at += 2) {
    const high = digitValue(text.charCodeAt(at));
    const low = digitValue(text.charCodeAt(at + 1));
    if (high < 0 || low < 0) {
      throw new EncodeError(`not lower-case hexadecimal: ${JSON.stringify(text)}`);
    }
    writer.u8(high * 16 + low);
  }
}

function digitValue(code: number): number {
  return code >= 0x30 && code <= 0x39 ? code - 0x30 : code >= 0x61 && code <= 0x66 ? code - 0x57 : -1;
}

/** An nft_data attribute with a verdict. */
export function encodeVerdict(writer: MessageWriter, type: number, verdict: Verdict): void {
  writer.nested(type, () => {
    writer.nested(NFTA_DATA_VERDICT, () => {
      const code = verdictCodes.find(([, name]) => name === verdict.code)?.[0] ?? Number(verdict.code);
      writer.i32beAttribute(NFTA_VERDICT_CODE, code);
      if (verdict.code === 'jump' || verdict.code === 'goto') {
        writer.stringAttribute(NFTA_VERDICT_CHAIN, verdict.chain);
      }
    });
  });
}

/** Hexadecimal value in an nft_data attribute; undefined when it holds a verdict. */
export function decodeValue(attribute: Attribute): string | undefined {
  const value = findAttribute(nestedAttributes(attribute), NFTA_DATA_VALUE);
  return value === undefined ? undefined : readHex(value);
}

export function needValue(attribute: Attribute): string {
  const value = decodeValue(attribute);
  if (value === undefined) {
    throw new DecodeError(`attribute ${attribute.type} holds no value`);
  }
  return value;
}

export function decodeVerdict(attribute: Attribute): Verdict | undefined {
  const nest = findAttribute(nestedAttributes(attribute), NFTA_DATA_VERDICT);
  if (nest === undefined) {
    return undefined;
  }
  const parts = nestedAttributes(nest);
  const code = findAttribute(parts, NFTA_VERDICT_CODE);
  const chain = findAttribute(parts, NFTA_VERDICT_CHAIN);
  if (code === undefined) {
    throw new DecodeError('verdict without code');
  }
  const number = readI32be(code);
  const name = verdictCodes.find(([value]) => value === number)?.[1];
  if (name === 'jump' || name === 'goto') {
    return { code: name, chain: chain === undefined ? '' : readString(chain) };
  }
  return { code: name ?? number };
}
