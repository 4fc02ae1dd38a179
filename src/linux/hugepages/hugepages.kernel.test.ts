import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { hostRoots } from '../sysfs/roots.ts';
import { findHugePageObstacle } from './probe.ts';
import { readHugePages, setHugePages } from './hugepages.ts';

const obstacle = process.getuid?.() === 0 ? findHugePageObstacle(hostRoots()) : 'needs root';
const skip = obstacle ?? false;

void test('the default pool grows, /proc/meminfo agrees, and it is given back', { skip }, async () => {
  const roots = hostRoots();
  const before = readHugePages(roots);
  const pageBytes = before.defaultSize ?? 0n;
  const pool = before.pools.find((candidate) => candidate.pageBytes === pageBytes);
  assert.ok(pool !== undefined);
  try {
    const outcome = await setHugePages(roots, { pageBytes, pages: pool.total + 2 });
    const after = readHugePages(roots).pools.find((candidate) => candidate.pageBytes === pageBytes);
    assert.equal(after?.total, outcome.total);
    const meminfo = fs.readFileSync('/proc/meminfo', 'utf8');
    assert.equal(Number(/^HugePages_Total:\s+(\d+)$/m.exec(meminfo)?.[1]), outcome.total);
    assert.equal(outcome.shortfall === undefined, outcome.total === pool.total + 2);
  } finally {
    await setHugePages(roots, { pageBytes, pages: pool.total });
  }
  assert.equal(readHugePages(roots).pools.find((candidate) => candidate.pageBytes === pageBytes)?.total, pool.total);
});

void test('a node gets its own pages', { skip }, async (t) => {
  const roots = hostRoots();
  const { defaultSize = 0n, nodePools } = readHugePages(roots);
  const pool = nodePools.findLast((candidate) => candidate.pageBytes === defaultSize);
  if (pool?.node === undefined) {
    t.skip('this kernel has no pools of huge pages per node');
    return;
  }
  const totalOf = (): number | undefined =>
    readHugePages(roots).nodePools.find((other) => other.node === pool.node && other.pageBytes === defaultSize)?.total;
  try {
    const outcome = await setHugePages(roots, { pageBytes: defaultSize, node: pool.node, pages: pool.total + 1 });
    assert.equal(totalOf(), outcome.total);
  } finally {
    await setHugePages(roots, { pageBytes: defaultSize, node: pool.node, pages: pool.total });
  }
  assert.equal(totalOf(), pool.total);
});

void test('more pages than there is memory: fewer are given, and that is said', { skip }, async (t) => {
  const roots = hostRoots();
  // The largest size, and more than the host has memory for: the kernel gives up at the first page it cannot find.
  const pool = readHugePages(roots).pools.at(-1);
  assert.ok(pool !== undefined);
  if (process.env['VMLET_TEST_HOST'] === undefined || pool.pageBytes < 1n << 30n) {
    t.skip('takes all free memory for a moment: set VMLET_TEST_HOST=1 on a machine of its own with pages of 1 GiB');
    return;
  }
  const memoryKb = BigInt(/^MemTotal:\s+(\d+) kB$/m.exec(fs.readFileSync('/proc/meminfo', 'utf8'))?.[1] ?? '0');
  const pages = Number((memoryKb * 1024n) / pool.pageBytes) + 1 + pool.total;
  try {
    const outcome = await setHugePages(roots, { pageBytes: pool.pageBytes, pages });
    assert.ok(outcome.total < pages);
    assert.match(outcome.shortfall ?? '', /gave \d+ of \d+ pages of 1G.*hugepagesz=1G/);
  } finally {
    await setHugePages(roots, { pageBytes: pool.pageBytes, pages: pool.total });
  }
});
