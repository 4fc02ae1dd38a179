import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  addressAt,
  CANDIDATE_CIDRS,
  cidrAt,
  lastPodNumber,
  linkLocalAddress,
  overlaps,
  podMacAddress,
  requirePodCidrs,
} from './addresses.ts';
import { nextFree, openAllocation } from './allocation.ts';

test('networks overlap when they share an address of one family', () => {
  assert.ok(overlaps('10.0.0.0/8', '10.1.2.0/24'));
  assert.ok(overlaps('10.1.2.0/24', '10.0.0.0/8'));
  assert.ok(!overlaps('10.0.0.0/24', '10.0.1.0/24'));
  assert.ok(!overlaps('0.0.0.0/0', '::/0'));
  for (const [index, candidate] of CANDIDATE_CIDRS.entries()) {
    requirePodCidrs(candidate, 'fd00::/64');
    assert.ok(CANDIDATE_CIDRS.slice(index + 1).every((other) => !overlaps(candidate, other)));
  }
});

test('addresses by number', () => {
  assert.equal(addressAt('10.9.0.77/24', 1), '10.9.0.1');
  assert.equal(cidrAt('fd00:1::/64', 258), 'fd00:1::102/64');
  assert.equal(lastPodNumber('10.9.0.0/24'), 254);
  assert.equal(podMacAddress('10.9.0.2'), '0a:58:0a:09:00:02');
});

test('refuses pod networks that are none', () => {
  for (const [v4, v6] of [
    ['10.0.0.0', 'fd00::/64'],
    ['10.0.0.0/30', 'fd00::/64'],
    ['nonsense', 'fd00::/64'],
    ['fd00::/64', 'fd00::/64'],
    ['10.0.0.0/24', 'fd00::/120'],
  ] as const) {
    assert.throws(() => requirePodCidrs(v4, v6), { code: 'InvalidPodCidr' });
  }
});

test('numbers go round and are full at the end', () => {
  assert.equal(nextFree(new Set(), { latest: 1, lastNumber: 4 }), 2);
  assert.equal(nextFree(new Set([2, 3]), { latest: 3, lastNumber: 4 }), 4);
  assert.equal(nextFree(new Set([4]), { latest: 4, lastNumber: 4 }), 2);
  assert.throws(() => nextFree(new Set([2, 3, 4]), { latest: 4, lastNumber: 4 }), { code: 'PodNetworkFull' });
});

test('an allocation outlives its process and what it left half-written', () => {
  const directory = mkdtempSync(join(tmpdir(), 'vmlet-alloc-'));
  try {
    const first = openAllocation(directory, { lastNumber: 9 });
    assert.deepEqual([first.acquire('a'), first.acquire('b'), first.acquire('a')], [2, 3, 2]);
    writeFileSync(join(directory, 'c.new'), '4');
    writeFileSync(join(directory, 'd'), '');
    const second = openAllocation(directory, { lastNumber: 9 });
    assert.deepEqual([...readdirSync(directory)].sort(), ['a', 'b']);
    assert.equal(second.acquire('b'), 3);
    second.release('a');
    second.release('a');
    assert.equal(second.acquire('e'), 4);
    assert.deepEqual(second.podUids().sort(), ['b', 'e']);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("an allocation keeps the MAC addresses of a pod's guest, and none that is no MAC address", () => {
  const directory = mkdtempSync(join(tmpdir(), 'vmlet-alloc-'));
  try {
    const first = openAllocation(directory, { lastNumber: 9 });
    assert.equal(first.acquire('a', ['02:00:00:00:00:AA', 'x', '02:00:00:00:00:bb']), 2);
    // None given means that nobody could be asked.
    assert.equal(first.acquire('a'), 2);
    const again = openAllocation(directory, { lastNumber: 9 });
    assert.deepEqual(again.entries().get('a'), { number: 2, guestMacs: ['02:00:00:00:00:aa', '02:00:00:00:00:bb'] });
    again.acquire('a', ['02:00:00:00:00:cc']);
    assert.deepEqual(again.entries().get('a')?.guestMacs, ['02:00:00:00:00:cc']);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('the link-local address of a MAC address is that of RFC 4291', () => {
  assert.equal(linkLocalAddress('34:56:78:9a:bc:de'), 'fe80::3656:78ff:fe9a:bcde');
});
