/**
 * Resource quantities: `500m`, `1.5`, `2Gi`, `1e3`. Exact, in thousandths, as bigint.
 * Source: k8s.io/apimachinery/pkg/api/resource; like there, digits below the smallest unit kept round up.
 */
import { DecodeError } from '../base/errors.ts';

export interface Quantity {
  /** Thousandths of the unit. */
  readonly milli: bigint;
}

const pattern = /^([+-]?)(\d{0,40})(?:\.(\d{0,40}))?(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]|[eE][+-]?\d{1,3})?$/u;
const maxExponent = 40;

const binary: Readonly<Record<string, bigint>> = {
  Ki: 1n << 10n,
  Mi: 1n << 20n,
  Gi: 1n << 30n,
  Ti: 1n << 40n,
  Pi: 1n << 50n,
  Ei: 1n << 60n,
};
const decimalExponent: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};

/** Throws DecodeError for text that is no quantity. */
export function parseQuantity(text: string | number): Quantity {
  const source = typeof text === 'number' ? String(text) : text;
  const match = pattern.exec(source);
  const whole = match?.[2] ?? '';
  const fraction = match?.[3] ?? '';
  if (match === null || whole.length + fraction.length === 0) {
    throw new DecodeError(
      `${JSON.stringify(source)} is no quantity: give a number with a suffix such as m, k, M, Ki, Mi, Gi`,
    );
  }
  const suffix = match[4] ?? '';
  let numerator = BigInt(whole + fraction) * 1000n;
  let denominator = 10n ** BigInt(fraction.length);
  const factor = binary[suffix];
  if (factor !== undefined) {
    numerator *= factor;
  } else if (suffix !== '') {
    const exponent = decimalExponent[suffix] ?? Number(suffix.slice(1));
    if (Math.abs(exponent) > maxExponent) {
      throw new DecodeError(`quantity ${JSON.stringify(source)}: exponent out of range`);
    }
    if (exponent >= 0) {
      numerator *= 10n ** BigInt(exponent);
    } else {
      denominator *= 10n ** BigInt(-exponent);
    }
  }
  const milli = divideUp(numerator, denominator);
  return { milli: match[1] === '-' ? -milli : milli };
}

/** Whole units, rounded up: bytes of memory or storage. */
export function quantityBytes(text: string | number): bigint {
  const { milli } = parseQuantity(text);
  return milli < 0n ? -(-milli / 1000n) : divideUp(milli, 1000n);
}

/** Thousandths of a CPU. */
export function quantityMilliCpu(text: string | number): number {
  return Number(parseQuantity(text).milli);
}

/** Bytes in the largest binary unit that divides them: `1610612736` gives `1536Mi`. */
export function formatBytes(bytes: bigint): string {
  for (const suffix of ['Ei', 'Pi', 'Ti', 'Gi', 'Mi', 'Ki']) {
    const factor = binary[suffix] ?? 1n;
    if (bytes !== 0n && bytes % factor === 0n) {
      return `${bytes / factor}${suffix}`;
    }
  }
  return bytes.toString();
}

/** `1500` gives `1500m`, `2000` gives `2`. */
export function formatMilli(milli: bigint | number): string {
  const value = BigInt(milli);
  return value % 1000n === 0n ? (value / 1000n).toString() : `${value}m`;
}

/** Negative, zero or positive, as for sorting. */
export function compareQuantities(left: string | number, right: string | number): number {
  const difference = parseQuantity(left).milli - parseQuantity(right).milli;
  return difference === 0n ? 0 : difference < 0n ? -1 : 1;
}

function divideUp(numerator: bigint, denominator: bigint): bigint {
  return (numerator + denominator - 1n) / denominator;
}
