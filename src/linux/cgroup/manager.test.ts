import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import * as fc from 'fast-check';
import { DecodeError } from '../../base/errors.ts';
import { openFds } from '../fd/fd.ts';
import { mergeDeviceRules } from './devices/merge.ts';
import { applySetting, attachProcessTo, attachThreadTo, findManaged, type ManagedCgroup } from './manager.ts';
import { observeCgroup, type CgroupObservation } from './observation.ts';
import { openCgroup } from './observe.ts';
import { holdsPodUid, openPlace } from './place.ts';
import { applyCgroupOp, describeCgroupOp, planCgroup } from './plan.ts';
import { parsePressure } from './pressure.ts';
import { settingWrites, type CgroupWant } from './settings.ts';
import { prepareTree } from './testing.ts';
import { ensureThreadChild } from './threads.ts';
import type { CgroupTree } from './types.ts';
import { parseDeviceRules, parseIoMax } from './values.ts';
import {
  blkioWeightToWeight,
  sharesToWeight,
  sharesToWeightByCurve,
  weightToBlkioWeight,
  weightToShares,
} from './weights.ts';

function prepare(
  t: TestContext,
  kind: 'v1' | 'v2',
): { readonly tree: CgroupTree; readonly directory: string; readonly managed: ManagedCgroup } {
  const { tree, directory } = prepareTree(kind);
  t.after(() => fs.rmSync(path.dirname(path.dirname(directory)), { recursive: true }));
  const managed = findManaged(tree, 'vm');
  assert.ok(managed !== undefined);
  return { tree, directory, managed };
}

const read = (directory: string, file: string): string => fs.readFileSync(path.join(directory, file), 'utf8');

void test('v2: every setting goes to its file, and the plan is empty afterwards', (t) => {
  const { tree, directory, managed } = prepare(t, 'v2');
  const want: CgroupWant = {
    memoryMaxBytes: 1n << 30n,
    memoryHighBytes: 1n << 29n,
    memoryMinBytes: 4096n,
    memoryLowBytes: 8192n,
    swapMaxBytes: 0n,
    cpuShares: 512,
    cpuMax: { quotaMicros: 50_000, periodMicros: 100_000 },
    cpuBurstMicros: 1000,
    cpusetCpus: '0,1,2,5',
    cpusetMems: '0',
    pidsMax: 100,
    hugetlbMaxBytes: { '2MB': 4n << 20n },
    ioMax: [{ major: 8, minor: 0, readBytes: 'max', writeBytes: 1000n, readOperations: 'max', writeOperations: 'max' }],
  };
  const observe = (): CgroupObservation => observeCgroup(openCgroup(tree.layout, '/own/vm'));
  const ops = planCgroup(want, observe());
  assert.deepEqual(
    new Set(ops.map((op): string => (op.kind === 'set' ? op.setting : op.kind))),
    new Set(Object.keys(want)),
  );
  assert.equal(describeCgroupOp(ops[0] ?? assert.fail()), 'set memoryMaxBytes to 1073741824 (found max)');
  ops.forEach((op) => applyCgroupOp(managed, op));
  assert.deepEqual(planCgroup(want, observe()), []);
  assert.equal(read(directory, 'cpu.weight'), '59');
  assert.equal(read(directory, 'cpu.max'), '50000 100000');
  assert.equal(read(directory, 'cpuset.cpus'), '0-2,5');
  assert.equal(read(directory, 'io.max'), '8:0 rbps=max wbps=1000 riops=max wiops=max');
  assert.equal(read(directory, 'memory.swap.max'), '0');
  assert.equal(read(directory, 'hugetlb.2MB.max'), '4194304');
  applySetting(managed, 'ioWeight', 5000);
  assert.equal(read(directory, 'io.bfq.weight'), `default ${weightToBlkioWeight(5000)}`);
  attachProcessTo(managed, 77);
  attachThreadTo(managed, 78);
  assert.deepEqual([read(directory, 'cgroup.procs'), read(directory, 'cgroup.threads')], ['77', '78']);
  fs.writeFileSync(path.join(directory, 'memory.max'), '4096\n');
  assert.deepEqual(planCgroup(want, observe()).map(describeCgroupOp), [
    'set memoryMaxBytes to 1073741824 (found 4096)',
  ]);
  assert.deepEqual(openFds(), []);
});

void test('the plan knows what the kernel rounds, writes otherwise, or leaves to the runtime', (t) => {
  const { tree } = prepare(t, 'v2');
  const seen = observeCgroup(openCgroup(tree.layout, '/own/vm'));
  const withSettings = (settings: CgroupObservation['settings'], more: object = {}): CgroupObservation => ({
    ...seen,
    settings,
    ...more,
  });
  const isFine = (want: CgroupWant, observed: CgroupObservation): boolean => planCgroup(want, observed).length === 0;
  assert.ok(isFine({ memoryMaxBytes: 1_000_001n }, withSettings({ memoryMaxBytes: 999_424n })));
  assert.ok(!isFine({ memoryMaxBytes: 999_424n }, withSettings({ memoryMaxBytes: 1_003_520n })));
  assert.ok(isFine({ cpuShares: 1024 }, withSettings({}, { cpuWeight: 39 })));
  assert.ok(isFine({ cpuShares: 1024 }, withSettings({}, { cpuWeight: 100 })));
  assert.ok(!isFine({ cpuShares: 1024 }, withSettings({}, { cpuWeight: 101 })));
  assert.ok(isFine({ cpusetCpus: '3,1,2' }, withSettings({ cpusetCpus: '1-3' })));
  assert.ok(
    isFine(
      { cpuMax: { quotaMicros: 'max', periodMicros: 100_000 } },
      withSettings({ cpuMax: { quotaMicros: 'max', periodMicros: 50_000 } }),
    ),
  );
  assert.ok(
    isFine({ hugetlbMaxBytes: { '2MB': 'max' } }, withSettings({ hugetlbMaxBytes: { '2MB': 'max', '1GB': 0n } })),
  );
  const limit = { major: 8, minor: 0, readBytes: 1n, writeBytes: 1n, readOperations: 1n, writeOperations: 1n };
  const [op] = planCgroup({ ioMax: [] }, withSettings({ ioMax: [limit] }));
  const free = { readBytes: 'max', writeBytes: 'max', readOperations: 'max', writeOperations: 'max' };
  assert.deepEqual(op?.kind === 'set' && op.value, [{ major: 8, minor: 0, ...free }]);
});

void test('one operation for devices, whatever is found in their place', (t) => {
  const { tree } = prepare(t, 'v2');
  const seen = observeCgroup(openCgroup(tree.layout, '/own/vm'));
  const devices = parseDeviceRules('c 10:200 rw\nc 10:200 m\nb 8:* r\n');
  const program = { id: 5, name: '', tag: '', createdByUid: 7, loadedAtMs: 0, inherited: false };
  const found = (decoded: unknown, inherited = false): CgroupObservation =>
    ({ ...seen, devices: undefined, devicePrograms: [{ ...program, inherited, decoded }] }) as CgroupObservation;
  assert.deepEqual(planCgroup({ devices }, found({ kind: 'rules', rules: devices.toReversed() })), []);
  const texts = [
    found({ kind: 'rules', rules: [] }),
    found({ kind: 'rules', rules: devices }, true),
    found({ kind: 'unknown', reason: '', instructions: [] }),
    { ...seen, devices: parseDeviceRules('a *:* rwm\n') },
  ].map((observed) => planCgroup({ devices }, observed).map(describeCgroupOp).join());
  assert.deepEqual(texts, [
    'allow devices b 8:* r, c 10:200 rwm (found none)',
    'allow devices b 8:* r, c 10:200 rwm (no device program is attached)',
    'allow devices b 8:* r, c 10:200 rwm (device program 5 of uid 7 is no list of what is allowed)',
    'allow devices b 8:* r, c 10:200 rwm (found a *:* rwm)',
  ]);
});

void test('v1: swap is what memory and swap together leave', (t) => {
  const { tree, directory, managed } = prepare(t, 'v1');
  assert.throws(() => applySetting(managed, 'swapMaxBytes', 1n << 20n), { code: 'BadCgroupValue' });
  applySetting(managed, 'memoryMaxBytes', 4n << 20n);
  applySetting(managed, 'swapMaxBytes', 1n << 20n);
  assert.equal(read(directory, 'memory.memsw.limit_in_bytes'), String(5 << 20));
  applySetting(managed, 'memoryMaxBytes', 2n << 20n);
  assert.equal(read(directory, 'memory.memsw.limit_in_bytes'), String(3 << 20));
  const { settings } = observeCgroup(openCgroup(tree.layout, '/own/vm'));
  assert.deepEqual([settings.memoryMaxBytes, settings.swapMaxBytes], [2n << 20n, 1n << 20n]);
  assert.throws(() => applySetting(managed, 'memoryHighBytes', 1n), { code: 'Unsupported' });
});

void test('a threaded child on v2 gets the CPUs, the parent passes the controller on', (t) => {
  const { directory, managed } = prepare(t, 'v2');
  const child = path.join(directory, 'housekeeping');
  fs.mkdirSync(child);
  fs.writeFileSync(path.join(child, 'cgroup.type'), 'domain\n');
  fs.writeFileSync(path.join(child, 'cpuset.cpus'), '\n');
  const made = ensureThreadChild(managed, 'housekeeping', '0-1');
  assert.equal(made.path, '/own/vm/housekeeping');
  assert.equal(read(directory, 'cgroup.subtree_control'), '+cpuset');
  assert.equal(read(child, 'cgroup.type'), 'threaded');
  assert.equal(read(child, 'cpuset.cpus'), '0-1');
  assert.throws(() => ensureThreadChild(managed, '../x', ''), { code: 'BadCgroup' });
});

void test('a cgroup that is not ours, has gone, or hides behind a link is not touched', (t) => {
  const { tree, directory, managed } = prepare(t, 'v2');
  const [place] = managed.places;
  assert.ok(place !== undefined);
  for (const wrong of ['/other/vm', '/own', '/own/../other', '/own//vm', 'own/vm']) {
    assert.throws(() => openPlace({ ...place, path: wrong }, managed.ownership), { code: 'BadCgroup' }, wrong);
  }
  const podUid = '6e1c2f0a-1111-2222-3333-444455556666';
  assert.throws(() => openPlace(place, { kind: 'adopted', podUid }), { code: 'BadCgroup' });
  fs.renameSync(directory, `${directory}-old`);
  assert.throws(() => applySetting(managed, 'pidsMax', 5), { code: 'ENOENT' });
  fs.mkdirSync(directory);
  assert.throws(() => applySetting(managed, 'pidsMax', 5), { code: 'CgroupGone' });
  fs.rmdirSync(directory);
  fs.symlinkSync(`${directory}-old`, directory);
  assert.throws(() => applySetting(managed, 'pidsMax', 5), { code: 'ELOOP' });
  assert.throws(() => findManaged(tree, 'vm'), { code: 'ELOOP' });
  assert.equal(read(`${directory}-old`, 'pids.max'), 'max\n');
  assert.equal(findManaged(tree, 'none'), undefined);
  assert.deepEqual(openFds(), []);
});

void test("a path is a Pod's when a part of it holds the whole uid", () => {
  const uid = '6e1c2f0a-1111-2222-3333-444455556666';
  assert.ok(holdsPodUid(`/kubepods/burstable/pod${uid}/abc`, uid));
  assert.ok(holdsPodUid(`/kubepods.slice/kubepods-pod${uid.replaceAll('-', '_')}.slice/cri-abc.scope`, uid));
  for (const [path_, id] of [
    [`/kubepods/pod${uid}x/..`, uid],
    ['/kubepods/pod6e1c2f0a', uid],
    ['/anything', ''],
    ['/a', 'a'],
    ['/', uid],
  ] as const) {
    assert.ok(!holdsPodUid(path_, id), path_);
  }
});

void test('values out of range are refused before anything is written', (t) => {
  const { managed } = prepare(t, 'v2');
  const bad: CgroupWant[] = [
    { memoryMaxBytes: -1n },
    { memoryMaxBytes: 1n << 64n },
    { cpuShares: 1 },
    { cpuMax: { quotaMicros: 5, periodMicros: 100_000 } },
    { cpuMax: { quotaMicros: 'max', periodMicros: 0 } },
    { pidsMax: 1.5 },
    { ioWeight: 0 },
    { hugetlbMaxBytes: { '../x': 1n } },
  ];
  for (const want of bad) {
    for (const [setting, value] of Object.entries(want)) {
      assert.throws(() => applySetting(managed, setting as 'pidsMax', value as number), { code: 'BadCgroupValue' });
    }
  }
  assert.throws(() => applySetting(managed, 'cpusetCpus', '0\n1'), DecodeError);
  assert.throws(() => settingWrites('cpuShares', 262_145, 'v1'), { code: 'BadCgroupValue' });
});

void test('weights are those of the OCI runtimes', () => {
  // kubelet and runc: 2 -> 1, 1024 -> 39, 262144 -> 10000; later ones: 1024 -> 100.
  assert.deepEqual([2, 102, 1024, 2048, 262_144].map(sharesToWeight), [1, 4, 39, 79, 10_000]);
  assert.deepEqual([2, 1024, 262_144].map(sharesToWeightByCurve), [1, 100, 10_000]);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 10_000 }), (weight) => {
      assert.equal(sharesToWeight(weightToShares(weight)), weight);
    }),
  );
  assert.deepEqual([1, 10_000].map(weightToBlkioWeight), [10, 1000]);
  assert.deepEqual([10, 1000].map(blkioWeightToWeight), [1, 10_000]);
});

void test('pressure and io.max are read, other texts are refused', () => {
  const { some, full } = parsePressure(
    'some avg10=1.50 avg60=0.25 avg300=0.00 total=1234\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n',
  );
  assert.deepEqual(some, { average10: 1.5, average60: 0.25, average300: 0, totalMicros: 1234n });
  assert.equal(full?.totalMicros, 7n);
  assert.throws(() => parsePressure('x'), DecodeError);
  assert.equal(parseIoMax('8:0 rbps=5 wbps=max riops=max wiops=max other=1\n')[0]?.readBytes, 5n);
  assert.throws(() => parseIoMax('8 rbps=5\n'), DecodeError);
});

void test('merged rules: one per device, sorted', () => {
  const rules = parseDeviceRules('c 10:200 w\nb 8:* r\nc 10:200 r\n');
  assert.deepEqual(mergeDeviceRules(rules), parseDeviceRules('b 8:* r\nc 10:200 rw\n'));
});
