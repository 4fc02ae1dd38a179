import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chown, mkdir, mkdtemp, readFile, readdir, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { pollUntil } from '../../base/deadline.ts';
import { launcherEnvironment } from './capabilities-cache.ts';
import { launcherInitPath } from './oci-spec.ts';
import { deleteSandbox, listSandboxes, removeSandboxRemains, startSandbox } from './sandbox.ts';
import { prepareSandboxHost } from './sandbox-host.ts';
import type { SandboxHost } from './sandbox-host.ts';
import { sandboxCgroup, sandboxSettings } from './settings.ts';
import type { SandboxSettings } from './settings.ts';

const run = promisify(execFile);

async function unable(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) {
    return 'needs root';
  }
  if (process.arch !== 'x64') {
    return 'its guest is an x86_64 one';
  }
  for (const tool of ['runc', 'virsh', 'qemu-system-x86_64']) {
    try {
      await run(tool, ['--version']);
    } catch {
      return `needs ${tool}`;
    }
  }
  return undefined;
}

interface Started {
  readonly pid: number;
  readonly volumes: string;
  readonly socket: string;
  readonly log: string;
}

const domainXml = `<domain type='qemu'>
  <name>probe</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <devices><emulator>/usr/bin/qemu-system-x86_64</emulator>
  <serial type='pty'/><video><model type='none'/></video><memballoon model='none'/></devices>
</domain>`;

const skip = (await unable()) ?? false;

describe('sandbox', { skip, timeout: 120_000 }, () => {
  let dir: string;
  let settings: SandboxSettings;
  let hostFacts: SandboxHost;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'vmlet-sandbox-'));
    settings = sandboxSettings({ instance: `test-${process.pid}`, stateDir: `${dir}/state`, runDir: `${dir}/run` });
    hostFacts = prepareSandboxHost(settings, { kvm: undefined });
  });

  after(async () => {
    for (const sandbox of await listSandboxes(settings)) {
      await deleteSandbox(settings, sandbox.id);
    }
    await removeSandboxRemains(settings);
    await rm(dir, { recursive: true, force: true });
    assert.equal(await isThere(`/sys/fs/cgroup/pids${settings.cgroupParent}`), false, 'cgroup parent left');
    assert.deepEqual(await mountsBelow(dir), []);
  });

  async function start(id: string): Promise<Started> {
    const volumes = join(dir, id);
    const mounts = [];
    for (const [name, destination] of [
      ['private', '/var/run/kubevirt-private'],
      ['libvirt', '/var/run/libvirt'],
      ['disks', '/var/run/kubevirt-ephemeral-disks'],
    ] as const) {
      await mkdir(join(volumes, name), { recursive: true, mode: 0o700 });
      await chown(join(volumes, name), settings.uid, settings.gid);
      mounts.push({ source: join(volumes, name), destination, readOnly: false });
    }
    const log = join(volumes, 'log');
    const pid = await startSandbox(
      settings,
      {
        id,
        hostname: 'probe',
        command: [launcherInitPath],
        env: launcherEnvironment,
        mounts,
        devices: [{ path: '/dev/net/tun', type: 'c', major: 10, minor: 200 }],
        resources: { memoryLimitBytes: 512 << 20, cpuLimitMilli: 1500, cpuRequestMilli: 250, pidsLimit: 300 },
        annotations: { 'io.kubernetes.pod.name': 'probe' },
      },
      await hostFacts(false),
      log,
    );
    const socket = await pollUntil(
      async () => {
        const names = await readdir(join(volumes, 'libvirt'));
        const name = ['virtqemud-sock', 'libvirt-sock'].find((candidate) => names.includes(candidate));
        return name === undefined ? undefined : join(volumes, 'libvirt', name);
      },
      { timeoutMs: 20_000, doing: 'wait for the libvirt socket' },
    );
    return { pid, volumes, socket, log };
  }

  it('holds the daemon and QEMU with no rights and survives its daemon', async () => {
    const box = await start('survive');
    const daemon = await childNamed(box.pid, /^(libvirtd|virtqemud)$/u);
    const exe = await readlink(`/proc/${daemon}/exe`);
    assert.match(exe, /^\/vmlet\/libvirt\//u);
    await virsh(box.socket, ['domcapabilities', '--virttype', 'qemu']);
    const cacheMounts = await readFile(`/proc/${box.pid}/mountinfo`, 'utf8');
    assert.match(cacheMounts, /qemu\/cache\/capabilities ro/u);

    await writeFile(join(dir, 'probe.xml'), domainXml);
    await virsh(box.socket, ['create', join(dir, 'probe.xml')]);
    const qemu = await childNamed(box.pid, /^qemu-system/u);
    for (const pid of [box.pid, daemon, qemu]) {
      const status = await readFile(`/proc/${pid}/status`, 'utf8');
      for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) {
        assert.match(status, new RegExp(`^${set}:\\s0+$`, 'mu'));
      }
      assert.match(status, /^NoNewPrivs:\s1$/mu);
      assert.match(status, /^Seccomp:\s2$/mu);
      assert.match(status, /^Uid:\s107\s107\s107\s107$/mu);
      assert.match(status, /^Gid:\s107\s107\s107\s107$/mu);
      for (const line of (await readFile(`/proc/${pid}/cgroup`, 'utf8')).trim().split('\n')) {
        assert.equal(line.split(':')[2], sandboxCgroup(settings, 'survive'));
      }
    }
    const limit = await readFile(
      `/sys/fs/cgroup/memory${sandboxCgroup(settings, 'survive')}/memory.limit_in_bytes`,
      'utf8',
    ).catch(() => readFile(`/sys/fs/cgroup${sandboxCgroup(settings, 'survive')}/memory.max`, 'utf8'));
    assert.equal(limit.trim(), String(512 << 20));

    process.kill(daemon, 'SIGKILL');
    const next = await pollUntil(
      async () => {
        const pid = await findChild(box.pid, /^(libvirtd|virtqemud)$/u);
        return pid === daemon ? undefined : pid;
      },
      { timeoutMs: 10_000, doing: 'wait for the daemon to come back' },
    );
    assert.notEqual(next, daemon);
    const names = await pollUntil(() => virsh(box.socket, ['list', '--name']).catch(() => undefined), {
      timeoutMs: 10_000,
      doing: 'list domains again',
    });
    assert.equal(names.trim(), 'probe');
    assert.equal(await findChild(box.pid, /^qemu-system/u), qemu);

    // The guest has no operating system to hear the ACPI button: PID 1 waits for QEMU, and leaves when it is gone.
    process.kill(box.pid, 'SIGTERM');
    await pollUntil(
      async () => ((await readFile(box.log, 'utf8')).includes('asked guest probe to shut down') ? true : undefined),
      {
        timeoutMs: 10_000,
        doing: 'wait for the shutdown request',
      },
    );
    assert.equal(await isThere(`/proc/${box.pid}`), true);
    // PID 1 may leave, and the kernel end the daemon, before the daemon has answered: what counts is that all are gone.
    await virsh(box.socket, ['destroy', 'probe']).catch(() => undefined);
    await gone(box.pid);
    assert.equal((await listSandboxes(settings)).find(({ id }) => id === 'survive')?.status, 'stopped');
    await deleteSandbox(settings, 'survive');
    await assertNothingLeft('survive', [box.pid, qemu, daemon]);
  });

  it('cannot reach the host: no files beyond /usr, nothing writable, no forbidden calls', async () => {
    const box = await start('walls');
    const inside = (...args: string[]) =>
      run('runc', ['--root', `${settings.runDir}/runtime`, 'exec', 'walls', ...args]).then(
        ({ stdout }) => stdout,
        (error: { stderr?: string }) => `failed: ${error.stderr ?? ''}`,
      );
    assert.equal((await inside('ls', '/')).trim().split(/\s+/u).sort().join(' '), rootNames);
    assert.match(await inside('sh', '-c', 'echo x >/usr/x'), /Read-only file system/u);
    assert.match(await inside('sh', '-c', 'echo x >/etc/x'), /Read-only file system/u);
    assert.match(
      await inside('sh', '-c', 'echo x >/proc/sys/kernel/hostname'),
      /Read-only file system|Permission denied/u,
    );
    assert.match(await inside('unshare', '-n', 'true'), /Operation not permitted/u);
    assert.match(await inside('unshare', '-U', 'true'), /Operation not permitted/u);
    assert.match(await inside('mknod', '/run/kmsg', 'c', '1', '11'), /failed/u);
    assert.match(await inside('cat', '/dev/kvm'), /No such file/u);
    assert.match(await inside('cat', '/proc/1/mountinfo'), /\/usr ro,nosuid,nodev/u);
    assert.match(await inside('sh', '-c', 'ulimit -c'), /^0$/mu);
    process.kill(box.pid, 'SIGUSR1');
    await gone(box.pid);
    await deleteSandbox(settings, 'walls');
    await assertNothingLeft('walls', [box.pid]);
  });

  it('is refused with the reason of the runtime and leaves nothing', async () => {
    const facts = { rootDir: join(dir, 'no-such-root'), arch: process.arch, swapAccounting: false, rlimitCeilings: {} };
    const request = {
      id: 'refused',
      hostname: 'x',
      command: [launcherInitPath],
      env: [],
      mounts: [],
      devices: [],
      resources: { pidsLimit: 10 },
      annotations: {},
    };
    await assert.rejects(startSandbox(settings, request, facts, join(dir, 'refused.log')), /no-such-root/u);
    await assertNothingLeft('refused', []);
    await deleteSandbox(settings, 'never-made');
  });

  async function assertNothingLeft(id: string, pids: readonly number[]): Promise<void> {
    assert.deepEqual(
      (await listSandboxes(settings)).filter((sandbox) => sandbox.id === id),
      [],
    );
    for (const pid of pids) {
      assert.equal(await isThere(`/proc/${pid}`), false, `process ${pid} left`);
    }
    for (const name of ['', ...(await readdir('/sys/fs/cgroup'))]) {
      assert.equal(
        await isThere(join('/sys/fs/cgroup', name, sandboxCgroup(settings, id))),
        false,
        `cgroup in ${name}`,
      );
    }
    assert.equal(await isThere(`${settings.runDir}/bundles/${id}`), false);
    assert.equal(await isThere(`${settings.runDir}/runtime/${id}`), false);
    assert.deepEqual(await mountsBelow(dir), []);
  }
});

const rootNames = 'bin dev etc lib lib64 proc run sbin sys tmp usr var vmlet';

async function virsh(socket: string, args: string[]): Promise<string> {
  const { stdout } = await run('virsh', ['-q', '-c', `qemu:///session?socket=${socket}`, ...args], { timeout: 20_000 });
  return stdout;
}

async function findChild(parent: number, name: RegExp): Promise<number | undefined> {
  const children = await readFile(`/proc/${parent}/task/${parent}/children`, 'utf8');
  for (const pid of children.trim().split(' ').map(Number)) {
    const comm = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '');
    if (name.test(comm.trim())) {
      return pid;
    }
  }
  return undefined;
}

async function childNamed(parent: number, name: RegExp): Promise<number> {
  const pid = await findChild(parent, name);
  assert.ok(pid !== undefined, `no child ${String(name)} of ${parent}`);
  return pid;
}

async function gone(pid: number): Promise<void> {
  await pollUntil(async () => ((await isThere(`/proc/${pid}`)) ? undefined : true), {
    timeoutMs: 10_000,
    doing: `wait for the end of ${pid}`,
  });
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

async function mountsBelow(dir: string): Promise<string[]> {
  const lines = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n');
  return lines.filter((line) => line.includes(dir));
}
