/**
 * libvirt's answer to "what can this QEMU do", probed once in a throw-away sandbox of the same shape and given read-only
 * to every later one. libvirt itself checks the file against the QEMU binary, its own build, kernel, microcode and KVM
 * (virQEMUCapsIsValid) and probes again when it does not fit, so a wrong cache costs time, never correctness.
 */
import { createHash } from 'node:crypto';
import { chmod, chown, mkdir, mkdtemp, readFile, readdir, realpath, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pollUntil } from '../../base/deadline.ts';
import { UnsupportedError, VmletError, errorCode, errorMessage } from '../../base/errors.ts';
import { findLibvirtDaemon, hasSwapAccounting, libvirtDaemons, rlimitCeilings } from './host-facts.ts';
import { launcherInitPath } from './oci-spec.ts';
import type { SandboxDevice, SandboxMount } from './oci-spec.ts';
import { deleteSandbox, startSandbox } from './sandbox.ts';
import type { SandboxSettings } from './settings.ts';
import { ensureSkeleton } from './skeleton.ts';
import { runTool } from '../../linux/process/run-tool.ts';

export interface CapabilitiesCacheOptions {
  /** The KVM device when sandboxes will have it; a host without usable KVM needs its own variant. */
  readonly kvm: SandboxDevice | undefined;
  readonly onProgress?: (message: string) => void;
  readonly signal?: AbortSignal;
}

/** Environment of the launcher container, as KubeVirt's launcher has it. */
export const launcherEnvironment: readonly { readonly name: string; readonly value: string }[] = [
  { name: 'XDG_RUNTIME_DIR', value: '/var/run' },
  { name: 'XDG_CACHE_HOME', value: '/var/cache' },
  { name: 'XDG_CONFIG_HOME', value: '/var/run/kubevirt-private' },
  { name: 'HOME', value: '/var/run/kubevirt-private' },
];

const probeTimeoutMs = 120_000;
const socketTimeoutMs = 20_000;
const socketNames = ['virtqemud-sock', 'libvirt-sock'];
/** QEMU for guests of the host's kind, by `process.arch`. */
export const emulators: Readonly<Record<string, string>> = {
  x64: '/usr/bin/qemu-system-x86_64',
  arm64: '/usr/bin/qemu-system-aarch64',
};

/** Directory to mount into sandboxes; makes it first (hundreds of milliseconds to seconds) when the host has changed. */
export async function ensureCapabilitiesCache(
  settings: SandboxSettings,
  options: CapabilitiesCacheOptions,
): Promise<string> {
  const base = join(settings.stateDir, 'capabilities');
  const variant = options.kvm === undefined ? 'tcg' : 'kvm';
  const target = join(base, `${variant}-${await hostKey()}`);
  if (await isDirectory(target)) {
    return target;
  }
  options.onProgress?.(`asking QEMU for its capabilities (${variant}), once per boot`);
  await mkdir(base, { recursive: true, mode: 0o711 });
  const work = await mkdtemp(join(base, `${variant}.new-`));
  try {
    const cache = join(work, 'capabilities');
    await probe(settings, options, work, cache);
    await handToRoot(cache);
    await rename(cache, target);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  await removeStale(base, variant, target);
  options.onProgress?.(`QEMU capabilities (${variant}) stored in ${target}`);
  return target;
}

async function probe(
  settings: SandboxSettings,
  options: CapabilitiesCacheOptions,
  work: string,
  cache: string,
): Promise<void> {
  const id = `capabilities-${options.kvm === undefined ? 'tcg' : 'kvm'}`;
  const mounts: SandboxMount[] = [];
  for (const [name, destination] of [
    ['private', '/var/run/kubevirt-private'],
    ['libvirt', '/var/run/libvirt'],
  ] as const) {
    await makeOwned(join(work, name), settings);
    mounts.push({ source: join(work, name), destination, readOnly: false });
  }
  await makeOwned(cache, settings);
  const facts = {
    rootDir: await ensureSkeleton(settings),
    arch: process.arch,
    swapAccounting: await hasSwapAccounting(),
    rlimitCeilings: await rlimitCeilings(),
    daemonPath: await findLibvirtDaemon(),
    capabilitiesDir: cache,
    capabilitiesWritable: true,
  };
  await deleteSandbox(settings, id);
  try {
    await startSandbox(
      settings,
      {
        id,
        hostname: 'capabilities',
        command: [launcherInitPath],
        env: launcherEnvironment,
        mounts,
        devices: options.kvm === undefined ? [] : [options.kvm],
        resources: { pidsLimit: 256 },
        annotations: {},
      },
      facts,
      join(work, 'log'),
    );
    const socket = await waitForSocket(join(work, 'libvirt'), options.signal);
    const virtType = options.kvm === undefined ? 'qemu' : 'kvm';
    const uri = `qemu:///session?socket=${socket}`;
    await runTool('virsh', ['-q', '-c', uri, 'domcapabilities', '--virttype', virtType], {
      doing: `ask libvirt for the capabilities of QEMU (${virtType})`,
      timeoutMs: probeTimeoutMs,
      signal: options.signal,
    });
    if ((await readdir(cache)).length === 0) {
      throw new VmletError('NoCapabilities', `libvirt stored no QEMU capabilities in its cache ${cache}`);
    }
  } catch (error) {
    const log = await readFile(join(work, 'log'), 'utf8').catch(() => '');
    const detail = log.trim().split('\n').slice(-3).join(' | ');
    const said = detail === '' ? 'its log is empty' : `its log ends: ${detail}`;
    const message = `QEMU capabilities: the probe sandbox failed: ${errorMessage(error)}; ${said}`;
    throw new VmletError('CapabilitiesProbe', message, { cause: error });
  } finally {
    await deleteSandbox(settings, id);
  }
}

async function makeOwned(dir: string, settings: SandboxSettings): Promise<void> {
  await mkdir(dir, { mode: 0o700 });
  await chown(dir, settings.uid, settings.gid);
}

/** What a sandbox once wrote becomes root's, so that no later sandbox can change it even outside its mount. */
async function handToRoot(dir: string): Promise<void> {
  for (const name of await readdir(dir)) {
    await chmod(join(dir, name), 0o644);
    await chown(join(dir, name), 0, 0);
  }
  await chmod(dir, 0o755);
  await chown(dir, 0, 0);
}

async function waitForSocket(dir: string, signal: AbortSignal | undefined): Promise<string> {
  return pollUntil(
    async () => {
      const names = await readdir(dir);
      const name = socketNames.find((candidate) => names.includes(candidate));
      return name === undefined ? undefined : join(dir, name);
    },
    {
      timeoutMs: socketTimeoutMs,
      intervalMs: 10,
      doing: `wait for libvirt's socket in ${dir}`,
      ...(signal === undefined ? {} : { signal }),
    },
  );
}

/** Changes with the QEMU and libvirt binaries, the kernel and each boot. */
async function hostKey(): Promise<string> {
  const emulator = emulators[process.arch];
  if (emulator === undefined) {
    throw new UnsupportedError(`no QEMU is known for this machine type (${process.arch})`);
  }
  const hash = createHash('sha256');
  let found = 0;
  for (const path of [emulator, ...libvirtDaemons]) {
    try {
      const real = await realpath(path);
      const { ctimeNs, size } = await stat(real, { bigint: true });
      hash.update(`${real} ${ctimeNs} ${size}\n`);
      found += 1;
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') {
        throw error;
      }
      if (path === emulator) {
        throw new UnsupportedError(`${path} is not there: install QEMU (qemu-system-x86 on Debian)`);
      }
    }
  }
  if (found < 2) {
    throw new UnsupportedError('neither virtqemud nor libvirtd is there: install libvirt-daemon');
  }
  hash.update(await readFile('/proc/version', 'utf8'));
  hash.update(await readFile('/proc/sys/kernel/random/boot_id', 'utf8'));
  return hash.digest('hex').slice(0, 16);
}

async function removeStale(base: string, variant: string, keep: string): Promise<void> {
  for (const name of await readdir(base)) {
    const path = join(base, name);
    if (name.startsWith(`${variant}-`) && path !== keep) {
      await rm(path, { recursive: true, force: true });
    }
  }
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if (errorCode(error) === 'ENOENT') {
      return false;
    }
    throw error;
  }
}
