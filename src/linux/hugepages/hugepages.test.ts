import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { writeTree } from '../sysfs/tree.test-helper.ts';
import { formatSize, parsePoolName, parseSize, readHugePages, readHugetlbfsMounts, setHugePages } from './hugepages.ts';

const MIB = 1024n * 1024n;

function pool(directory: string, kb: number, fields: { nr: number; free: number; surplus: number; resv?: number }) {
  const base = `sys/${directory}/hugepages/hugepages-${kb}kB`;
  return {
    [`${base}/nr_hugepages`]: `${fields.nr}\n`,
    [`${base}/free_hugepages`]: `${fields.free}\n`,
    [`${base}/surplus_hugepages`]: `${fields.surplus}\n`,
    ...(fields.resv === undefined ? {} : { [`${base}/resv_hugepages`]: `${fields.resv}\n` }),
  };
}

const tree = {
  ...pool('kernel/mm', 1_048_576, { nr: 1, free: 1, surplus: 0, resv: 0 }),
  ...pool('kernel/mm', 2048, { nr: 512, free: 100, surplus: 2, resv: 50 }),
  ...pool('devices/system/node/node0', 2048, { nr: 512, free: 100, surplus: 2 }),
  ...pool('devices/system/node/node1', 2048, { nr: 0, free: 0, surplus: 0 }),
  'proc/meminfo': 'MemTotal:        4096 kB\nHugePages_Total:     512\nHugepagesize:       2048 kB\n',
  'proc/self/mountinfo':
    '30 22 0:28 / /dev/hugepages rw,relatime shared:15 - hugetlbfs hugetlbfs rw,pagesize=2M\n' +
    '31 22 0:29 / /mnt/huge\\0401g rw - hugetlbfs none rw,pagesize=1024M,size=4294967296\n' +
    '32 22 0:30 / /tmp rw - tmpfs tmpfs rw\n',
};

void test('pools of the host and of each node', () => {
  using cleanup = new DisposableStack();
  const host = readHugePages(writeTree(cleanup, tree));
  assert.deepEqual(host.sizes, [2n * MIB, 1024n * MIB]);
  assert.equal(host.defaultSize, 2n * MIB);
  assert.deepEqual(host.pools[0], {
    pageBytes: 2n * MIB,
    node: undefined,
    total: 512,
    free: 100,
    reserved: 50,
    surplus: 2,
  });
  assert.deepEqual(
    host.nodePools.map(({ node, total, reserved }) => ({ node, total, reserved })),
    [
      { node: 0, total: 512, reserved: undefined },
      { node: 1, total: 0, reserved: undefined },
    ],
  );
});

void test('a kernel without huge pages has none', () => {
  using cleanup = new DisposableStack();
  const host = readHugePages(writeTree(cleanup, { 'proc/meminfo': 'MemTotal: 1 kB\n' }));
  assert.deepEqual(host, { sizes: [], defaultSize: undefined, pools: [], nodePools: [] });
});

void test('a request is written to the pool of the node and read back', async () => {
  using cleanup = new DisposableStack();
  const roots = writeTree(cleanup, tree);
  const outcome = await setHugePages(roots, { pageBytes: 2n * MIB, node: 1, pages: 8 });
  assert.deepEqual(outcome, { requested: 8, total: 8, shortfall: undefined });
  const file = `${roots.sysfs}/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages`;
  assert.equal(fs.readFileSync(file, 'utf8'), '8');
  await assert.rejects(setHugePages(roots, { pageBytes: 64n * 1024n, pages: 1 }), { code: 'Unsupported' });
  await assert.rejects(setHugePages(roots, { pageBytes: 2n * MIB, pages: -1 }), { code: 'Assertion' });
});

void test('hugetlbfs mounts with their page size', () => {
  using cleanup = new DisposableStack();
  assert.deepEqual(readHugetlbfsMounts(writeTree(cleanup, tree)), [
    { mountPoint: '/dev/hugepages', pageBytes: 2n * MIB, sizeBytes: undefined },
    { mountPoint: '/mnt/huge 1g', pageBytes: 1024n * MIB, sizeBytes: 4096n * MIB },
  ]);
});

void test('sizes: parse of format gives the same', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 1n, max: 1n << 50n }), (bytes) => {
      assert.equal(parseSize(formatSize(bytes)), bytes);
    }),
  );
  assert.equal(formatSize(2n * MIB), '2M');
  assert.equal(parseSize('2X'), undefined);
  assert.equal(parsePoolName('hugepages-64kB'), 65_536n);
  assert.equal(parsePoolName('hugepages-x'), undefined);
});
