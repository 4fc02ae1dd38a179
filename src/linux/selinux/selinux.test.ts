import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { TreeEntry } from '../sysfs/tree.test-helper.ts';
import { writeTree } from '../sysfs/tree.test-helper.ts';
import { chooseMcsPair, formatContext, formatMcsLevel, parseContext, parseMcsLevel } from './context.ts';
import { findSelinuxObstacle } from './probe.ts';
import { readProcessContext, readSelinux } from './selinux.ts';

function host(more: Record<string, TreeEntry> = {}): Record<string, TreeEntry> {
  return {
    'sys/fs/selinux/enforce': '1',
    'sys/fs/selinux/policyvers': '33',
    'sys/fs/selinux/mls': '1',
    'proc/1/attr/current': 'system_u:system_r:init_t:s0\0',
    'proc/77/attr/current': 'system_u:system_r:svirt_t:s0:c3,c77\0',
    ...more,
  };
}

void test('mode, policy and contexts', () => {
  using cleanup = new DisposableStack();
  const roots = writeTree(cleanup, host());
  assert.deepEqual(readSelinux(roots), { mode: 'enforcing', policyLoaded: true, policyVersion: 33, mls: true });
  assert.equal(readProcessContext(roots, 77), 'system_u:system_r:svirt_t:s0:c3,c77');
  assert.equal(readProcessContext(roots, 78), undefined);
  assert.equal(findSelinuxObstacle(roots), undefined);
});

void test('each thing that is missing has its own sentence', () => {
  using cleanup = new DisposableStack();
  const obstacle = (tree: Record<string, TreeEntry>): string => findSelinuxObstacle(writeTree(cleanup, tree)) ?? 'none';
  assert.match(obstacle({ 'proc/1/attr/current': 'unconfined\n' }), /disabled/);
  assert.match(obstacle(host({ 'proc/1/attr/current': 'kernel\0' })), /no policy/);
  assert.match(obstacle(host({ 'sys/fs/selinux/mls': '0' })), /MCS/);
  assert.match(obstacle(host({ 'sys/fs/selinux/enforce': '0' })), /setenforce 1/);
});

void test('without SELinux the label of another module is no context', () => {
  using cleanup = new DisposableStack();
  const roots = writeTree(cleanup, { 'proc/self/attr/current': 'docker-default (enforce)\n' });
  assert.equal(readProcessContext(roots, 'self'), undefined);
});

void test('contexts: format of parse gives the same', () => {
  for (const text of [
    'system_u:object_r:svirt_image_t:s0:c3,c77',
    'unconfined_u:unconfined_r:unconfined_t:s0-s0:c0.c1023',
    'user_u:user_r:user_t',
  ]) {
    assert.equal(formatContext(parseContext(text)), text);
  }
  assert.equal(parseContext('a_u:b_r:c_t:s0:c1,c2').range, 's0:c1,c2');
  for (const text of ['', 'a:b', 'a:b:c:s0\n', 'a b:c:d', 'a:b:c:', 'a:b:c\0']) {
    assert.throws(() => parseContext(text), { code: 'Decode' }, JSON.stringify(text));
  }
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        assert.equal(formatContext(parseContext(text)), text);
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'Decode');
      }
    }),
  );
});

void test('pairs of categories: always valid, never one that is taken', () => {
  const PAIRS = (1024 * 1023) / 2;
  const taken = new Set<string>();
  fc.assert(
    fc.property(fc.integer({ min: 0, max: PAIRS - 1 }), (start) => {
      const level = formatMcsLevel(chooseMcsPair(taken, () => start));
      assert.ok(!taken.has(level));
      assert.equal(formatMcsLevel(parseMcsLevel(level) ?? { low: 0, high: 0 }), level);
      taken.add(level);
    }),
    { numRuns: 2000 },
  );
  const all = new Set<string>();
  for (let high = 1; high < 1024; high += 1) {
    for (let low = 0; low < high; low += 1) {
      all.add(formatMcsLevel({ low, high }));
    }
  }
  assert.equal(all.size, PAIRS);
  assert.throws(() => chooseMcsPair(all, () => 7), { code: 'NoFreeCategories' });
  all.delete('s0:c5,c1000');
  assert.deepEqual(
    chooseMcsPair(all, () => PAIRS - 1),
    { low: 5, high: 1000 },
  );
});

void test('levels that are no pair', () => {
  for (const level of ['s0', 's0:c1', 's0:c5,c5', 's0:c7,c3', 's0:c1,c1024', 's1:c1,c2', 's0-s0:c1,c2']) {
    assert.equal(parseMcsLevel(level), undefined, level);
  }
});
