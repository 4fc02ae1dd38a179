/** A trace as an OTLP/HTTP request in JSON (opentelemetry-proto, ExportTraceServiceRequest). Pure. */
import { spanIdOf } from './traceparent.ts';
import type { StartTrace } from './trace.ts';
import { layOutTrace, type WaterfallSpan } from './waterfall.ts';

const SPAN_KIND_INTERNAL = 1;
const STATUS_CODE_UNSET = 0;

interface Attribute {
  readonly key: string;
  readonly value: { readonly stringValue?: string; readonly doubleValue?: number; readonly boolValue?: boolean };
}

export interface OtlpOptions {
  readonly service: { readonly name: string; readonly version: string };
  /** Only this step, for one that ended after the others were sent. */
  readonly only?: string;
}

/**
 * One span for the start as a whole and one for each of its steps; undefined when there is nothing to send. Ids are made
 * from the VMI's uid: what is sent later is of the same trace.
 */
export function encodeOtlp(trace: StartTrace, { service, only }: OtlpOptions): object | undefined {
  const { vmi, traceId, parentSpanId } = trace;
  const waterfall = layOutTrace(trace);
  const rootId = spanIdOf(vmi.uid, 'start VM');
  const atNanos = (ms: number): string => String(BigInt(Math.round((waterfall.startedAtMs + ms) * 1000)) * 1000n);
  const common: Attribute[] = [
    text('k8s.namespace.name', vmi.namespace),
    text('vmlet.vmi.name', vmi.name),
    text('vmlet.vmi.uid', vmi.uid),
  ];
  const span = (
    name: string,
    options: { id: string; parent?: string; from: number; to: number; more: Attribute[] },
  ) => ({
    traceId,
    spanId: options.id,
    ...(options.parent === undefined ? {} : { parentSpanId: options.parent }),
    name,
    kind: SPAN_KIND_INTERNAL,
    startTimeUnixNano: atNanos(options.from),
    endTimeUnixNano: atNanos(options.to),
    attributes: [...common, ...options.more],
    status: { code: STATUS_CODE_UNSET },
  });
  const root = span('start VM', {
    id: rootId,
    ...(parentSpanId === undefined ? {} : { parent: parentSpanId }),
    from: 0,
    to: waterfall.totalMs,
    more: [],
  });
  const steps = waterfall.spans.map((step) =>
    span(step.name, {
      id: spanIdOf(vmi.uid, step.name),
      parent: rootId,
      from: step.startMs,
      to: step.startMs + step.durationMs,
      more: budgetOf(step),
    }),
  );
  const wanted =
    only === undefined ? [root, ...steps] : steps.filter(({ spanId }) => spanId === spanIdOf(vmi.uid, only));
  if (wanted.length === 0) {
    return undefined;
  }
  return {
    resourceSpans: [
      {
        resource: {
          attributes: [
            text('service.name', service.name),
            text('service.version', service.version),
            text('host.name', trace.node),
          ],
        },
        scopeSpans: [{ scope: { name: 'vmlet' }, spans: wanted }],
      },
    ],
  };
}

function budgetOf({ budgetMs, exceeded }: WaterfallSpan): Attribute[] {
  return budgetMs === undefined
    ? []
    : [
        { key: 'vmlet.budget_ms', value: { doubleValue: budgetMs } },
        { key: 'vmlet.budget_exceeded', value: { boolValue: exceeded } },
      ];
}

function text(key: string, value: string): Attribute {
  return { key, value: { stringValue: value } };
}
