import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startBudgets } from './budgets.ts';
import { formatMs, formatTrace } from './format.ts';
import { encodeOtlp } from './otlp.ts';
import { markNames, marksMax, parseTrace, withMark, type MarkName, type StartTrace, type TraceMark } from './trace.ts';
import { parseTraceparent, spanIdOf, traceIdOf } from './traceparent.ts';
import { layOutTrace } from './waterfall.ts';

const zeroMs = Date.UTC(2026, 0, 1);
const usual = [0, 6, 9, 62, 76, 80, 81, 85, 152, 158, 2600];

function traceOf(...marks: readonly (readonly [MarkName, number])[]): StartTrace {
  return {
    vmi: { namespace: 'lab', name: 'web', uid: 'uid-1' },
    node: 'host1',
    traceId: traceIdOf('uid-1'),
    marks: marks.map(([name, ms]): TraceMark => ({ name, atMs: zeroMs + ms })),
  };
}
const good = traceOf(...markNames.map((name, index) => [name, usual[index] ?? 0] as const));

test('the budgets follow one another through all marks', () => {
  assert.deepEqual([startBudgets[0]?.from, ...startBudgets.map(({ to }) => to)], markNames);
  assert.deepEqual(
    startBudgets.slice(0, -1).map(({ to }) => to),
    startBudgets.slice(1).map(({ from }) => from),
  );
});

test('a start that went well', () => {
  const waterfall = layOutTrace(good);
  assert.equal(waterfall.totalMs, 158);
  assert.deepEqual(waterfall.exceeded, []);
  assert.equal(waterfall.waitsFor, undefined);
  assert.equal(
    formatTrace(good, { color: false, width: 80 }),
    `web in lab on node host1: Running after 158 ms

  Pod             6 ms of  10 ms  ##
  bind            3 ms of  10 ms   #
  sandbox        53 ms of  80 ms    ###############
  hand over      14 ms of  30 ms                    ####
  network         4 ms of   5 ms                        #
  files           1 ms of  30 ms                         #
  define          4 ms of  15 ms                         #
  start          67 ms of 120 ms                          ####################
  publish         6 ms of  20 ms                                              ##
  guest         2.44 s

every step within its budget
`,
  );
});

test('a step over its budget is named, with what to do', () => {
  const late = {
    ...good,
    marks: good.marks.map((mark, index) => ({ ...mark, atMs: mark.atMs + (index >= 5 ? 40 : 0) })),
  };
  assert.deepEqual(layOutTrace(late).exceeded, ['network']);
  const text = formatTrace(late, { color: true, width: 80 }).replaceAll('\u001b', '^');
  assert.match(text, /over budget\^\[0m\n {2}network: 44 ms of 5 ms\n {4}step: +bridge.*\n {4}remedy: many nftables/);
});

test('a start that goes on says what it waits for', () => {
  const waterfall = layOutTrace(traceOf(['VMI created', 0], ['Pod created', 5], ['Pod bound', 9]));
  assert.equal(waterfall.running, false);
  assert.match(waterfall.waitsFor ?? '', /^sandbox: /);
  assert.deepEqual(layOutTrace(traceOf()).spans, []);
});

test('moments that nobody saw join their steps; the budget is the sum', () => {
  const [span] = layOutTrace(traceOf(['VMI created', 0], ['sandbox running', 120])).spans;
  assert.equal(span?.name, 'Pod + bind + sandbox');
  assert.equal(span?.budgetMs, 100);
  assert.equal(span?.exceeded, true);
  const [late] = layOutTrace(traceOf(['start begun', 0], ['network up', 3])).spans;
  assert.deepEqual([late?.name, late?.startMs], ['network', 0]);
});

test('starts that failed are one step, the last attempt counts', () => {
  const waterfall = layOutTrace(
    traceOf(
      ['VMI created', 0],
      ['Pod created', 5],
      ['Pod bound', 9],
      ['sandbox running', 60],
      ['start begun', 70],
      ['network up', 74],
      ['start begun', 2070],
      ['network up', 2073],
      ['disks ready', 2074],
    ),
  );
  assert.equal(waterfall.attempts, 2);
  assert.deepEqual(
    waterfall.spans.slice(3).map(({ name, startMs, durationMs }) => [name, startMs, durationMs]),
    [
      ['hand over', 60, 10],
      ['failed starts', 70, 2000],
      ['network', 2070, 3],
      ['files', 2073, 1],
    ],
  );
});

test('what comes from elsewhere is checked; the number of marks is bounded', () => {
  assert.deepEqual(parseTrace(JSON.parse(JSON.stringify(good))), good);
  for (const value of [null, 1, {}, { ...good, traceId: 'x' }, { ...good, vmi: {} }, { ...good, marks: 'x' }]) {
    assert.equal(parseTrace(value), undefined);
  }
  assert.deepEqual(
    parseTrace({ ...good, marks: [{ name: 'odd', atMs: 1 }, { name: 'Running', atMs: NaN }, 7] })?.marks,
    [],
  );
  let marks: readonly TraceMark[] = [];
  for (let atMs = 0; atMs < 1000; atMs++) {
    marks = withMark(marks, { name: 'start begun', atMs });
  }
  assert.equal(marks.length, marksMax);
  assert.equal(marks.at(-1)?.atMs, 999);
  assert.equal(marks[0]?.atMs, 0);
});

test("traceparent: the recommendation's examples", () => {
  const traceId = '0af7651916cd43dd8448eb211c80319c';
  const parentSpanId = 'b7ad6b7169203331';
  const parse = (version: string, rest = '') => parseTraceparent(`${version}-${traceId}-${parentSpanId}-01${rest}`);
  assert.deepEqual(parse('00'), { traceId, parentSpanId, sampled: true });
  assert.deepEqual(parse('cc', '-what-the-future-brings'), { traceId, parentSpanId, sampled: true });
  assert.equal(parseTraceparent(`00-${traceId}-${parentSpanId}-00`)?.sampled, false);
  for (const bad of [undefined, '', parse('ff'), `00-${'0'.repeat(32)}-${parentSpanId}-01`, `00-${traceId}-x-01`]) {
    assert.equal(typeof bad === 'string' ? parseTraceparent(bad) : bad, undefined);
  }
  assert.equal(parse('00', '-more'), undefined);
  assert.equal(parseTraceparent(`00-${traceId.toUpperCase()}-${parentSpanId}-01`), undefined);
});

test('OTLP: ids, times in nanoseconds, parents', () => {
  const service = { name: 'vmlet', version: '1' };
  const parentSpanId = 'b7ad6b7169203331';
  const request = encodeOtlp({ ...good, parentSpanId }, { service }) as {
    resourceSpans: { scopeSpans: { spans: Record<string, string>[] }[] }[];
  };
  const spans = request.resourceSpans[0]?.scopeSpans[0]?.spans ?? [];
  assert.deepEqual(
    spans.map(({ name }) => name),
    ['start VM', ...startBudgets.map(({ name }) => name)],
  );
  assert.ok(spans.every(({ traceId }) => traceId === good.traceId));
  assert.equal(spans[0]?.['parentSpanId'], parentSpanId);
  assert.ok(spans.slice(1).every((span) => span['parentSpanId'] === spanIdOf('uid-1', 'start VM')));
  assert.equal(spans[0]?.['startTimeUnixNano'], `${zeroMs}000000`);
  assert.equal(spans[0]?.['endTimeUnixNano'], `${zeroMs + 158}000000`);
  assert.equal(new Set(spans.map(({ spanId }) => spanId)).size, spans.length);
  const guest = JSON.stringify(encodeOtlp(good, { service, only: 'guest' }));
  assert.match(guest, /"name":"guest"/);
  assert.doesNotMatch(guest, /"name":"start VM"/);
  assert.equal(encodeOtlp(traceOf(['VMI created', 0]), { service, only: 'guest' }), undefined);
});

test('times for people', () => {
  assert.deepEqual([0, 4.214, 67, 165.4, 2610, 61_000].map(formatMs), [
    '0 ms',
    '4.21 ms',
    '67 ms',
    '165 ms',
    '2.61 s',
    '61.0 s',
  ]);
});
