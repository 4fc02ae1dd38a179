import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatAddress, parseAddress, parseAddressRange } from './address-range.ts';

test('addresses are numbers and back', () => {
  for (const text of ['0.0.0.0', '10.96.0.1', '255.255.255.255', '192.168.1.20']) {
    assert.equal(formatAddress(parseAddress(text) ?? NaN), text);
  }
  for (const bad of ['', '1.2.3', '1.2.3.4.5', '256.1.1.1', '01.2.3.4', '1.2.3.4 ', 'a.b.c.d', '::1', '1.2.3.-4']) {
    assert.equal(parseAddress(bad), undefined, bad);
  }
});

test('a range leaves out its ends', () => {
  const { first, last } = parseAddressRange('10.96.0.7/16');
  assert.equal(formatAddress(first), '10.96.0.1');
  assert.equal(formatAddress(last), '10.96.255.254');
  for (const bad of ['10.96.0.0', '10.96.0.0/8', '10.96.0.0/30', '10.96.0.0/x', 'fd00::/108', '10.96.0/16']) {
    assert.throws(() => parseAddressRange(bad), /is no range of Services/, bad);
  }
});
