/** Trace and span ids: W3C Trace Context (https://www.w3.org/TR/trace-context/), section 3.2. */
import { createHash } from 'node:crypto';

/** Of a VMI: who made it says which trace its start belongs to. */
export const traceparentAnnotation = 'traceparent';

export interface TraceParent {
  readonly traceId: string;
  readonly parentSpanId: string;
  readonly sampled: boolean;
}

const SAMPLED = 1;

/** undefined for what is no traceparent: it is passed over, as the recommendation asks. */
export function parseTraceparent(text: string | undefined): TraceParent | undefined {
  // A later version may have more fields after the fourth; ff is none.
  const match = /^(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.{0,256})?$/.exec(text ?? '');
  const [, version, traceId = '', parentSpanId = '', flags = '', rest] = match ?? [];
  if (version === undefined || (version === '00' && rest !== undefined)) {
    return undefined;
  }
  return /^0+$/.test(traceId) || /^0+$/.test(parentSpanId)
    ? undefined
    : { traceId, parentSpanId, sampled: (Number.parseInt(flags, 16) & SAMPLED) !== 0 };
}

/** The same for the same VMI, so that a restarted vmlet goes on with the trace. */
export function traceIdOf(vmiUid: string): string {
  return digest(`trace ${vmiUid}`, 32);
}

export function spanIdOf(vmiUid: string, span: string): string {
  return digest(`span ${vmiUid} ${span}`, 16);
}

/** Never all zeros, which stands for no id. */
function digest(text: string, digits: number): string {
  const hex = createHash('sha256').update(text).digest('hex').slice(0, digits);
  return /^0+$/.test(hex) ? `${hex.slice(1)}1` : hex;
}
