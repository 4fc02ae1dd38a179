import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startTestServer } from '../test-server.ts';
import { createHistogram, formatMetrics } from './exposition.ts';

test('the text form', () => {
  const histogram = createHistogram([0.1, 1]);
  for (const value of [0.05, 0.5, 0.6, 7]) {
    histogram.observe(value);
  }
  const text = formatMetrics([
    { name: 'a_total', help: 'Two\nlines \\', type: 'counter', samples: [{ labels: { l: 'q"\\\n' }, value: 3 }] },
    { name: 'h', help: 'H.', type: 'histogram', samples: histogram.samples({ v: 'x' }) },
  ]);
  assert.deepEqual(text.split('\n'), [
    '# HELP a_total Two\\nlines \\\\',
    '# TYPE a_total counter',
    'a_total{l="q\\"\\\\\\n"} 3',
    '# HELP h H.',
    '# TYPE h histogram',
    'h_bucket{v="x",le="0.1"} 1',
    'h_bucket{v="x",le="1"} 3',
    'h_bucket{v="x",le="+Inf"} 4',
    'h_sum{v="x"} 8.15',
    'h_count{v="x"} 4',
    '',
  ]);
});

test('/metrics of a server: every line well-formed, requests counted, labels bounded, not for everybody', async (t) => {
  const server = await startTestServer({
    metrics: [
      () => [
        { name: 'own_things', help: 'Own.', type: 'gauge', samples: [{ labels: { phase: 'Running' }, value: 2 }] },
      ],
    ],
  });
  t.after(() => server.close());
  const maps = '/api/v1/namespaces/default/configmaps';
  await server.call('POST', maps, { body: { metadata: { name: 'a' } } });
  await server.call('POST', maps, { body: { metadata: { name: 'a' } } });
  for (let index = 0; index < 50; index += 1) {
    await server.call('GET', `/apis/made-up${index}.example/v1/things${index}`);
    await server.call(`FOO${index % 2}`.slice(0, 3) === 'FOO' ? 'OPTIONS' : 'GET', `${maps}/a/sub${index}`);
  }
  const watch = server.stream(`${maps}?watch=1`);
  await watch.next();
  const { code, text, headers } = await server.call('GET', '/metrics');
  assert.equal(code, 200);
  assert.match(String(headers['content-type']), /^text\/plain; version=0\.0\.4/u);
  for (const line of text.trimEnd().split('\n')) {
    assert.match(
      line,
      /^(?:# (?:HELP|TYPE) [a-z_]\w* .+|[a-z_]\w*(?:\{(?:[a-z_]\w*="(?:[^"\\\n]|\\.)*",?)*\})? (?:-?[\d.e+-]+|\+Inf|NaN))$/u,
      line,
    );
  }
  const label =
    'verb="POST",group="",version="v1",resource="configmaps",subresource="",scope="namespace",component="apiserver"';
  assert.ok(text.includes(`apiserver_request_total{${label},code="201"} 1\n`));
  assert.ok(text.includes(`apiserver_request_total{${label},code="409"} 1\n`));
  assert.ok(text.includes(`apiserver_request_duration_seconds_count{${label}} 2\n`));
  assert.match(text, /^apiserver_longrunning_requests\{verb="WATCH",[^}]*resource="configmaps"[^}]*\} 1$/mu);
  assert.match(text, /^apiserver_resource_objects\{group="",resource="configmaps"\} \d+$/mu);
  assert.match(text, /^vmlet_store_revision [1-9]\d*$/mu);
  assert.match(text, /^apiserver_storage_size_bytes [1-9]\d*$/mu);
  assert.match(text, /^process_resident_memory_bytes [1-9]\d*$/mu);
  assert.match(text, /^own_things\{phase="Running"\} 2$/mu);
  assert.doesNotMatch(text, /made-up|things1/u);
  assert.match((await server.call('GET', '/metrics')).text, /^nodejs_eventloop_lag_p99_seconds /mu);
  const denied = await server.call('GET', '/metrics', { anonymous: true });
  assert.ok(denied.code === 401 || denied.code === 403, String(denied.code));
  await watch.return(undefined);
});
