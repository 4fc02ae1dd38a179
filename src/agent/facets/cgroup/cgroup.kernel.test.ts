import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { randomUUID } from 'node:crypto';
import * as fc from 'fast-check';
import { detachDevicePrograms, replaceDevicePrograms } from '../../../linux/cgroup/devices/devices.ts';
import { openDirectory } from '../../../linux/path/openat2.ts';
import { and32, exit, load, move } from '../../../linux/bpf/build.ts';
import { encodeInstructions } from '../../../linux/bpf/instruction.ts';
import { attachProgram, loadProgram } from '../../../linux/bpf/bpf.ts';
import { BPF_CGROUP_DEVICE, BPF_F_ALLOW_MULTI, BPF_PROG_TYPE_CGROUP_DEVICE } from '../../../linux/bpf/constants.ts';
import { readLayout } from '../../../linux/cgroup/layout.ts';
import { attachProcess, createCgroup, removeCgroup } from '../../../linux/cgroup/tree.ts';
import { parseDeviceRules } from '../../../linux/cgroup/values.ts';
import type { Cgroup, CgroupTree } from '../../../linux/cgroup/types.ts';
import { applyCgroupOps } from './apply.ts';
import { describeCgroupOp } from './describe.ts';
import type { CgroupOp, CgroupSpec } from './model.ts';
import { findSandboxCgroup, observeCgroup } from './observe.ts';
import { planCgroup } from './plan.ts';
import { compileLimits } from './spec.ts';
import { writesOf } from './writes.ts';

const isRoot = process.getuid?.() === 0;
const podUid = randomUUID();
const limits = {
  memoryMaxBytes: 64 * 1024 * 1024,
  cpuShares: 102,
  cpuQuotaMicros: 50_000,
  devices: ['c 10:200'],
  pidsMax: 200,
} as const;

describe('the cgroup of a sandbox on the kernel', { skip: isRoot ? false : 'needs root' }, () => {
  const tree: CgroupTree = { layout: readLayout(), parent: `/facet-test-${process.pid}` };
  let init: ChildProcess;
  let cgroup: Cgroup;
  let spec: CgroupSpec;
  const initPid = (): number => init.pid ?? 0;
  const plan = (): readonly CgroupOp[] => planCgroup(spec, observeCgroup(spec, initPid()));
  const file = (name: string): string =>
    cgroup.directories.map(({ directory }) => `${directory}/${name}`).find((path) => fs.existsSync(path)) ?? '';

  const hasSwapLimit = (): boolean => (file('memory.memsw.limit_in_bytes') || file('memory.swap.max')) !== '';

  before(async () => {
    // A parent with a child, as the sandbox's init has its daemon.
    init = spawn('sh', ['-c', 'sleep 600 & echo up; wait'], { stdio: ['ignore', 'pipe', 'ignore'] });
    cgroup = createCgroup(tree, `pod${podUid}`);
    attachProcess(cgroup, initPid());
    assert.ok(init.stdout !== null);
    await once(init.stdout, 'data');
    const { pidsMax } = limits;
    const adopted = findSandboxCgroup({ podUid, initPid: initPid(), layout: tree.layout });
    spec = compileLimits(limits, { cgroup: adopted, pidsMax });
    applyCgroupOps(plan());
  });

  after(async () => {
    await removeCgroup(tree, `pod${podUid}`);
    await removeCgroup(tree, 'elsewhere');
    for (const { directory } of createCgroup(tree, 'last').directories) {
      fs.rmdirSync(directory);
      fs.rmdirSync(directory.replace(/\/last$/, ''));
    }
  });

  test('a cgroup that is as wanted has no plan', () => {
    assert.deepEqual(plan(), []);
  });

  const changes: readonly [name: string, write: () => void, expected: RegExp][] = [
    [
      'memory limit',
      () => {
        const text = String(128 * 1024 * 1024);
        if (file('memory.memsw.limit_in_bytes') !== '') {
          fs.writeFileSync(file('memory.memsw.limit_in_bytes'), text);
        }
        fs.writeFileSync(file('memory.limit_in_bytes') || file('memory.max'), text);
      },
      /^set the memory limit to 64 MiB \(was 128 MiB\)$/,
    ],
    [
      'swap limit',
      () => fs.writeFileSync(file('memory.memsw.limit_in_bytes') || file('memory.swap.max'), String(80 * 1024 * 1024)),
      /^set the swap limit to 0 MiB \(was (16|80) MiB\)$/,
    ],
    [
      'pids',
      () => fs.writeFileSync(file('pids.max'), 'max'),
      /^set the limit of processes and threads to 200 \(was none\)$/,
    ],
    [
      'CPU shares',
      () => fs.writeFileSync(file('cpu.shares') || file('cpu.weight'), '500'),
      /^set (CPU shares to 102|the CPU weight to \d+) \(was 500\)$/,
    ],
    [
      'CPU limit',
      () =>
        file('cpu.max') === ''
          ? fs.writeFileSync(file('cpu.cfs_quota_us'), '-1')
          : fs.writeFileSync(file('cpu.max'), 'max 100000'),
      /^set the CPU limit to 0.5 CPUs \(was none\)$/,
    ],
  ];
  for (const [name, change, expected] of changes) {
    test(`${name}: what somebody changed is one step, and is put back`, (t) => {
      if (name === 'swap limit' && !hasSwapLimit()) {
        t.skip('swap is not limited on this kernel');
        return;
      }
      if (name === 'CPU limit' && file('cpu.max') === '' && file('cpu.cfs_quota_us') === '') {
        t.skip('no CPU quota on this kernel');
        return;
      }
      change();
      const ops = plan();
      assert.deepEqual(
        ops.map(({ kind }) => kind),
        ['set-limit'],
      );
      assert.match(ops.map(describeCgroupOp).join(), expected);
      applyCgroupOps(ops);
      assert.deepEqual(plan(), []);
    });
  }

  test('CPUs are judged only where the spec names them', (t) => {
    if (file('cpuset.cpus') === '') {
      t.skip('no cpuset controller on this host');
      return;
    }
    const pinned = { ...spec, want: { ...spec.want, cpusetCpus: '0' } };
    const planPinned = (): readonly CgroupOp[] => planCgroup(pinned, observeCgroup(pinned, initPid()));
    assert.deepEqual(plan(), []);
    const ops = planPinned();
    // A host with one CPU has it so already.
    assert.match(ops.map(describeCgroupOp).join(), /^(set the CPUs to 0 \(was (all|[\d,-]+)\))?$/);
    applyCgroupOps(ops);
    assert.deepEqual(planPinned(), []);
    assert.equal(fs.readFileSync(file('cpuset.cpus'), 'utf8').trim(), '0');
    assert.deepEqual(plan(), []);
  });

  test('devices: a grant too many goes, a missing one comes back', (t) => {
    if (file('devices.allow') === '') {
      t.skip('devices are granted by an eBPF program here');
      return;
    }
    fs.writeFileSync(file('devices.allow'), 'c 10:237 rwm');
    fs.writeFileSync(file('devices.deny'), 'c 10:200 rwm');
    const ops = plan();
    assert.deepEqual(ops.map(describeCgroupOp), ['no longer allow device c 10:237 rwm', 'allow device c 10:200 rwm']);
    applyCgroupOps(ops);
    assert.deepEqual(plan(), []);
    fs.writeFileSync(file('devices.allow'), 'a');
    assert.equal(plan()[0]?.kind, 'deny-all-devices');
    applyCgroupOps(plan());
    assert.deepEqual(plan(), []);
  });

  test('devices on v2: an eBPF program that allows more or less is replaced', (t) => {
    const places = spec.cgroup.places.filter(({ hierarchy }) => hierarchy.kind === 'v2');
    const directory = cgroup.directories.find(({ hierarchy }) => hierarchy.kind === 'v2')?.directory;
    if (directory === undefined) {
      t.skip('no v2 hierarchy');
      return;
    }
    const onlyV2 = { ...spec, cgroup: { ...spec.cgroup, places } };
    const planV2 = (): readonly CgroupOp[] =>
      planCgroup(onlyV2, observeCgroup(onlyV2, initPid())).filter(({ kind }) => kind !== 'set-limit');
    // On a host without v1 the program of the limits above is there.
    detachDevicePrograms(directory);
    try {
      assert.deepEqual(
        planV2().map(({ kind }) => kind),
        ['replace-devices'],
        'without a program every device is open',
      );
      applyCgroupOps(planV2());
      assert.deepEqual(planV2(), []);
      replaceDevicePrograms(directory, parseDeviceRules('c 10:237 rwm\nc 1:3 rwm'));
      assert.match(
        planV2().map(describeCgroupOp).join(),
        /^allow these devices and no others: .*c 10:200 rwm.* \(instead of eBPF program \d+ "vmlet_devices", loaded by uid 0,\)$/,
      );
      assert.doesNotMatch(planV2().map(describeCgroupOp).join(), /10:237/);
      applyCgroupOps(planV2());
      assert.deepEqual(planV2(), []);
    } finally {
      detachDevicePrograms(directory);
    }
  });

  test('a program that is no list of rules is told with who loaded it, and stays', (t) => {
    const directory = cgroup.directories.find(({ hierarchy }) => hierarchy.kind === 'v2')?.directory;
    if (directory === undefined) {
      t.skip('no v2 hierarchy');
      return;
    }
    // The lowest bit of the kind of access decides: no rule says that.
    using program = loadProgram({
      name: 'theirs',
      type: BPF_PROG_TYPE_CGROUP_DEVICE,
      attachType: BPF_CGROUP_DEVICE,
      instructions: encodeInstructions([
        load(2, { base: 1, offset: 0, bytes: 4 }),
        and32(2, { immediate: 1 }),
        move(0, { register: 2 }),
        exit,
      ]),
    });
    using opened = openDirectory(directory);
    detachDevicePrograms(directory);
    try {
      attachProgram({ cgroup: opened, program, attachType: BPF_CGROUP_DEVICE, flags: BPF_F_ALLOW_MULTI });
      const [told, ...others] = plan();
      assert.ok(told?.kind === 'report-program');
      assert.deepEqual(others, []);
      assert.match(
        describeCgroupOp(told),
        /^eBPF program \d+ "theirs", loaded by uid 0, decides about the sandbox's devices/,
      );
      applyCgroupOps([told]);
      assert.equal(plan()[0]?.kind, 'report-program');
    } finally {
      detachDevicePrograms(directory);
    }
    applyCgroupOps(plan());
    assert.deepEqual(plan(), []);
  });

  test('any limits, from any others, cut off after any operation', () => {
    const made = fc.record({
      memoryMaxBytes: fc.constantFrom('max' as const, 64 * 1024 * 1024 + 1, 2 ** 33),
      cpuShares: fc.integer({ min: 2, max: 262_144 }),
      cpuQuotaMicros: fc.constantFrom('max' as const, 1000, 54_321, 6_400_000),
      devices: fc.subarray(['c 10:200', 'c 10:232']),
      pidsMax: fc.integer({ min: 100, max: 4096 }),
    });
    fc.assert(
      fc.property(made, fc.nat(12), (random, cut) => {
        const wanted = compileLimits(random, { cgroup: spec.cgroup, pidsMax: random.pidsMax });
        const ops = planCgroup(wanted, observeCgroup(wanted, initPid()));
        applyCgroupOps(ops.slice(0, cut));
        applyCgroupOps(planCgroup(wanted, observeCgroup(wanted, initPid())));
        assert.deepEqual(planCgroup(wanted, observeCgroup(wanted, initPid())), []);
      }),
      { numRuns: 50 },
    );
    applyCgroupOps(plan());
    assert.deepEqual(plan(), []);
  });

  test('a process that was moved out, in all hierarchies or one, is moved back; a foreign one is left', () => {
    const elsewhere = createCgroup(tree, 'elsewhere');
    const [child = 0] = fs
      .readFileSync(`/proc/${initPid()}/task/${initPid()}/children`, 'utf8')
      .split(' ')
      .filter(Boolean)
      .map(Number);
    for (const pid of [child, initPid()]) {
      attachProcess(elsewhere, pid);
      const ops = plan();
      assert.deepEqual(
        ops.map(({ kind }) => kind),
        ['move-process'],
      );
      assert.match(
        ops.map(describeCgroupOp).join(),
        new RegExp(`^move process ${pid} \\(\\w+\\) from cgroup .*/elsewhere back`),
      );
      // The place is known although the first process is elsewhere.
      assert.deepEqual(findSandboxCgroup({ podUid, initPid: initPid(), layout: tree.layout }), spec.cgroup);
      applyCgroupOps(ops);
      assert.deepEqual(plan(), []);
      fs.writeFileSync(`${elsewhere.directories[0]?.directory}/cgroup.procs`, String(pid));
      assert.deepEqual(
        plan().map((op) => writesOf(op).length),
        [1],
      );
      applyCgroupOps(plan());
      assert.deepEqual(plan(), []);
    }
    const foreign = spawn('sleep', ['600'], { stdio: 'ignore' });
    attachProcess(elsewhere, foreign.pid ?? 0);
    assert.deepEqual(plan(), []);
  });
});
