import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseRlimitCeilings } from './host-facts.ts';
import { launcherSeccomp } from './launcher-seccomp.ts';
import { buildOciSpec } from './oci-spec.ts';
import type { SandboxHostFacts, SandboxRequest } from './oci-spec.ts';
import { sandboxSettings } from './settings.ts';

const settings = sandboxSettings({ instance: 'i', stateDir: '/state', runDir: '/run/i' });
const facts: SandboxHostFacts = { rootDir: '/root', arch: 'x64', swapAccounting: true, rlimitCeilings: {} };
const request: SandboxRequest = {
  id: 'uid-1',
  hostname: 'vm1',
  netnsPath: '/run/netns/x',
  command: ['/usr/lib/vmlet/init'],
  env: [{ name: 'HOME', value: '/x' }],
  mounts: [
    { source: '/a', destination: '/var/run/libvirt', readOnly: false },
    { source: '/b', destination: '/var/running', readOnly: true },
  ],
  devices: [{ path: '/dev/kvm', type: 'c', major: 10, minor: 232 }],
  resources: {
    memoryLimitBytes: 1 << 30,
    cpuLimitMilli: 1500,
    cpuRequestMilli: 250,
    pidsLimit: 7,
    memlockBytes: 1 << 30,
  },
  annotations: {},
};

describe('buildOciSpec', () => {
  const spec = buildOciSpec(request, settings, facts);

  it('gives no privilege of any kind', () => {
    assert.deepEqual(Object.values(spec.process.capabilities), [[], [], [], [], []]);
    assert.equal(spec.process.noNewPrivileges, true);
    assert.equal(spec.process.user.uid, 107);
    assert.equal(spec.root.readonly, true);
    assert.deepEqual(spec.linux.namespaces.map(({ type }) => type).sort(), ['ipc', 'mount', 'network', 'pid', 'uts']);
  });

  it('maps the launcher command and /var/run', () => {
    assert.deepEqual(spec.process.args, ['/vmlet/init']);
    const destinations = spec.mounts.map(({ destination }) => destination);
    assert.ok(destinations.includes('/run/libvirt'));
    assert.ok(destinations.includes('/var/running'));
  });

  it('grants only the devices asked for', () => {
    assert.deepEqual(spec.linux.resources.devices, [
      { allow: false, access: 'rwm' },
      { allow: true, type: 'c', major: 10, minor: 232, access: 'rw' },
    ]);
    assert.deepEqual(spec.linux.devices, [
      { path: '/dev/kvm', type: 'c', major: 10, minor: 232, fileMode: 0o600, uid: 107, gid: 107 },
    ]);
  });

  it('turns resources into limits', () => {
    const { memory, cpu, pids } = spec.linux.resources;
    assert.deepEqual(memory, { limit: 1 << 30, swap: 1 << 30 });
    assert.deepEqual(cpu, { shares: 256, period: 100_000, quota: 150_000 });
    assert.deepEqual(pids, { limit: 7 });
    assert.equal(spec.linux.cgroupsPath, '/vmlet/i/poduid-1');
  });

  it('keeps to the rlimits it may give', () => {
    const limited = buildOciSpec(request, settings, {
      ...facts,
      swapAccounting: false,
      rlimitCeilings: { RLIMIT_NOFILE: 20_000, RLIMIT_MEMLOCK: 8192 },
    });
    assert.deepEqual(
      limited.process.rlimits.map(({ type, hard }) => [type, hard]),
      [
        ['RLIMIT_CORE', 0],
        ['RLIMIT_NOFILE', 20_000],
        ['RLIMIT_MEMLOCK', 8192],
      ],
    );
    assert.deepEqual(limited.linux.resources.memory, { limit: 1 << 30 });
  });
});

describe('parseRlimitCeilings', () => {
  const limits = `Limit                     Soft Limit           Hard Limit           Units
Max locked memory         8388608              8388608              bytes
Max open files            1024                 20000                files
`;
  it('has none with CAP_SYS_RESOURCE', () => {
    assert.deepEqual(parseRlimitCeilings('CapEff:\t000001ffffffffff\n', limits), {});
  });
  it('is the own hard limits without it', () => {
    assert.deepEqual(parseRlimitCeilings('CapEff:\t000001fffeffffff\n', limits), {
      RLIMIT_NOFILE: 20_000,
      RLIMIT_MEMLOCK: 8_388_608,
    });
  });
});

describe('launcherSeccomp', () => {
  const allowed = launcherSeccomp('x64')
    .syscalls.filter(({ action }) => action === 'SCMP_ACT_ALLOW')
    .flatMap(({ names }) => names);
  it('names each call once, except those told apart by an argument', () => {
    const plain = launcherSeccomp('x64').syscalls[0]?.names ?? [];
    assert.equal(new Set(plain).size, plain.length);
  });
  for (const name of 'mount umount2 bpf ptrace unshare setns keyctl init_module kexec_load open_by_handle_at io_uring_setup userfaultfd process_vm_writev clone3 pivot_root chroot mknod mknodat'.split(
    ' ',
  )) {
    it(`does not allow ${name}`, () => assert.equal(allowed.includes(name), false));
  }
});
