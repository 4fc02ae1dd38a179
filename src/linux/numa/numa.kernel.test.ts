import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { hostRoots } from '../sysfs/roots.ts';
import { readCpuSets, readCpuTopology, readNumaNodes } from './numa.ts';

interface LscpuRow {
  readonly cpu: string;
  readonly core: string;
  readonly socket: string;
  readonly node: string;
}

void test('lscpu sees the same CPUs, nodes and packages', (t) => {
  let rows: readonly LscpuRow[];
  try {
    const text = execFileSync('lscpu', ['--json', '--extended=CPU,CORE,SOCKET,NODE'], {
      encoding: 'utf8',
      timeout: 5000,
      env: { PATH: process.env['PATH'], LC_ALL: 'C' },
    });
    rows = (JSON.parse(text) as { cpus: readonly LscpuRow[] }).cpus;
  } catch (error) {
    t.skip(`lscpu does not run: ${String(error)}`);
    return;
  }
  const roots = hostRoots();
  const topology = readCpuTopology(roots);
  assert.deepEqual(
    topology.map(({ cpu }) => cpu),
    rows.map((row) => Number(row.cpu)),
  );
  for (const [index, row] of rows.entries()) {
    const mine = topology[index];
    assert.ok(mine !== undefined);
    assert.ok(mine.threadSiblings.includes(mine.cpu));
    if (/^\d+$/.test(row.node ?? '') && mine.node !== undefined) {
      assert.equal(mine.node, Number(row.node));
    }
    // lscpu numbers cores and sockets itself: equal numbers there must be equal ids here.
    for (const [other, otherRow] of rows.entries()) {
      assert.equal(row.core === otherRow.core, mine.threadSiblings.includes(topology[other]?.cpu ?? -1));
      assert.equal(row.socket === otherRow.socket, mine.packageId === topology[other]?.packageId);
    }
  }
});

void test('every online CPU is in one node, and distances are a square with 10 on its diagonal', () => {
  const roots = hostRoots();
  const nodes = readNumaNodes(roots);
  assert.deepEqual(
    nodes.flatMap((node) => node.cpus).sort((a, b) => a - b),
    readCpuSets(roots).online,
  );
  for (const [index, node] of nodes.entries()) {
    assert.equal(node.distances.length, nodes.length);
    assert.equal(node.distances[index], 10);
    assert.ok(node.memoryBytes >= node.freeBytes);
  }
});

void test('a node of memory alone, or more than one node', (t) => {
  const nodes = readNumaNodes(hostRoots());
  if (nodes.length < 2) {
    t.skip('this host has one NUMA node');
    return;
  }
  for (const [index, node] of nodes.entries()) {
    assert.ok(node.distances.every((distance, other) => other === index || distance > 10));
  }
});
