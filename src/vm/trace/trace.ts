/** The start of one VM on one node, as moments that were seen. Plain data, kept for as long as the VMI is there. */
import { isRecord } from '../kinds/schema/conforms.ts';

/** In the order in which a start that goes well comes to them. */
export const markNames = [
  'VMI created',
  'Pod created',
  'Pod bound',
  'sandbox running',
  'start begun',
  'network up',
  'disks ready',
  'domain defined',
  'domain started',
  'Running',
  'guest addressed',
] as const;
export type MarkName = (typeof markNames)[number];

export interface TraceMark {
  readonly name: MarkName;
  /** Milliseconds since the epoch, with a fraction. */
  readonly atMs: number;
}

export interface StartTrace {
  readonly vmi: { readonly namespace: string; readonly name: string; readonly uid: string };
  readonly node: string;
  /** 32 hexadecimal digits: of the VMI's `traceparent` annotation, else made from its uid. */
  readonly traceId: string;
  /** 16 hexadecimal digits, of the `traceparent` annotation. */
  readonly parentSpanId?: string;
  /** By time. A start that failed and was tried again has some of them more than once. */
  readonly marks: readonly TraceMark[];
}

/** A start that fails again and again keeps its first marks and its last ones. */
export const marksMax = 64;

export function isMarkName(name: string): name is MarkName {
  return markNames.some((known) => known === name);
}

/** For what was written to disk or came by the network: undefined when it is no trace. */
export function parseTrace(value: unknown): StartTrace | undefined {
  if (!isRecord(value) || !isRecord(value['vmi']) || !Array.isArray(value['marks'])) {
    return undefined;
  }
  const { vmi, node, traceId, parentSpanId } = value;
  const { namespace, name, uid } = vmi;
  const marks = value['marks'].slice(0, marksMax).flatMap((mark: unknown): TraceMark[] => {
    if (!isRecord(mark) || typeof mark['name'] !== 'string' || typeof mark['atMs'] !== 'number') {
      return [];
    }
    const { name: markName, atMs } = mark;
    return isMarkName(markName) && Number.isFinite(atMs) ? [{ name: markName, atMs }] : [];
  });
  return typeof namespace !== 'string' ||
    typeof name !== 'string' ||
    typeof uid !== 'string' ||
    typeof node !== 'string' ||
    typeof traceId !== 'string' ||
    !/^[0-9a-f]{32}$/.test(traceId)
    ? undefined
    : {
        vmi: { namespace, name, uid },
        node,
        traceId,
        ...(typeof parentSpanId === 'string' && /^[0-9a-f]{16}$/.test(parentSpanId) ? { parentSpanId } : {}),
        marks,
      };
}

/** With one mark more, by time. At the limit the newest but one gives way: the beginning and the end tell most. */
export function withMark(marks: readonly TraceMark[], mark: TraceMark): readonly TraceMark[] {
  const kept = marks.length < marksMax ? marks : marks.slice(0, marksMax - 1);
  return [...kept, mark].toSorted((one, other) => one.atMs - other.atMs);
}
