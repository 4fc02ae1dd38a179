/** The parts of the test host that need no machine: keys, the line protocol, merged counts, the command line. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isWanted, parseArguments } from './arguments.ts';
import { findMirror, imageKey, parseCandidates, stateKey } from './key.ts';
import { profiles } from './profiles.ts';
import { createLineSplitter, formatGo, parseGuestEvent, type TestOutcome } from './protocol.ts';
import { explainExit, formatTotals, mergeResults } from './results.ts';

const inputs = {
  packages: { 'qemu-system-x86': '1:10.0.2', 'linux-image-amd64': '6.12.1' },
  suite: 'stable',
  nodeVersion: 'v24.0.0',
  recipe: ['build', 'init'],
};

void test('an image key depends on every input and on nothing else', () => {
  const key = imageKey(inputs);
  assert.match(key, /^[0-9a-f]{16}$/);
  const reordered = { 'linux-image-amd64': '6.12.1', 'qemu-system-x86': '1:10.0.2' };
  assert.equal(imageKey({ ...inputs, packages: reordered }), key);
  const others = [
    { ...inputs, packages: { ...inputs.packages, 'qemu-system-x86': '1:10.0.3' } },
    { ...inputs, packages: { ...inputs.packages, runc: '1.1' } },
    { ...inputs, suite: 'testing' },
    { ...inputs, nodeVersion: 'v24.0.1' },
    { ...inputs, recipe: ['build', 'Init'] },
    { ...inputs, recipe: ['buildi', 'nit'] },
  ];
  assert.equal(new Set([key, ...others.map(imageKey)]).size, others.length + 1);
});

void test('a saved state belongs to one image and one machine', () => {
  assert.equal(stateKey('image', ['-smp', '1']), stateKey('image', ['-smp', '1']));
  assert.notEqual(stateKey('image', ['-smp', '1']), stateKey('image', ['-smp', '2']));
  assert.notEqual(stateKey('image', ['-smp', '1']), stateKey('image2', ['-smp', '1']));
});

void test('candidate versions come out of apt-cache policy', () => {
  const policy = [
    'runc:\n  Installed: (none)\n  Candidate: 1.1.15+ds1-2+b4\n  Version table:\n     1.1.15+ds1-2+b4 500',
    'qemu-system-x86:\n  Installed: 1:7.2\n  Candidate: 1:10.0.2+ds-2\n',
    'gone:\n  Installed: (none)\n  Candidate: (none)\n  Version table:',
  ].join('\n');
  assert.deepEqual(parseCandidates(policy), { runc: '1.1.15+ds1-2+b4', 'qemu-system-x86': '1:10.0.2+ds-2' });
});

void test('the mirror is the archive of Debian itself, not of its security updates or of others', () => {
  const targets = [
    'Debian-Security|http://mirror.example/security/',
    'Other|https://other.example/',
    'Debian|http://mirror.example/debian/',
  ];
  assert.equal(findMirror(targets.join('\n')), 'http://mirror.example/debian/');
  assert.equal(findMirror(targets.slice(0, 2).join('\n')), undefined);
  assert.equal(findMirror('Debian|\n'), undefined);
});

void test('lines are the same however the stream is cut', () => {
  const text = Buffer.from('{"type":"ready"}\n\nzwölf ☕\r\n{"type":"end"}\nrest');
  const whole = createLineSplitter().push(text);
  assert.deepEqual(whole, ['{"type":"ready"}', '', 'zwölf ☕', '{"type":"end"}']);
  for (let cut = 0; cut <= text.length; cut++) {
    const splitter = createLineSplitter();
    assert.deepEqual(
      [...splitter.push(text.subarray(0, cut)), ...splitter.push(text.subarray(cut))],
      whole,
      `cut at ${cut}`,
    );
  }
});

void test('an endless line is cut off at the limit, and the next one is whole again', () => {
  const splitter = createLineSplitter(10);
  const lines = [
    ...splitter.push(Buffer.from('a'.repeat(50))),
    ...splitter.push(Buffer.from(`${'a'.repeat(500)}\nnext\n`)),
  ];
  assert.deepEqual(lines, ['a'.repeat(10), 'next']);
  assert.deepEqual(createLineSplitter(10).push(Buffer.from(`${'b'.repeat(11)}\nnext\n`)), ['b'.repeat(10), 'next']);
});

void test('events of the guest are taken when they are whole, and anything else is none', () => {
  const pass = { type: 'pass', file: 'a.ts', name: 'n', detail: '', durationMs: 1 };
  for (const event of [
    pass,
    { ...pass, type: 'skip' },
    { type: 'ready' },
    { type: 'end' },
    { type: 'exit', code: 1 },
  ]) {
    assert.deepEqual(parseGuestEvent(JSON.stringify({ ...event, more: 1 })), event);
  }
  for (const text of [
    '',
    '{',
    'null',
    '[]',
    '{"type":"exit"}',
    '{"type":"exit","code":256}',
    '{"type":"exit","code":-1}',
    '{"type":"pass"}',
  ]) {
    assert.equal(parseGuestEvent(text), undefined, text);
  }
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => void parseGuestEvent(text)));
});

void test('the clock that a guest gets is never in the past', () => {
  assert.equal(formatGo(1_700_000_000_001), 'go 1700000001\n');
});

void test('counts of profiles are added up; what was not run is a skip, what went wrong outside of tests a failure', () => {
  const outcome = (type: TestOutcome['type']): TestOutcome => ({
    type,
    file: 'f',
    name: 'n',
    detail: '',
    durationMs: 0,
  });
  const totals = mergeResults([
    { profile: 'a', outcomes: [outcome('pass'), outcome('pass'), outcome('fail'), outcome('skip')], problems: [] },
    { profile: 'b', outcomes: [outcome('pass')], problems: ['the process died'] },
    { profile: 'c', outcomes: [], problems: [], skipped: 'no mirror' },
  ]);
  assert.equal(formatTotals(totals), '3 passed, 2 failed, 2 skipped');
  assert.equal(formatTotals(mergeResults([])), '0 passed, 0 failed, 0 skipped');
});

void test('a test process that does not get to its end is a failure, whatever passed before', () => {
  assert.match(explainExit(134, { ended: false, failures: 0, lastFile: 'a.ts' }) ?? '', /134 after a test of a\.ts/);
  assert.match(explainExit(124, { ended: false, failures: 0, lastFile: 'a.ts' }) ?? '', /hung .*after a test of a\.ts/);
  assert.match(explainExit(0, { ended: false, failures: 0, lastFile: undefined }) ?? '', /before the first test/);
  assert.match(explainExit(1, { ended: true, failures: 0, lastFile: 'a.ts' }) ?? '', /ended with 1/);
  assert.equal(explainExit(1, { ended: true, failures: 2, lastFile: 'a.ts' }), undefined);
  assert.equal(explainExit(0, { ended: true, failures: 0, lastFile: 'a.ts' }), undefined);
});

void test('the command line: profiles, patterns, and words that mean nothing', () => {
  assert.deepEqual(parseArguments([]), { profiles, keep: false, patterns: [] });
  const some = parseArguments(['--profile', 'numa', 'src/linux/numa', '--keep', '--profile=base']);
  assert.deepEqual(
    [some.profiles.map(({ name }) => name), some.keep, some.patterns],
    [['numa', 'base'], true, ['src/linux/numa']],
  );
  assert.throws(() => parseArguments(['--profile', 'moon']), /no profile "moon"[\s\S]*usage/);
  assert.throws(() => parseArguments(['--profile']), /no profile ""/);
  assert.throws(() => parseArguments(['--fast']), /no option --fast/);
});

void test('a file is wanted by a part of its path or by a glob', () => {
  const file = 'src/linux/numa/numa.kernel.test.ts';
  assert.ok(isWanted(file, []));
  assert.ok(isWanted(file, ['linux/numa']));
  assert.ok(isWanted(file, ['nothing', 'src/**/*.kernel.test.ts']));
  assert.ok(!isWanted(file, ['src/linux/*.ts', 'cgroup']));
});
