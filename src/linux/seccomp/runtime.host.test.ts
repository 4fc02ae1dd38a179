import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { withDeadline } from '../../base/deadline.ts';
import { launcherSeccomp } from '../../embedded/sandbox/launcher-seccomp.ts';
import { checkProcess, compareWithProfile, readFilters } from './process-filters.ts';
import type { SeccompArch } from './types.ts';

const arch: SeccompArch | undefined = process.arch === 'x64' || process.arch === 'arm64' ? process.arch : undefined;
const BUSYBOX = ['/bin/busybox', '/usr/bin/busybox'].find((file) => fs.existsSync(file));

function findObstacle(): string | false {
  if (process.getuid?.() !== 0) {
    return 'needs root';
  }
  if (arch === undefined || checkProcess(process.pid)?.mode !== 'disabled') {
    return 'this process has a seccomp filter of its own, or an unknown machine';
  }
  if (BUSYBOX === undefined || spawnSync('runc', ['--version'], { timeout: 5000 }).status !== 0) {
    return 'needs runc and busybox';
  }
  return false;
}

/** A bundle whose process says its pid in the host by /proc and waits for the end of its input. */
function writeBundle(bundle: string): void {
  fs.mkdirSync(`${bundle}/rootfs/bin`, { recursive: true });
  fs.mkdirSync(`${bundle}/rootfs/proc`);
  fs.copyFileSync(BUSYBOX ?? '', `${bundle}/rootfs/bin/busybox`);
  const spec = {
    ociVersion: '1.0.2',
    root: { path: 'rootfs', readonly: true },
    process: {
      terminal: false,
      user: { uid: 0, gid: 0 },
      args: ['/bin/busybox', 'sh', '-c', 'echo ready; exec /bin/busybox cat'],
      env: [],
      cwd: '/',
      capabilities: {},
      noNewPrivileges: true,
    },
    mounts: [{ destination: '/proc', type: 'proc', source: 'proc' }],
    linux: {
      namespaces: ['pid', 'mount', 'ipc', 'uts', 'network'].map((type) => ({ type })),
      seccomp: launcherSeccomp(process.arch),
    },
  };
  fs.writeFileSync(`${bundle}/config.json`, JSON.stringify(spec));
}

void test(
  "a process that runc started has the launcher's profile and no other",
  { skip: findObstacle() },
  async (t) => {
    const bundle = fs.mkdtempSync(path.join(os.tmpdir(), 'vmlet-seccomp-'));
    const id = path.basename(bundle);
    const state = ['--root', `${bundle}/state`];
    writeBundle(bundle);
    const child = spawn('runc', [...state, 'run', '--bundle', bundle, id], { stdio: ['pipe', 'pipe', 'pipe'] });
    let problems = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      problems += text;
    });
    try {
      const first = Promise.race([once(child.stdout, 'data'), once(child, 'exit')]);
      const [line] = (await withDeadline(first, 15_000, 'runc')) as [unknown];
      if (!Buffer.isBuffer(line)) {
        t.skip(`runc does not run here: ${problems.slice(-300)}`);
        return;
      }
      const text = execFileSync('runc', [...state, 'state', id], { encoding: 'utf8', timeout: 5000 });
      const { pid } = JSON.parse(text) as { readonly pid: number };
      assert.deepEqual(checkProcess(pid)?.mode, 'filter');
      const filters = await readFilters(pid);
      assert.equal(filters.length, 1);
      assert.ok(arch !== undefined);
      assert.deepEqual(compareWithProfile(filters, launcherSeccomp(arch), arch), []);
      // The comparison notices one call more or less.
      const wider = launcherSeccomp(arch);
      const changed = {
        ...wider,
        syscalls: [...wider.syscalls, { names: ['reboot'], action: 'SCMP_ACT_ALLOW' as const }],
      };
      assert.deepEqual(
        compareWithProfile(filters, changed, arch).map(({ syscall }) => syscall),
        ['reboot'],
      );
    } finally {
      child.stdin.end();
      spawnSync('runc', [...state, 'delete', '--force', id], { timeout: 10_000 });
      child.kill('SIGKILL');
      fs.rmSync(bundle, { recursive: true, force: true });
    }
  },
);
