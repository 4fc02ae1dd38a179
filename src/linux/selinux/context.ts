/** Security contexts and MCS categories as text (SELinux notebook, "Security Context", "MLS and MCS"). Pure. */
import { assert } from '../../base/assert.ts';
import { DecodeError, VmletError } from '../../base/errors.ts';

/** Longest context that is taken; the kernel's own limit for an attribute is a page. */
export const CONTEXT_BYTES_MAX = 4095;
/** Categories of the policies of Fedora, Debian and RHEL: c0 to c1023. */
export const MCS_CATEGORIES = 1024;

/** `system_u:system_r:svirt_t:s0:c3,c77`. */
export interface SecurityContext {
  readonly user: string;
  readonly role: string;
  readonly type: string;
  /** Level or range, `s0` or `s0-s0:c0.c1023`; undefined for a policy without MLS. */
  readonly range: string | undefined;
}

/** Throws DecodeError for text that no policy can have. */
export function parseContext(text: string): SecurityContext {
  const match = /^([\w.-]{1,255}):([\w.-]{1,255}):([\w.-]{1,255})(?::([\w.,:-]{1,3000}))?$/.exec(text);
  if (match?.[1] === undefined || match[2] === undefined || match[3] === undefined) {
    throw new DecodeError(`${JSON.stringify(text.slice(0, 200))} is not a security context (user:role:type:level)`);
  }
  return { user: match[1], role: match[2], type: match[3], range: match[4] };
}

export function formatContext(context: SecurityContext): string {
  const { user, role, type, range } = context;
  return [user, role, type, ...(range === undefined ? [] : [range])].join(':');
}

/** Two categories that no other VM has: processes see only what has the same pair. */
export interface McsPair {
  /** 0 to 1022. */
  readonly low: number;
  /** Above `low`, up to 1023. */
  readonly high: number;
}

/** `s0:c3,c77`. */
export function formatMcsLevel(pair: McsPair): string {
  assert(
    Number.isInteger(pair.low) && pair.low >= 0 && pair.low < pair.high && pair.high < MCS_CATEGORIES,
    `c${pair.low},c${pair.high} is not a pair of categories`,
  );
  return `s0:c${pair.low},c${pair.high}`;
}

/** The pair of a level like `s0:c3,c77`; undefined for any other level or range. */
export function parseMcsLevel(level: string): McsPair | undefined {
  const match = /^s0:c(\d{1,4}),c(\d{1,4})$/.exec(level);
  const low = Number(match?.[1] ?? Number.NaN);
  const high = Number(match?.[2] ?? Number.NaN);
  return low < high && high < MCS_CATEGORIES ? { low, high } : undefined;
}

const PAIRS = (MCS_CATEGORIES * (MCS_CATEGORIES - 1)) / 2;

/**
 * Chooses a pair that is not in `taken` (levels as `formatMcsLevel` writes them). `random` gives an integer from 0 to
 * below its argument, and is where the search starts; it goes on to the next pair until one is free, so it ends. Throws
 * `NoFreeCategories` when all 523,776 are taken.
 */
export function chooseMcsPair(taken: ReadonlySet<string>, random: (below: number) => number): McsPair {
  const start = random(PAIRS);
  assert(Number.isInteger(start) && start >= 0 && start < PAIRS, `random gave ${start}`);
  for (let step = 0; step < PAIRS; step += 1) {
    const pair = pairOf((start + step) % PAIRS);
    if (!taken.has(formatMcsLevel(pair))) {
      return pair;
    }
  }
  throw new VmletError('NoFreeCategories', `all ${PAIRS} pairs of SELinux categories are in use: stop some VMs`);
}

/** Pairs in the order (0,1), (0,2), (1,2), (0,3), ... */
function pairOf(index: number): McsPair {
  let high = Math.floor((1 + Math.sqrt(1 + 8 * index)) / 2);
  // The square root may be off by one in its last digit.
  while ((high * (high - 1)) / 2 > index) {
    high -= 1;
  }
  while ((high * (high + 1)) / 2 <= index) {
    high += 1;
  }
  return { low: index - (high * (high - 1)) / 2, high };
}
