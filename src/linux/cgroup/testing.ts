/** Prepared directories in place of mounted hierarchies: what v2 and v1 files would be, as ordinary files. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { CgroupHierarchy, CgroupTree } from './types.ts';

const v2Files = {
  'cgroup.controllers': 'cpuset cpu io memory hugetlb pids\n',
  'cgroup.events': 'populated 0\nfrozen 0\n',
  'cgroup.freeze': '0\n',
  'cgroup.procs': '',
  'cgroup.subtree_control': '',
  'cgroup.threads': '',
  'cgroup.type': 'domain\n',
  'cpu.max': 'max 100000\n',
  'cpu.max.burst': '0\n',
  'cpu.pressure': 'some avg10=1.50 avg60=0.25 avg300=0.00 total=1234\n',
  'cpu.weight': '100\n',
  'cpuset.cpus': '\n',
  'cpuset.mems': '\n',
  'hugetlb.2MB.current': '0\n',
  'hugetlb.2MB.max': 'max\n',
  'io.bfq.weight': 'default 100\n',
  'io.max': '',
  'memory.events': 'low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\n',
  'memory.high': 'max\n',
  'memory.low': '0\n',
  'memory.max': 'max\n',
  'memory.min': '0\n',
  'memory.swap.max': 'max\n',
  'pids.max': 'max\n',
};

const v1MemoryFiles = {
  'cgroup.procs': '',
  'memory.limit_in_bytes': '9223372036854771712\n',
  'memory.memsw.limit_in_bytes': '9223372036854771712\n',
  'memory.soft_limit_in_bytes': '9223372036854771712\n',
  tasks: '',
};

/** A hierarchy in a directory of its own, with the cgroup `/own/vm`. Remove `mountPoint` afterwards. */
export function prepareTree(kind: 'v2' | 'v1'): { readonly tree: CgroupTree; readonly directory: string } {
  const mountPoint = fs.mkdtempSync(path.join(os.tmpdir(), 'vmlet-cgroup-'));
  const directory = path.join(mountPoint, 'own/vm');
  fs.mkdirSync(directory, { recursive: true });
  for (const [name, text] of Object.entries(kind === 'v2' ? v2Files : v1MemoryFiles)) {
    fs.writeFileSync(path.join(directory, name), text);
  }
  const hierarchy: CgroupHierarchy = { kind, controllers: kind === 'v2' ? [] : ['memory'], mountPoint, root: '/' };
  return { tree: { layout: { version: kind, hierarchies: [hierarchy] }, parent: '/own' }, directory };
}
