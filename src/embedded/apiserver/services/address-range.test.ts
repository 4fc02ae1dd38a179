import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalAddress, parseAddressRange } from './address-range.ts';

test('a range leaves out its ends', () => {
  const v4 = parseAddressRange('10.96.0.7/16');
  assert.deepEqual(
    [v4.family, v4.count, v4.at(0), v4.at(v4.count - 1)],
    ['IPv4', 65_534, '10.96.0.1', '10.96.255.254'],
  );
  const v6 = parseAddressRange('fd00::5:0/112');
  assert.deepEqual([v6.family, v6.count, v6.at(0), v6.at(v6.count - 1)], ['IPv6', 65_535, 'fd00::5:1', 'fd00::5:ffff']);
  for (const range of [v4, v6]) {
    for (const number of [0, 1, 255, 256, 4711, range.count - 1]) {
      assert.equal(range.indexOf(range.at(number)), number);
    }
  }
  assert.equal(v6.indexOf('FD00:0:0::0005:0002'), 1);
  for (const other of [
    '10.96.0.0',
    '10.96.255.255',
    '10.95.0.1',
    '010.96.0.1',
    '10.96.1',
    'fd00::5:0',
    'fd00::6:1',
    '',
  ]) {
    assert.deepEqual([v4.indexOf(other), v6.indexOf(other)], [undefined, undefined], other);
  }
});

test('other ranges are refused', () => {
  for (const bad of [
    '10.96.0.0',
    '10.96.0.0/8',
    '10.96.0.0/30',
    '10.96.0.0/x',
    '10.96.0/16',
    '',
    'fd00::/64',
    'fd00::/127',
  ]) {
    assert.throws(() => parseAddressRange(bad), /is no range of Services/u, bad);
  }
});

test('one text for each address', () => {
  assert.equal(canonicalAddress('FD00:0::1'), 'fd00::1');
  assert.equal(canonicalAddress('10.0.0.1'), '10.0.0.1');
  for (const bad of [
    '',
    '1.2.3',
    '1.2.3.4.5',
    '256.1.1.1',
    '01.2.3.4',
    '1.2.3.4 ',
    'a.b.c.d',
    '1.2.3.-4',
    'fe80::1%eth0',
  ]) {
    assert.equal(canonicalAddress(bad), undefined, bad);
  }
});
