import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { withDeadline } from '../../base/deadline.ts';
import { silentLogger } from '../../base/logger.ts';
import { markNames, type StartTrace } from '../../vm/trace/trace.ts';
import { traceIdOf } from '../../vm/trace/traceparent.ts';
import { createTraceExporter, readOtlpSettings } from './exporter.ts';

const trace: StartTrace = {
  vmi: { namespace: 'lab', name: 'web', uid: 'u' },
  node: 'host1',
  traceId: traceIdOf('u'),
  marks: markNames.map((name, index) => ({ name, atMs: 1_700_000_000_000 + index })),
};

/** A collector that notes what it is sent. */
async function startCollector(
  t: TestContext,
  answer: (response: ServerResponse) => void,
): Promise<{ readonly address: string; readonly requests: { request: IncomingMessage; body: string }[] }> {
  const requests: { request: IncomingMessage; body: string }[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      requests.push({ request, body });
      answer(response);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
}

function exporterTo(address: string, signal: AbortSignal) {
  const settings = readOtlpSettings(
    { OTEL_EXPORTER_OTLP_ENDPOINT: address, OTEL_EXPORTER_OTLP_HEADERS: 'x-key=a%20b' },
    assert.fail,
  );
  assert.ok(settings !== undefined);
  return createTraceExporter(settings, { version: '1.2.3', logger: silentLogger, signal });
}

test('a trace is posted as OTLP in JSON, with headers', async (t) => {
  const { address, requests } = await startCollector(t, (response) => response.end('{}'));
  const exporter = exporterTo(address, new AbortController().signal);
  exporter.send(trace);
  exporter.send(trace, 'guest');
  exporter.send(trace, 'no such step');
  await withDeadline(exporter.idle(), 5000, 'sending');
  assert.equal(requests.length, 2);
  const [first] = requests;
  assert.equal(first?.request.method, 'POST');
  assert.equal(first.request.url, '/v1/traces');
  assert.equal(first.request.headers['content-type'], 'application/json');
  assert.equal(first.request.headers['x-key'], 'a b');
  const parsed = JSON.parse(first.body) as { resourceSpans: { scopeSpans: { spans: unknown[] }[] }[] };
  assert.equal(parsed.resourceSpans[0]?.scopeSpans[0]?.spans.length, markNames.length);
});

test('a collector that refuses, hangs or is not there holds nobody up, and what waits is bounded', async (t) => {
  const refusing = await startCollector(t, (response) => response.writeHead(503).end());
  await withDeadline(sendTo(refusing.address), 5000, 'a refusal');
  await withDeadline(sendTo('http://127.0.0.1:1'), 5000, 'a refused connection');
  const hanging = await startCollector(t, () => undefined);
  const stop = new AbortController();
  const exporter = exporterTo(hanging.address, stop.signal);
  const beforeMs = performance.now();
  for (let count = 0; count < 100; count++) {
    exporter.send(trace);
  }
  assert.ok(performance.now() - beforeMs < 1000);
  stop.abort();
  await withDeadline(exporter.idle(), 5000, 'the end');
  assert.ok(hanging.requests.length <= 16);

  async function sendTo(address: string): Promise<void> {
    const to = exporterTo(address, new AbortController().signal);
    to.send(trace);
    await to.idle();
  }
});

test("settings of OpenTelemetry's specification", () => {
  const problems: string[] = [];
  const read = (environment: Record<string, string>) => readOtlpSettings(environment, (why) => problems.push(why));
  assert.equal(read({}), undefined);
  assert.equal(read({ OTEL_EXPORTER_OTLP_ENDPOINT: '' }), undefined);
  assert.equal(read({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318/' })?.url, 'http://c:4318/v1/traces');
  const own = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://c/x', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://d' };
  assert.equal(read(own)?.url, 'https://c/x');
  assert.equal(read({ ...own, OTEL_SDK_DISABLED: 'true' }), undefined);
  assert.equal(read({ ...own, OTEL_TRACES_EXPORTER: 'none' }), undefined);
  assert.equal(read({ ...own, OTEL_SERVICE_NAME: 'mine' })?.serviceName, 'mine');
  assert.deepEqual(read({ ...own, OTEL_EXPORTER_OTLP_HEADERS: 'A=1, b = 2 ,bad,=x,c=%zz,d=%0a' })?.headers, {
    a: '1',
    b: '2',
  });
  assert.deepEqual(problems, []);
  assert.equal(read({ OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4317' }), undefined);
  read({ ...own, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' });
  assert.match(problems.join('\n'), /no http or https address.*\n.*not as grpc/);
});
