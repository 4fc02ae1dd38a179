import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { checkLaws } from '../testing/laws.ts';
import { hostFacts, machineInput } from '../testing/machines.ts';
import { cgroupFacet } from './facet.ts';
import { FakeCgroup } from './fake-cgroup.test-helper.ts';
import { assumeCgroup, assumeManaged, compileCgroup } from './spec.ts';
import { placeDirectory } from './writes.ts';
import type { CgroupSpec } from './model.ts';

const amount = fc.oneof(fc.constant('max'), fc.integer({ min: 1000, max: 2 ** 40 }).map(String));

const directoriesOf = ({ cgroup }: CgroupSpec): readonly string[] => cgroup.places.map(placeDirectory);

const v1Values = fc.record({
  'memory.limit_in_bytes': amount.map((text) => (text === 'max' ? '-1' : text)),
  'memory.memsw.limit_in_bytes': amount.map((text) => (text === 'max' ? '-1' : text)),
  'cpu.shares': fc.integer({ min: 2, max: 262_144 }).map(String),
  'cpu.cfs_quota_us': fc.oneof(fc.constant('-1'), fc.integer({ min: 1000, max: 1_000_000 }).map(String)),
  'cpu.cfs_period_us': fc.constantFrom('100000', '50000', '1000000'),
  'pids.max': amount,
  foreign: fc.constant('theirs'),
});
const v2Values = fc.record({
  'memory.max': amount,
  'memory.swap.max': amount,
  'cpu.weight': fc.integer({ min: 1, max: 10_000 }).map(String),
  'cpu.max': fc.constantFrom('max 100000', '50000 100000', '7000 20000'),
  'pids.max': amount,
  foreign: fc.constant('theirs'),
});
const rules = fc.oneof(
  fc.constant(['a *:* rwm']),
  fc.subarray(['c *:* m', 'b *:* m', 'c 1:3 rwm', 'c 5:1 rw', 'c 10:200 rwm', 'c 10:232 r', 'c 10:237 rwm', 'b 8:0 r']),
);

test('whatever was done to the cgroup, a plan cut off anywhere leads back to the same limits', () => {
  fc.assert(
    fc.property(
      machineInput,
      hostFacts,
      fc.tuple(v1Values, v2Values),
      rules,
      fc.array(fc.nat(3), { maxLength: 3 }),
      ({ vmi, pod }, host, [v1, v2], deviceRules, moved) => {
        const spec = compileCgroup(pod, assumeCgroup(pod, host));
        const strays = Object.fromEntries(moved.map((from, index) => [index + 1, directoriesOf(spec).slice(from)]));
        const kernel = new FakeCgroup(spec.cgroup, {
          values: host.cgroupVersion === 'v2' ? v2 : v1,
          rules: deviceRules,
          strays,
        });
        checkLaws(kernel, (observed) => cgroupFacet.plan(spec, observed));
        assert.ok(vmi.metadata.uid !== undefined);
      },
    ),
    { numRuns: 1000 },
  );
});

test('an untouched sandbox gives an empty plan, and each change one operation', () => {
  fc.assert(
    fc.property(machineInput, hostFacts, fc.nat(3), ({ pod }, host, which) => {
      const spec = compileCgroup(pod, assumeCgroup(pod, host));
      const isV2 = host.cgroupVersion === 'v2';
      const made = new FakeCgroup(spec.cgroup, {
        values: isV2
          ? {
              'memory.max': 'max',
              'memory.swap.max': 'max',
              'cpu.weight': '100',
              'cpu.max': 'max 100000',
              'pids.max': 'max',
            }
          : {
              'memory.limit_in_bytes': '-1',
              'memory.memsw.limit_in_bytes': '-1',
              'cpu.shares': '1024',
              'cpu.cfs_quota_us': '-1',
              'cpu.cfs_period_us': '100000',
              'pids.max': 'max',
            },
        rules: ['a *:* rwm'],
        strays: {},
      });
      const settled = checkLaws(made, (observed) => cgroupFacet.plan(spec, observed));
      const seen = settled.observe();
      const changes = [
        { ...seen, settings: { ...seen.settings, memoryMaxBytes: 12_288n } },
        isV2 ? { ...seen, cpuWeight: 7777 } : { ...seen, settings: { ...seen.settings, cpuShares: 77_777 } },
        { ...seen, settings: { ...seen.settings, cpuMax: { quotaMicros: 123_457, periodMicros: 100_000 } } },
        {
          ...seen,
          strays: [{ pid: 9, startTicks: 1, command: 'qemu', from: '/', missing: [directoriesOf(spec)[0] ?? ''] }],
        },
      ];
      fc.pre(spec.want.memoryMaxBytes !== 12_288n);
      assert.equal(cgroupFacet.plan(spec, changes[which] ?? seen).length, 1);
    }),
    { numRuns: 300 },
  );
});

test('explain shows the limits of the Pod and what is written where', () => {
  const spec = compileCgroup(
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p', uid: 'u' },
      spec: { containers: [{ name: 'compute', image: 'i', resources: { limits: { memory: '300Mi', cpu: '2' } } }] },
    },
    {
      cgroup: assumeManaged('u', [
        {
          hierarchy: { kind: 'v2', controllers: [], mountPoint: '/sys/fs/cgroup', root: '/' },
          path: '/vmlet/podu',
          inode: 0n,
        },
      ]),
      pidsMax: 1024,
    },
  );
  const ops = cgroupFacet.plan(spec, cgroupFacet.nothing(spec));
  assert.deepEqual(
    ops.map((op) => cgroupFacet.describe(op)),
    [
      'set the memory limit to 300 MiB (was none)',
      'set the CPU weight to 174 (was 100)',
      'set the CPU limit to 2 CPUs (was none)',
      'set the limit of processes and threads to 1024 (was none)',
      'allow these devices and no others: c 1:3 rwm, c 1:5 rwm, c 1:7 rwm, c 1:8 rwm, c 1:9 rwm, c 5:0 rwm, c 5:2 rwm, c 136:* rwm',
    ],
  );
  assert.deepEqual(
    ops.map((op) => cgroupFacet.detail?.(op)),
    [
      '/sys/fs/cgroup/vmlet/podu/memory.max <- 314572800',
      '/sys/fs/cgroup/vmlet/podu/cpu.weight <- 174',
      '/sys/fs/cgroup/vmlet/podu/cpu.max <- 200000 100000',
      '/sys/fs/cgroup/vmlet/podu/pids.max <- 1024',
      'an eBPF program on /sys/fs/cgroup/vmlet/podu',
    ],
  );
});
