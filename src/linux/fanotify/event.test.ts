import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DecodeError } from '../../base/errors.ts';
import { decodeEvents, formatEventMask } from './event.ts';
import { fuzzTargets } from './fuzz.ts';

const plain = '18000000030018000200000000000000070000002a000000';

void test('a record as the kernel writes it', () => {
  assert.deepEqual(decodeEvents(Buffer.from(plain, 'hex')), [
    { mask: 2n, fd: 7, processId: 42, identities: [], pidFd: undefined },
  ]);
  assert.equal(decodeEvents(Buffer.from(plain + plain, 'hex')).length, 2);
  assert.deepEqual(decodeEvents(Buffer.alloc(0)), []);
});

void test('identities, names, process handles and unknown information', () => {
  const [event] = decodeEvents(fuzzTargets[0]?.seeds[1] ?? Buffer.alloc(0));
  assert.equal(event?.pidFd, 9);
  assert.deepEqual(event.identities, [
    { fileSystemId: 0x1122n, handleType: 1, handle: Buffer.from('0102030405060708', 'hex'), name: 'name' },
  ]);
});

void test('a cut anywhere is a DecodeError', () => {
  for (const seed of fuzzTargets[0]?.seeds.slice(0, 2) ?? []) {
    for (let end = 1; end < seed.length; end += 1) {
      assert.throws(() => decodeEvents(seed.subarray(0, end)), DecodeError);
    }
  }
});

void test('masks read as their names', () => {
  assert.equal(formatEventMask(0x0800_000an), 'FAN_MODIFY|FAN_CLOSE_WRITE|0x8000000');
  assert.equal(formatEventMask(0n), '');
});
