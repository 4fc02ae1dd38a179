import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assert as check, bigInt, property } from 'fast-check';
import {
  compareQuantities,
  formatBytes,
  formatMilli,
  parseQuantity,
  quantityBytes,
  quantityMilliCpu,
} from './quantity.ts';
import { DecodeError } from '../base/errors.ts';

test('reads every suffix exactly', () => {
  const cases: [string | number, bigint][] = [
    ['1', 1000n],
    [2, 2000n],
    ['500m', 500n],
    ['1.5', 1500n],
    ['.5', 500n],
    ['1Ki', 1_024_000n],
    ['1.5Gi', 1_610_612_736_000n],
    ['1k', 1_000_000n],
    ['1e3', 1_000_000n],
    ['1E3', 1_000_000n],
    ['1E', 10n ** 21n],
    ['100u', 1n],
    ['-1', -1000n],
    ['9007199254740993', 9_007_199_254_740_993_000n],
  ];
  for (const [text, milli] of cases) {
    assert.equal(parseQuantity(text).milli, milli, String(text));
  }
});

test('refuses what is no quantity', () => {
  for (const text of ['', '.', 'Gi', '1GiB', '1 Gi', '0x10', '1e999', 'NaN', '1'.repeat(100)]) {
    assert.throws(() => parseQuantity(text), DecodeError, text);
  }
});

test('bytes, CPUs and order', () => {
  assert.equal(quantityBytes('64M'), 64_000_000n);
  assert.equal(quantityBytes('1500m'), 2n);
  assert.equal(quantityMilliCpu('250m'), 250);
  assert.equal(formatBytes(1_610_612_736n), '1536Mi');
  assert.equal(formatBytes(0n), '0');
  assert.equal(formatMilli(1500), '1500m');
  assert.equal(compareQuantities('1Gi', '1024Mi'), 0);
  assert.ok(compareQuantities('1G', '1Gi') < 0);
});

test('formatBytes and quantityBytes are inverse', () => {
  check(property(bigInt({ min: 0n, max: 1n << 62n }), (bytes) => quantityBytes(formatBytes(bytes)) === bytes));
});
