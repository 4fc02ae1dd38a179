import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseNetdevs } from './command-line.ts';
import type { Emulator, ObservedQueue, QueuesSpec } from './model.ts';
import { planQueues } from './plan.ts';

const spec: QueuesSpec = {
  taps: [
    { tap: 'tap0', netdev: 'hostua-a', queues: 1, headerBytes: 12 },
    { tap: 'tap1', netdev: 'hostua-b', queues: 2, headerBytes: 10 },
  ],
};
const emulator = (...queues: ObservedQueue[]): Emulator => ({ pid: 42, startTicks: 7n, queues });
const queue = (descriptor: number, tap?: string, netdev?: string): ObservedQueue => ({ descriptor, tap, netdev });

test('queues that are attached, and a VM that does not run, need nothing', () => {
  const all = emulator(queue(20, 'tap0', 'hostua-a'), queue(21, 'tap1'), queue(22, 'tap1'));
  assert.deepEqual(planQueues(spec, { emulator: all, taps: ['tap0', 'tap1'] }), []);
  assert.deepEqual(planQueues(spec, { emulator: undefined, taps: [] }), []);
});

test('a queue goes back to the TAP of the interface that was started with it', () => {
  const lost = emulator(
    queue(20, undefined, 'hostua-b'),
    queue(21, undefined, 'hostua-a'),
    queue(22, 'tap1', 'hostua-b'),
  );
  assert.deepEqual(
    planQueues(spec, { emulator: lost, taps: ['tap0', 'tap1'] }).map(
      ({ tap, descriptor, multiQueue, headerBytes }) => ({
        tap,
        descriptor,
        multiQueue,
        headerBytes,
      }),
    ),
    [
      { tap: 'tap0', descriptor: 21, multiQueue: false, headerBytes: 12 },
      { tap: 'tap1', descriptor: 20, multiQueue: true, headerBytes: 10 },
    ],
  );
});

test('queues of interfaces that were plugged in later are given out in order, none twice', () => {
  const lost = emulator(queue(30), queue(31), queue(32), queue(33));
  assert.deepEqual(
    planQueues(spec, { emulator: lost, taps: ['tap0', 'tap1'] }).map(({ tap, descriptor }) => `${tap} ${descriptor}`),
    ['tap0 30', 'tap1 31', 'tap1 32'],
  );
});

test('while the TAP is not there its queue waits', () => {
  const lost = emulator(queue(20, undefined, 'hostua-a'), queue(21, 'tap1', 'hostua-b'), queue(22, 'tap1', 'hostua-b'));
  assert.deepEqual(planQueues(spec, { emulator: lost, taps: ['tap1'] }), []);
});

test('law: after the steps no plan is left, whatever was lost', () => {
  fc.assert(
    fc.property(fc.subarray([20, 21, 22]), (lostDescriptors) => {
      const queues = [queue(20, 'tap0', 'hostua-a'), queue(21, 'tap1'), queue(22, 'tap1')].map((entry) =>
        lostDescriptors.includes(entry.descriptor) ? { ...entry, tap: undefined } : entry,
      );
      const taps = ['tap0', 'tap1'];
      const ops = planQueues(spec, { emulator: emulator(...queues), taps });
      const after = queues.map((entry) => ({
        ...entry,
        tap: ops.find(({ descriptor }) => descriptor === entry.descriptor)?.tap ?? entry.tap,
      }));
      assert.equal(ops.length, lostDescriptors.length);
      assert.deepEqual(planQueues(spec, { emulator: emulator(...after), taps }), []);
    }),
  );
});

test("QEMU's arguments tell which back end has which descriptor, in either form", () => {
  const words = ['qemu', '-netdev', '{"type":"tap","fd":"20","vhost":false,"id":"hostua-a"}', '-device', 'x'];
  assert.deepEqual(
    [...parseNetdevs([...words, '-netdev', 'tap,fds=21:22,id=hostua-b'])],
    [
      [20, 'hostua-a'],
      [21, 'hostua-b'],
      [22, 'hostua-b'],
    ],
  );
});

test('arguments that a guest has tampered with give nothing or something, never an error', () => {
  for (const word of [
    '{',
    '{"type":"tap","fd":{"a":1},"id":"x"}',
    'null',
    '[]',
    'tap,fd=-1,id=x',
    'tap,fd=99999999999,id=x',
    '',
  ]) {
    assert.deepEqual([...parseNetdevs(['-netdev', word])], [], word);
  }
  fc.assert(fc.property(fc.array(fc.string()), (words) => parseNetdevs(['-netdev', ...words]).size <= 4096));
});
