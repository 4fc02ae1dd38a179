/** Two nodes: what is pinned to one is there and nowhere else. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, rmdirSync, rmSync } from 'node:fs';
import { test } from 'node:test';
import { readLayout } from '../../src/linux/cgroup/layout.ts';
import { openCgroup } from '../../src/linux/cgroup/observe.ts';
import { createCgroup, removeCgroup, writeCgroupFile } from '../../src/linux/cgroup/tree.ts';
import { readHugePages, setHugePages } from '../../src/linux/hugepages/hugepages.ts';
import { readNumaNodes } from '../../src/linux/numa/numa.ts';
import { hostRoots } from '../../src/linux/sysfs/roots.ts';
import { outsideProfile } from './guest-only.ts';

const skip = outsideProfile('numa');

void test('both nodes are seen with their CPUs and distances', { skip }, () => {
  const nodes = readNumaNodes(hostRoots());
  assert.deepEqual(
    nodes.map(({ cpus, distances }) => ({ cpus, distances })),
    [
      { cpus: [0, 1], distances: [10, 21] },
      { cpus: [2, 3], distances: [21, 10] },
    ],
  );
});

void test('a cpuset of node 1 holds a process to its CPUs, and its memory to its node', { skip }, async () => {
  const tree = { layout: readLayout(), parent: `/vmlet-guest-${process.pid}` };
  try {
    const cgroup = createCgroup(tree, 'pinned');
    writeCgroupFile(cgroup, 'cpuset', 'cpuset.cpus', '2-3');
    writeCgroupFile(cgroup, 'cpuset', 'cpuset.mems', '1');
    const directory = cgroup.directories[0]?.directory ?? '';
    const script = 'echo $$ > "$0/cgroup.procs"; cat /proc/self/status /proc/self/numa_maps';
    const seen = execFileSync('sh', ['-c', script, directory], { encoding: 'utf8', timeout: 60_000 });
    assert.match(seen, /^Cpus_allowed_list:\s+2-3$/m);
    assert.match(seen, /^Mems_allowed_list:\s+1$/m);
    // Anonymous pages, which are the process's own: code may have been in the page cache of node 0.
    const own = seen.split('\n').filter((line) => / (heap|stack)( |$)/.test(line));
    assert.ok(
      own.some((line) => / N1=[1-9]/.test(line)),
      own.join('\n'),
    );
    assert.ok(!own.some((line) => / N0=[1-9]/.test(line)), own.join('\n'));
  } finally {
    await removeCgroup(tree, 'pinned');
    openCgroup(tree.layout, tree.parent).directories.forEach(({ directory }) => rmdirSync(directory));
  }
});

void test('2 MiB pages of node 1 are given to who is pinned there', { skip }, async () => {
  const roots = hostRoots();
  const pageBytes = 2n << 20n;
  const free = (): (number | undefined)[] =>
    [0, 1].map(
      (node) => readHugePages(roots).nodePools.find((pool) => pool.pageBytes === pageBytes && pool.node === node)?.free,
    );
  const file = `/dev/hugepages/vmlet-guest-${process.pid}`;
  try {
    const outcome = await setHugePages(roots, { pageBytes, node: 1, pages: 4 });
    assert.deepEqual([outcome.total, outcome.shortfall], [4, undefined]);
    assert.deepEqual(free(), [0, 4]);
    execFileSync('numactl', ['--membind=1', 'fallocate', '-l', String(2n * pageBytes), file], { timeout: 60_000 });
    assert.deepEqual(free(), [0, 2]);
  } finally {
    rmSync(file, { force: true });
    await setHugePages(roots, { pageBytes, node: 1, pages: 0 });
  }
  assert.deepEqual(free(), [0, 0]);
  assert.match(readFileSync('/proc/meminfo', 'utf8'), /^HugePages_Total:\s+0$/m);
});
