import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { decodeCpuMask, encodeCpuMask, readThreadAffinity, setThreadAffinity } from './affinity.ts';
import { readResourceLimit, setResourceLimit } from './resource-limit.ts';
import { decodeSchedAttr, encodeSchedAttr, readScheduling, setScheduling } from './scheduling.ts';

const NO_SUCH_PID = 2 ** 22 + 1;

void test('a CPU mask of any size survives encoding', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat({ max: 16_383 }), { maxLength: 40 }), (cpus) => {
      assert.deepEqual(
        decodeCpuMask(encodeCpuMask(cpus)),
        [...cpus].sort((a, b) => a - b),
      );
    }),
  );
  assert.equal(encodeCpuMask([0, 9]).toString('hex'), '0102000000000000');
  assert.equal(encodeCpuMask([64]).toString('hex'), '00000000000000000100000000000000');
  assert.throws(() => encodeCpuMask([-1]), { code: 'Assertion' });
  assert.throws(() => encodeCpuMask([16_384]), { code: 'Assertion' });
});

void test('struct sched_attr by hand, and values out of range are refused before the call', () => {
  const scheduling = { policy: 'SCHED_RR', nice: -5, realtimePriority: 7, resetOnFork: true } as const;
  const encoded = encodeSchedAttr(scheduling);
  assert.equal(encoded.toString('hex'), `30000000020000000100000000000000fbffffff07000000${'00'.repeat(24)}`);
  assert.deepEqual(decodeSchedAttr(encoded), scheduling);
  assert.throws(() => encodeSchedAttr({ ...scheduling, realtimePriority: 0 }), { code: 'Assertion' });
  assert.throws(() => encodeSchedAttr({ ...scheduling, policy: 'SCHED_OTHER' }), { code: 'Assertion' });
  assert.throws(() => encodeSchedAttr({ ...scheduling, nice: 20 }), { code: 'Assertion' });
  assert.throws(() => decodeSchedAttr(encoded.subarray(0, 47)), { code: 'Decode' });
});

void test('reads of a process that is not there give nothing, changes of a thread fail with ESRCH', () => {
  assert.equal(readThreadAffinity(NO_SUCH_PID), undefined);
  assert.equal(readScheduling(NO_SUCH_PID), undefined);
  assert.equal(readResourceLimit(NO_SUCH_PID, 'RLIMIT_NOFILE'), undefined);
  assert.equal(setResourceLimit(NO_SUCH_PID, 'RLIMIT_CORE', { soft: 0n, hard: 0n }), undefined);
  assert.throws(() => setThreadAffinity(NO_SUCH_PID, [0]), { code: 'ESRCH', op: 'sched_setaffinity' });
  assert.throws(() => setScheduling(NO_SUCH_PID, { nice: 0 }), { code: 'ESRCH', op: 'sched_setattr' });
});
