/** Reading JSON from outside: bounded depth, no prototype keys. */
import { badRequest, tooLarge } from '../../apimachinery/status.ts';
import { errorMessage } from '../../base/errors.ts';
import { limits } from './limits.ts';

export type JsonObject = { [key: string]: unknown };

const quote = 0x22;
const backslash = 0x5c;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const colon = 0x3a;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A JSON text and what it says. */
export interface ParsedJson {
  readonly text: string;
  readonly value: unknown;
  /** Members of all objects as written: a key that occurs twice counts twice. */
  readonly members: number;
}

/** Throws StatusError BadRequest. Depth is checked before parsing, so a deep text costs one pass over its bytes. */
export function parseJson(bytes: Uint8Array): ParsedJson {
  const members = requireBounded(bytes);
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw badRequest(`the object provided is not valid JSON: ${errorMessage(error)}`);
  }
  // An escaped key could spell the name too, hence the walk for any escape.
  if (text.includes('__proto__') || text.includes('\\u')) {
    refusePrototypeKeys(value);
  }
  return { text, value, members };
}

/** Throws StatusError BadRequest when a key is `__proto__`, which later copying would take for the prototype. */
export function refusePrototypeKeys(value: unknown, depth = 0): void {
  if (typeof value !== 'object' || value === null) {
    return;
  }
  if (depth > limits.jsonDepth) {
    throw badRequest(`the object provided is nested deeper than ${limits.jsonDepth} levels`);
  }
  if (Object.hasOwn(value, '__proto__')) {
    throw badRequest('the object provided has a field named "__proto__"');
  }
  for (const child of Object.values(value)) {
    refusePrototypeKeys(child, depth + 1);
  }
}

/**
 * The number of members of all objects in a JSON text. Throws BadRequest for too many levels, RequestEntityTooLarge for too
 * many members of one object.
 */
function requireBounded(bytes: Uint8Array): number {
  const { length } = bytes;
  const members = new Uint32Array(limits.jsonDepth + 1);
  let total = 0;
  let depth = 0;
  for (let index = 0; index < length; index += 1) {
    const byte = bytes[index];
    if (byte === quote) {
      for (index += 1; index < length && bytes[index] !== quote; index += 1) {
        if (bytes[index] === backslash) {
          index += 1;
        }
      }
    } else if (byte === openBrace || byte === openBracket) {
      depth += 1;
      if (depth > limits.jsonDepth) {
        throw badRequest(`the object provided is nested deeper than ${limits.jsonDepth} levels`);
      }
      members[depth] = 0;
    } else if (byte === closeBrace || byte === closeBracket) {
      depth -= 1;
    } else if (byte === colon) {
      const count = (members[depth] ?? 0) + 1;
      members[depth] = count;
      total += 1;
      if (count > limits.jsonMembers) {
        throw tooLarge(`an object in the body has more than ${limits.jsonMembers} members`);
      }
    }
  }
  return total;
}
