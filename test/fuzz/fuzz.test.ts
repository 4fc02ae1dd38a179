import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRandomness, makeMessage } from './messages.ts';
import { formatFinding, runFuzz } from './run.ts';
import { listFuzzFiles } from './targets.ts';

const SEED = 20_240_601;

void test('the same seed gives the same messages, and they differ from each other', () => {
  const seeds = [Buffer.from('a message'), Buffer.alloc(64, 1)];
  const make = (index: number, seed = 1): string => makeMessage({ seeds, seed, target: 'x', index }).toString('hex');
  const first = Array.from({ length: 500 }, (_, index) => make(index));
  assert.deepEqual(
    first,
    Array.from({ length: 500 }, (_, index) => make(index)),
  );
  assert.ok(new Set(first).size > 400);
  assert.notDeepEqual(
    first,
    Array.from({ length: 500 }, (_, index) => make(index, 2)),
  );
  assert.equal(seeds[0]?.toString(), 'a message');
  const randomness = createRandomness(7);
  assert.ok(Array.from({ length: 100 }, () => randomness.below(3)).every((value) => value >= 0 && value < 3));
});

void test(
  'a decoder that fails, hangs or hoards is found, with the message that did it',
  { timeout: 60_000 },
  async () => {
    const file = 'test/fuzz/faulty-targets.ts';
    const run = { messages: 2000, seed: SEED, files: [file] };
    const [wrong] = await runFuzz({ ...run, only: 'wrong error' });
    assert.match(wrong?.findings[0]?.problem ?? '', /^TypeError: not a DecodeError[\s\S]*faulty-targets/);
    assert.match(wrong?.findings[0]?.hex ?? '', /^ff/);
    const [endless] = await runFuzz({ ...run, only: 'endless', hangMs: 1500 });
    assert.match(endless?.findings[0]?.problem ?? '', /no answer within 1500 ms/);
    assert.match(endless?.findings[0]?.hex ?? '', /^ff/);
    const [slow] = await runFuzz({ ...run, only: 'slow' });
    assert.match(slow?.findings[0]?.problem ?? '', /took \d+ ms/);
    const [hoard] = await runFuzz({ ...run, only: 'hoard' });
    assert.match(hoard?.findings[0]?.problem ?? '', /memory/);
    const [badSeed] = await runFuzz({ ...run, only: 'bad seed' });
    assert.match(badSeed?.findings[0]?.problem ?? '', /^seed 0 is refused/);
    const [fine] = await runFuzz({ ...run, only: 'fine' });
    assert.deepEqual(fine?.findings, []);
    assert.equal(fine?.messages, 2000);
  },
);

void test('every decoder answers hostile messages with a value or a DecodeError', { timeout: 120_000 }, async () => {
  const results = await runFuzz({ messages: 20_000, seed: SEED, targetBudgetMs: 300 });
  assert.ok(results.length >= listFuzzFiles().length);
  const findings = results.flatMap((result) => result.findings);
  assert.deepEqual(findings.map((finding) => formatFinding(finding, SEED)).join('\n'), '');
  for (const result of results) {
    assert.ok(result.messages > 256, `${result.target} got ${result.messages} messages only`);
  }
});
