import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { writeTree } from '../sysfs/tree.test-helper.ts';
import { formatCpuList, parseCpuList } from './cpu-list.ts';
import { parseDistances, parseMeminfo, readCpuSets, readCpuTopology, readNumaNodes } from './numa.ts';

void test('lists: parse of format gives the same set', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 2000 }), { maxLength: 200 }), (cpus) => {
      assert.deepEqual(
        parseCpuList(formatCpuList(cpus)),
        [...cpus].sort((a, b) => a - b),
      );
    }),
  );
});

void test('lists: arbitrary text is a list or a DecodeError', () => {
  const text = fc.oneof(fc.string(), fc.stringMatching(/^[0-9,\-:/ ]{0,30}$/));
  fc.assert(
    fc.property(text, (text) => {
      try {
        assert.ok(parseCpuList(text).every((cpu) => Number.isInteger(cpu)));
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'Decode');
      }
    }),
  );
});

void test('lists: what the kernel writes', () => {
  assert.deepEqual(parseCpuList('0-3,8,10-11\n'), [0, 1, 2, 3, 8, 10, 11]);
  assert.deepEqual(parseCpuList('0-7:2/4'), [0, 1, 4, 5]);
  assert.deepEqual(parseCpuList('\n'), []);
  assert.equal(formatCpuList([11, 3, 2, 2, 10]), '2-3,10-11');
  assert.equal(formatCpuList([]), '');
  for (const text of ['3-1', '0-70000', 'a', '1,,2', '0-3:0/2', '0-3:3/2', '-1']) {
    assert.throws(() => parseCpuList(text), { code: 'Decode' }, text);
  }
});

const meminfo = (node: number, totalKb: number): string =>
  `Node ${node} MemTotal:       ${totalKb} kB\nNode ${node} MemFree:        1024 kB\nNode ${node} MemUsed:        512 kB\n`;

void test('two nodes with two hyperthreaded cores each', () => {
  using cleanup = new DisposableStack();
  const cpu = (number: number, fields: { package: number; core: number; siblings: string; node: number }) => ({
    [`sys/devices/system/cpu/cpu${number}/topology/physical_package_id`]: `${fields.package}\n`,
    [`sys/devices/system/cpu/cpu${number}/topology/die_id`]: '0\n',
    [`sys/devices/system/cpu/cpu${number}/topology/core_id`]: `${fields.core}\n`,
    [`sys/devices/system/cpu/cpu${number}/topology/core_cpus_list`]: `${fields.siblings}\n`,
    [`sys/devices/system/cpu/cpu${number}/node${fields.node}`]: { link: `sys/devices/system/node/node${fields.node}` },
  });
  const roots = writeTree(cleanup, {
    'sys/devices/system/cpu/online': '0-3\n',
    'sys/devices/system/cpu/present': '0-4\n',
    'sys/devices/system/cpu/isolated': '2-3\n',
    'sys/devices/system/cpu/nohz_full': '  (null)\n',
    ...cpu(0, { package: 0, core: 0, siblings: '0,2', node: 0 }),
    ...cpu(1, { package: 1, core: 0, siblings: '1,3', node: 1 }),
    ...cpu(2, { package: 0, core: 0, siblings: '0,2', node: 0 }),
    ...cpu(3, { package: 1, core: 0, siblings: '1,3', node: 1 }),
    'sys/devices/system/node/online': '0-1\n',
    'sys/devices/system/node/node0/cpulist': '0,2\n',
    'sys/devices/system/node/node0/distance': '10 21\n',
    'sys/devices/system/node/node0/meminfo': meminfo(0, 2048),
    'sys/devices/system/node/node1/cpulist': '1,3\n',
    'sys/devices/system/node/node1/distance': '21 10\n',
    'sys/devices/system/node/node1/meminfo': meminfo(1, 4096),
  });
  assert.deepEqual(readNumaNodes(roots), [
    { id: 0, cpus: [0, 2], memoryBytes: 2_097_152n, freeBytes: 1_048_576n, distances: [10, 21] },
    { id: 1, cpus: [1, 3], memoryBytes: 4_194_304n, freeBytes: 1_048_576n, distances: [21, 10] },
  ]);
  assert.deepEqual(readCpuSets(roots), {
    present: [0, 1, 2, 3, 4],
    online: [0, 1, 2, 3],
    offline: [4],
    isolated: [2, 3],
    nohzFull: [],
  });
  assert.deepEqual(readCpuTopology(roots)[3], {
    cpu: 3,
    packageId: 1,
    dieId: 0,
    coreId: 0,
    threadSiblings: [1, 3],
    node: 1,
  });
});

void test('a kernel without NUMA is one node', () => {
  using cleanup = new DisposableStack();
  const roots = writeTree(cleanup, {
    'sys/devices/system/cpu/online': '0-1\n',
    'sys/devices/system/cpu/present': '0-1\n',
    'proc/meminfo': 'MemTotal:        2048 kB\nMemFree:         1024 kB\nMemAvailable:    1500 kB\n',
  });
  assert.deepEqual(readNumaNodes(roots), [
    { id: 0, cpus: [0, 1], memoryBytes: 2_097_152n, freeBytes: 1_048_576n, distances: [10] },
  ]);
});

void test('texts that the kernel does not write are refused', () => {
  assert.throws(() => parseMeminfo('MemTotal: 12 MB\n'), { code: 'Decode' });
  assert.throws(() => parseDistances('10 x'), { code: 'Decode' });
});
