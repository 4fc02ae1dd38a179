import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { randomUUID } from 'node:crypto';
import * as fc from 'fast-check';
import { detachDevicePrograms, replaceDevicePrograms } from '../../../linux/cgroup/devices/devices.ts';
import { readLayout } from '../../../linux/cgroup/layout.ts';
import { attachProcess, createCgroup, removeCgroup } from '../../../linux/cgroup/tree.ts';
import { parseDeviceRules } from '../../../linux/cgroup/values.ts';
import type { Cgroup, CgroupTree } from '../../../linux/cgroup/types.ts';
import { applyCgroupOps } from './apply.ts';
import { describeCgroupOp } from './describe.ts';
import type { CgroupOp, CgroupSpec } from './model.ts';
import { findSandboxCgroup, observeCgroup } from './observe.ts';
import { planCgroup } from './plan.ts';

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

  before(async () => {
    // A parent with a child, as the sandbox's init has its daemon.
    init = spawn('sh', ['-c', 'sleep 600 & echo up; wait'], { stdio: ['ignore', 'pipe', 'ignore'] });
    cgroup = createCgroup(tree, `pod${podUid}`);
    attachProcess(cgroup, initPid());
    assert.ok(init.stdout !== null);
    await once(init.stdout, 'data');
    const places = findSandboxCgroup({ podUid, pids: [initPid()], layout: tree.layout });
    spec = { ...limits, places };
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
      () => fs.writeFileSync(file('memory.limit_in_bytes') || file('memory.max'), String(128 * 1024 * 1024)),
      /^set the memory limit to 64 MiB \(was 128 MiB\)$/,
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
    const places = spec.places.filter(({ kind }) => kind === 'v2');
    const [place] = places;
    if (place === undefined) {
      t.skip('no v2 hierarchy');
      return;
    }
    const onlyV2 = { ...spec, places };
    const planV2 = (): readonly CgroupOp[] =>
      planCgroup(onlyV2, observeCgroup(onlyV2, initPid())).filter(({ kind }) => kind !== 'set-limit');
    try {
      assert.deepEqual(
        planV2().map(({ kind }) => kind),
        ['replace-devices'],
        'without a program every device is open',
      );
      applyCgroupOps(planV2());
      assert.deepEqual(planV2(), []);
      replaceDevicePrograms(place.directory, parseDeviceRules('c 10:237 rwm\nc 1:3 rwm'));
      assert.match(planV2().map(describeCgroupOp).join(), /^allow these devices and no others: .*c 10:200 rwm/);
      assert.doesNotMatch(planV2().map(describeCgroupOp).join(), /10:237/);
      applyCgroupOps(planV2());
      assert.deepEqual(planV2(), []);
    } finally {
      detachDevicePrograms(place.directory);
    }
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
        const wanted = { ...random, places: spec.places };
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
      assert.deepEqual(findSandboxCgroup({ podUid, pids: [initPid(), child], layout: tree.layout }), spec.places);
      applyCgroupOps(ops);
      assert.deepEqual(plan(), []);
      fs.writeFileSync(`${elsewhere.directories[0]?.directory}/cgroup.procs`, String(pid));
      assert.deepEqual(
        plan().map(({ writes }) => writes.length),
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
