import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { checkNames, subjects } from './check-names.ts';
import { problem, skipped, warning, type Check } from './check.ts';
import { checks } from './checks/checks.ts';
import { countByStatus, examine } from './examine.ts';
import { formatReports } from './format.ts';
import { selectChecks } from './run.ts';
import { goodHost } from './testing/good-host.ts';
import { otherHosts } from './testing/other-hosts.ts';
import { combine, prepareHost } from './testing/prepared-host.ts';

test('every check is content with the good host', async (t) => {
  const reports = await examine(checks, prepareHost(t, goodHost));
  assert.equal(reports.length, checkNames.length);
  assert.ok(reports.length >= 30);
  for (const { name, status, seen, meaning, remedy } of reports) {
    assert.equal(status, 'ok', `${name}: ${seen}`);
    assert.notEqual(seen, '', name);
    assert.notEqual(meaning, '', name);
    assert.equal(remedy, '', name);
  }
});

for (const check of checks) {
  describe(check.name, () => {
    for (const { what, change, status, seen } of otherHosts[check.name]) {
      test(`${what}: ${status}`, async (t) => {
        const [report] = await examine([check], prepareHost(t, combine(goodHost, change)));
        assert.ok(report !== undefined);
        assert.equal(report.status, status, report.seen);
        assert.match(report.seen, seen);
        if (status === 'problem' || status === 'warning') {
          assert.notEqual(report.meaning, '');
          assert.notEqual(report.remedy, '');
        }
      });
    }
    test('has a host on which it is not content', () => {
      assert.ok(otherHosts[check.name].some(({ status }) => status === 'problem' || status === 'warning'));
    });
  });
}

test('nothing is known of a host that shows nothing: no check calls it good or bad without having seen anything', async (t) => {
  const reports = await examine(checks, prepareHost(t, { files: {}, probes: {}, settings: {} }));
  const judged = reports.filter(({ status }) => status !== 'skipped').map(({ name }) => name);
  // The absence of these files is the fact itself.
  assert.deepEqual(judged, [
    'namespaces-kinds',
    'network-ipv6',
    'network-bridge-nf',
    'network-resolver',
    'nftables-legacy',
    'security-selinux',
    'security-apparmor',
    'iommu-groups',
    'tools-libvirt',
    'tools-firmware',
  ]);
});

test('the configuration that the kernel itself keeps counts first', async (t) => {
  const files = { '/proc/config.gz': gzipSync('CONFIG_CGROUP_BPF=y\n'), '/boot/config-6.1.0-test': undefined };
  const [report] = await examine(selectChecks('cgroup-devices'), prepareHost(t, combine(goodHost, { files })));
  assert.equal(report?.status, 'ok');
});

test('what is refused to somebody who is not root is for root to find out', async (t) => {
  const refuse = (): never => {
    throw Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES' });
  };
  const host = combine(goodHost, { probes: { clockSynchronised: refuse } });
  const look = async (isRoot: boolean): Promise<string | undefined> =>
    (await examine(selectChecks('time-synchronised'), prepareHost(t, combine(host, { settings: { isRoot } }))))[0]
      ?.seen;
  assert.equal(await look(false), 'only root can find it out');
  assert.equal(await look(true), 'could not be found out: EACCES: permission denied');
});

test('a word selects one check or those of a subject', () => {
  assert.equal(selectChecks(undefined), checks);
  assert.deepEqual(
    selectChecks('kvm').map(({ name }) => name),
    ['kvm-guest-code', 'kvm-device', 'kvm-nested'],
  );
  assert.deepEqual(
    selectChecks('kvm-nested').map(({ name }) => name),
    ['kvm-nested'],
  );
  for (const subject of subjects) {
    assert.ok(selectChecks(subject).length > 0, subject);
  }
});

const sample: readonly Check[] = [
  { name: 'kvm-device', look: () => ({ status: 'ok', seen: 'fine', meaning: 'm', remedy: '' }) },
  { name: 'kvm-nested', look: () => warning('slow\u001b[2J', 'it is slow', 'make it fast') },
  { name: 'memory-ksm', look: () => problem('broken\nbadly', 'nothing runs', 'mend it') },
  { name: 'memory-thp', look: () => skipped('unknown') },
  { name: 'memory-numa', look: () => Promise.reject(new Error('no answer')) },
];

test('a person reads problems first, then warnings, then one line for each of the others', async (t) => {
  const reports = await examine(sample, prepareHost(t, goodHost));
  assert.deepEqual(countByStatus(reports), { problem: 1, warning: 1, ok: 1, skipped: 2 });
  assert.equal(
    formatReports(reports, { color: false, isRoot: false }),
    `PROBLEM  memory-ksm: broken badly
         for VMs:  nothing runs
         remedy:   mend it

WARNING  kvm-nested: slow?[2J
         for VMs:  it is slow
         remedy:   make it fast

ok       kvm-device               fine
skipped  memory-thp               unknown
skipped  memory-numa              could not be found out: no answer

1 problem, 1 warning, 1 ok, 2 skipped; some need root: sudo vmlet doctor
`,
  );
  const colored = formatReports(reports, { color: true, isRoot: true });
  assert.ok(colored.startsWith('\u001b[31;1mPROBLEM\u001b[0m  memory-ksm'));
  assert.match(colored, /2 skipped\n$/);
});
