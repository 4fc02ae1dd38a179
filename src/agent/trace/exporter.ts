/**
 * Sends traces to an OpenTelemetry collector: OTLP/HTTP with JSON, configured by the environment variables of the
 * OpenTelemetry specification. Nobody waits for it: what cannot be sent soon is dropped.
 */
import { errorMessage } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import { encodeOtlp } from '../../vm/trace/otlp.ts';
import type { StartTrace } from '../../vm/trace/trace.ts';

export interface OtlpSettings {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly serviceName: string;
}

const timeoutMs = 5000;
const inFlightMax = 16;
const headersMax = 32;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * From OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, taken as it is, or OTEL_EXPORTER_OTLP_ENDPOINT with `/v1/traces`; undefined
 * without either, with OTEL_SDK_DISABLED=true or OTEL_TRACES_EXPORTER=none. `onProblem` hears what is wrong with them.
 */
export function readOtlpSettings(environment: Environment, onProblem: (why: string) => void): OtlpSettings | undefined {
  const value = (name: string): string | undefined => {
    const text = environment[name]?.trim();
    return text === '' ? undefined : text;
  };
  const own = value('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT');
  const base = value('OTEL_EXPORTER_OTLP_ENDPOINT');
  const address = own ?? (base === undefined ? undefined : `${base.replace(/\/+$/, '')}/v1/traces`);
  if (address === undefined || value('OTEL_SDK_DISABLED') === 'true' || value('OTEL_TRACES_EXPORTER') === 'none') {
    return undefined;
  }
  const name = own === undefined ? 'OTEL_EXPORTER_OTLP_ENDPOINT' : 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT';
  const url = URL.parse(address);
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    onProblem(`${name} is no http or https address: traces are not sent`);
    return undefined;
  }
  const protocol = value('OTEL_EXPORTER_OTLP_TRACES_PROTOCOL') ?? value('OTEL_EXPORTER_OTLP_PROTOCOL') ?? 'http/json';
  if (protocol !== 'http/json') {
    onProblem(`traces are sent as http/json, not as ${protocol.slice(0, 40)}: the collector must take OTLP over HTTP`);
  }
  return {
    url: url.href,
    headers: {
      ...parseHeaders(value('OTEL_EXPORTER_OTLP_HEADERS')),
      ...parseHeaders(value('OTEL_EXPORTER_OTLP_TRACES_HEADERS')),
    },
    serviceName: value('OTEL_SERVICE_NAME') ?? 'vmlet',
  };
}

/** `key=value,key=value`, values percent-encoded; what is no header is passed over. */
function parseHeaders(text = ''): Record<string, string> {
  const pairs = text.split(',').slice(0, headersMax);
  return Object.fromEntries(
    pairs.flatMap((pair) => {
      const at = pair.indexOf('=');
      const key = pair.slice(0, Math.max(at, 0)).trim().toLowerCase();
      const raw = pair.slice(at + 1).trim();
      if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(key)) {
        return [];
      }
      try {
        const value = decodeURIComponent(raw);
        return /^[\t\u0020-\u007e]*$/.test(value) ? [[key, value]] : [];
      } catch {
        return [];
      }
    }),
  );
}

export interface TraceExporter {
  send(trace: StartTrace, only?: string): void;
  /** Resolves when what was sent has been answered or given up. */
  idle(): Promise<void>;
}

export function createTraceExporter(
  settings: OtlpSettings,
  options: { readonly version: string; readonly logger: Logger; readonly signal: AbortSignal },
): TraceExporter {
  const { logger, signal } = options;
  const inFlight = new Set<Promise<void>>();
  let failing = false;

  async function post(body: object): Promise<void> {
    try {
      const response = await fetch(settings.url, {
        method: 'POST',
        headers: { ...settings.headers, 'content-type': 'application/json' },
        body: JSON.stringify(body),
        redirect: 'error',
        signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      });
      await response.body?.cancel();
      if (!response.ok) {
        throw new Error(`it answered ${response.status}`);
      }
      failing = false;
    } catch (error) {
      // Once: a collector that is down would fill the log with every VM.
      logger[failing ? 'debug' : 'warn']({ error: errorMessage(error) }, 'a trace could not be sent to the collector');
      failing = true;
    }
  }

  return {
    send(trace, only) {
      if (inFlight.size >= inFlightMax || signal.aborted) {
        logger.debug({ uid: trace.vmi.uid }, 'a trace was dropped: too many wait for the collector');
        return;
      }
      const service = { name: settings.serviceName, version: options.version };
      const body = encodeOtlp(trace, { service, ...(only === undefined ? {} : { only }) });
      if (body !== undefined) {
        const sent = post(body).finally(() => inFlight.delete(sent));
        inFlight.add(sent);
      }
    },
    async idle() {
      await Promise.all(inFlight);
    },
  };
}
