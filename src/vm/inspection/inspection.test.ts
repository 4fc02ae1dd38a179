import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeDeviceRule, missingDevices } from './devices.ts';
import { expectMachine } from './expected.ts';
import { formatInspection } from './format.ts';
import type { Inspection } from './inspection.ts';
import { findDrift, layOut } from './page.ts';
import { sampleInspection, samplePod, sampleVmi } from './testing/sample.ts';
import { formatByteCount, formatMicros } from './units.ts';

const expected = expectMachine(sampleVmi, samplePod);
const { cgroup, network } = sampleInspection;
const [qemu] = sampleInspection.processes;
assert.ok(qemu !== undefined);

test('one page, with units, threads, and what is as it should be', () => {
  assert.equal(
    formatInspection(sampleInspection, { expected }),
    `web in lab: Running
  VMI vmi-uid, Pod pod-uid

everything that is compared is as it should be

namespaces
  net:[4026532659] mnt:[4026532808]

process 4242 qemu-system-x86
  user               107     (as it should be)
  seccomp            filter  (as it should be)
  seccomp filters    2
  no new privileges  yes     (as it should be)
  capabilities       none    (as it should be)
  anonymous memory   210 MiB
  locked memory      64 KiB
  limit memlock      8 MiB, may be raised to unlimited
  limit nofile       20000
  descriptor 11      /dev/kvm
  descriptor 13      kvm-vcpu, vCPU 0
  descriptor 20      /dev/net/tun, queue of tap0
  threads            3
  thread 4242        qemu-system-x86
  thread 4250        CPU 0/KVM, vCPU 0, last on CPU 3, may run on 2-3, SCHED_OTHER nice 0, 3.64 s
  thread 4251        CPU 1/KVM, vCPU 1, SCHED_FIFO priority 1

kernel thread 4260 vhost-4242
  thread 4260  vhost-4242, last on CPU 1

control group (v1) /vmlet/podpod-uid
  memory limit               400 MiB   (as it should be)
  memory in use              200 MiB, 50 % of the limit
  killed for lack of memory  0         (as it should be)
  CPU shares                 102       (as it should be)
  CPU limit                  1.5 CPUs  (as it should be)
  CPU time used              3.64 s
  threads at most            1024

pressure
  cpu     some waited 1.5 %, 0.3 %, 0 % of 10, 60, 300 s
  memory  some waited 0 %, 0 %, 0 %; all waited 0 %, 0 %, 0 % of 10, 60, 300 s

devices that may be opened
  c *:* m       device files may be made, not opened  (as it should be)
  c 1:3 rwm     /dev/null                             (as it should be)
  c 10:200 rwm  /dev/net/tun                          (as it should be)
  c 10:232 rw   /dev/kvm                              (as it should be)

links
  lo        device up mtu 65536 00:00:00:00:00:00
  k6t-eth0  bridge up mtu 1400 02:00:00:00:00:00                (as it should be)
  tap0      tun up mtu 1400 72:6d:f3:b1:e0:6b port of k6t-eth0  (as it should be)

addresses
  k6t-eth0  10.0.2.1/24

routes
  default via 10.251.7.1 dev eth0

kernel settings
  net/ipv4/ip_forward                    1  (as it should be)
  net/ipv4/conf/k6t-eth0/route_localnet  1  (as it should be)

nftables inet vmlet postrouting
  ip saddr 10.0.2.2 counter packets 3 bytes 180 masquerade

nftables inet vmlet output
  ip daddr 127.0.0.1 counter packets 0 bytes 0 dnat ip to 10.0.2.2

addresses taken by the guest
  10.0.2.2 to 0a:58:0a:fb:07:02 (web)

disks
  vda  data virtio /var/run/disk.qcow2

changed by others before
  2026-01-01T00:00:00.000Z DriftRepaired  network: put back
`,
  );
});

const values = (change: Readonly<Record<string, string>>): Inspection => ({
  ...sampleInspection,
  cgroup: { ...cgroup, values: { ...cgroup.values, ...change } },
});
const devices = (rules: readonly string[]): Inspection => ({
  ...sampleInspection,
  cgroup: { ...cgroup, devices: rules },
});
const process = (change: Partial<typeof qemu>): Inspection => ({
  ...sampleInspection,
  processes: [{ ...qemu, ...change }],
});

const drifts: readonly (readonly [what: string, inspection: Inspection, found: readonly string[]])[] = [
  ['nothing', sampleInspection, []],
  ['memory limit', values({ memoryMaxBytes: '104857600' }), ['memory limit: 100 MiB; 400 MiB']],
  ['no memory limit', values({ memoryMaxBytes: 'max' }), ['memory limit: none; 400 MiB']],
  ['limit rounded to pages', values({ memoryMaxBytes: '419426304' }), []],
  ['killed', values({ oomKills: '2' }), ['killed for lack of memory: 2; 0']],
  ['CPU shares', values({ cpuShares: '2' }), ['CPU shares: 2; 102']],
  ['CPU limit', values({ cpuQuotaMicros: 'max' }), ['CPU limit: none; 1.5 CPUs']],
  ['the same limit by another period', values({ cpuQuotaMicros: '75000', cpuPeriodMicros: '50000' }), []],
  [
    'every device',
    devices(['a *:* rwm', 'c 10:200 rwm', 'c 10:232 rw']),
    ['a *:* rwm: every device: nothing is refused; refused'],
  ],
  ['a disk of the host', devices(['b 8:0 rwm', 'c 10:200 rwm', 'c 10:232 rw']), ['b 8:0 rwm: unknown; refused']],
  ['KVM taken away', devices(['c 10:200 rwm']), ['c 10:232: /dev/kvm: refused; allowed']],
  ['KVM read-only', devices(['c 10:200 rwm', 'c 10:232 r']), ['c 10:232: /dev/kvm: refused; allowed']],
  ['user', process({ uid: 0 }), ['user: 0; 107']],
  ['seccomp', process({ seccomp: 'disabled' }), ['seccomp: disabled; filter']],
  ['capabilities', process({ capabilities: '3000' }), ['capabilities: 0x3000; none']],
  ['privileges', process({ noNewPrivileges: false }), ['no new privileges: no; yes']],
  [
    'TAP gone and bridge down',
    { ...sampleInspection, network: { ...network, links: ['k6t-eth0 bridge down mtu 1400 02:00:00:00:00:00'] } },
    ['k6t-eth0: bridge down mtu 1400 02:00:00:00:00:00; bridge, up', 'tap0: missing; tun, up, port of k6t-eth0'],
  ],
  [
    'TAP in another bridge',
    { ...sampleInspection, network: { ...network, links: [network.links[1] ?? '', 'tap0 tun up port of k6t-eth00'] } },
    ['tap0: tun up port of k6t-eth00; tun, up, port of k6t-eth0'],
  ],
  [
    'forwarding switched off',
    { ...sampleInspection, network: { ...network, sysctls: ['net/ipv4/ip_forward = 0'] } },
    ['net/ipv4/ip_forward: 0; 1'],
  ],
  ['disk gone', { ...sampleInspection, disks: [] }, [': data is missing; a disk of the guest']],
];
for (const [what, inspection, found] of drifts) {
  test(`drift: ${what}`, () => {
    const drift = findDrift(layOut(inspection, expected));
    assert.deepEqual(
      drift.map(({ what: label, seen, shouldBe }) => `${label}: ${seen}; ${shouldBe}`),
      found,
    );
  });
}

test('filters in the kernel: as the profile, weaker, or not to be seen', () => {
  const nothing = { pid: 7, differences: [], stricter: 0 };
  const found = (seccomp: Inspection['seccomp'] & {}) => {
    const inspection = { ...sampleInspection, seccomp };
    const drift = findDrift(layOut(inspection, expected)).map(
      ({ what, seen, shouldBe }) => `${what}: ${seen}; ${shouldBe}`,
    );
    return [drift, formatInspection(inspection, { expected })] as const;
  };
  const [good, page] = found([{ ...nothing, stricter: 3 }]);
  assert.deepEqual(good, []);
  assert.match(
    page,
    /process 7 +decides as the profile says, and refuses 3 calls more by a filter of its own +\(as it/,
  );
  const [weak] = found([{ ...nothing, differences: [{ syscall: 'mount', expected: 'errno 1', actual: 'allow' }] }]);
  assert.deepEqual(weak, ['process 7, mount: allow; errno 1']);
  assert.match(found([{ ...nothing, problem: 'no root' }])[1], /process 7 +not compared: no root\n/);
});

test('drift comes first on the page and is marked where it is', () => {
  const page = formatInspection(values({ memoryMaxBytes: '104857600' }), { expected });
  assert.match(
    page,
    /\n\nnot as it should be\n {2}control group \(v1\) \/vmlet\/podpod-uid, memory limit: 100 MiB; should be 400 MiB\n\nnamespaces/,
  );
  assert.match(page, / {2}memory limit +100 MiB +<-- should be 400 MiB\n/);
  const colored = formatInspection(process({ uid: 0 }), { expected, color: true });
  assert.ok(colored.includes('\u001b[31;1m<-- should be 107\u001b[0m'));
});

test('without the Pod only what holds for every VM is compared', () => {
  const page = formatInspection(sampleInspection);
  assert.match(page, /compared only with what holds for every VM/);
  assert.match(page, /seccomp +filter +\(as it should be\)/);
  assert.match(page, /memory limit +400 MiB\n/);
  assert.deepEqual(findDrift(layOut(devices(['b 8:0 rwm']))), []);
});

test("names from the guest's side cannot command the terminal", () => {
  const page = formatInspection({
    ...process({ command: 'qemu\u001b[2J', threadList: [{ tid: 1, name: 'a\nb\u009b' }] }),
    leases: ['10.0.2.2 to 0a:58:0a:fb:07:02 (\u0007)'],
  });
  assert.ok(['\u001b', '\u0007', '\u009b'].every((character) => !page.includes(character)));
  assert.match(page, /thread 1 +a\?b\?\n/);
});

test('an eBPF program, unknown values and odd lines are shown as they are', () => {
  const page = formatInspection({
    ...sampleInspection,
    cgroup: {
      layout: 'v2',
      path: '/x',
      values: { cpuWeight: '79', ioWeight: '100', memoryMaxBytes: 'max' },
      devices: undefined,
    },
    network: { ...network, nftables: ['odd'], addresses: ['odd'] },
  });
  assert.match(page, /an eBPF program decides/);
  assert.match(page, /CPU weight +79\n/);
  assert.match(page, /ioWeight +100\n/);
  assert.match(page, /memory limit +none\n/);
  assert.match(page, /nftables\n {2}odd\n/);
});

test('what a Pod without limits and a VMI without network ask for', () => {
  const pod = { ...samplePod, spec: { ...samplePod.spec, containers: [{ name: 'compute', image: 'x' }] } };
  const vmi = { ...sampleVmi, spec: { domain: { devices: {} } } };
  assert.deepEqual(expectMachine(vmi, pod), {
    uid: 107,
    memoryMaxBytes: 'max',
    cpuShares: 2,
    cpuQuotaMicros: 'max',
    devices: [],
    links: {},
    sysctls: {},
    disks: [],
  });
});

test('device rules in words', () => {
  assert.deepEqual(judgeDeviceRule('c 136:* rwm', []), {
    rule: 'c 136:* rwm',
    meaning: 'terminals in /dev/pts',
    isExpected: true,
  });
  assert.equal(judgeDeviceRule('c 10:232 rw', []).isExpected, false);
  assert.equal(judgeDeviceRule('c 10:232 rw', ['c 10:232']).isExpected, true);
  assert.equal(judgeDeviceRule('b *:* rwm', []).isExpected, false);
  assert.deepEqual(missingDevices(['c 10:2320 rw'], ['c 10:232']).length, 1);
});

test('units', () => {
  assert.deepEqual([0, 1023, 1024, 1536, 426_115_072, 2 ** 40].map(formatByteCount), [
    '0 B',
    '1023 B',
    '1 KiB',
    '1.5 KiB',
    '406.4 MiB',
    '1 TiB',
  ]);
  assert.deepEqual([0, 2_881_683, 61_000_000, 3_600_000_000 * 3 + 720_000_000].map(formatMicros), [
    '0 s',
    '2.88 s',
    '1 min 1 s',
    '3 h 12 min',
  ]);
});
