/**
 * What the pod runtime does to this host for one launcher: sandbox, volume directories, pod network. Everything is
 * idempotent and adopted by observing, so a crash between any two steps is mended by doing it again.
 */
import { constants } from 'node:fs';
import { lstat, mkdir, open, readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pollUntil } from '../../base/deadline.ts';
import { UnsupportedError, errorCode } from '../../base/errors.ts';
import { failpoint } from '../../base/failpoint.ts';
import type { Fd } from '../../linux/fd/fd.ts';
import { openPidFd, sendSignal } from '../../linux/process/pidfd.ts';
import type { Reactor } from '../../linux/reactor/reactor.ts';
import type { NetworkedPod, PodNetwork } from '../podnetwork/pod-network.ts';
import type { SandboxDevice, SandboxHostFacts } from '../sandbox/oci-spec.ts';
import { deleteSandbox, listSandboxes, startSandbox } from '../sandbox/sandbox.ts';
import { sandboxCgroup } from '../sandbox/settings.ts';
import {
  emptyDirPath,
  ensureEmptyDir,
  ensureImageVolume,
  imageVolumePath,
  podDir,
  podUidsOnDisk,
  removePodDir,
} from '../volumes/pod-volumes.ts';
import type { LauncherPod } from './launcher-pod.ts';
import type { PodRuntimeSettings } from './settings.ts';

export type PodIdentity = NetworkedPod;

export interface Box {
  readonly state: 'running' | 'exited';
  readonly startedAtMs: number;
}

interface TrackedBox extends Box {
  /** Handle of PID 1 and the watch on it, while it runs. */
  readonly process: { readonly pidFd: Fd; readonly watch: Disposable } | undefined;
}

export interface ExitReport {
  readonly exitCode: number;
  readonly reason: 'Completed' | 'Error' | 'OOMKilled';
  readonly message: string | undefined;
}

export interface LauncherHost {
  /** Sandboxes of an earlier process, and every Pod uid of which anything is on this host. */
  adopt(): Promise<Set<string>>;
  box(uid: string): Box | undefined;
  /** Sets up what is missing and starts the sandbox. Gives the addresses of the Pod. */
  start(pod: PodIdentity, launcher: LauncherPod, imageDirs: ReadonlyMap<string, string>): Promise<readonly string[]>;
  /** Addresses of a Pod that runs; sets the network up again where it was damaged. */
  addresses(pod: PodIdentity): Promise<readonly string[]>;
  /** SIGTERM to PID 1. */
  requestStop(uid: string): void;
  /** SIGKILL to all of the sandbox, at once. */
  kill(uid: string): void;
  readExit(uid: string): Promise<ExitReport>;
  /** Leaves nothing of the Pod on this host. */
  teardown(uid: string): Promise<void>;
  boundLogs(): Promise<void>;
  /** Lets go of every handle; the sandboxes go on. */
  close(): void;
}

export interface LauncherHostOptions {
  readonly settings: PodRuntimeSettings;
  readonly network: PodNetwork;
  readonly reactor: Reactor;
  /** PID 1 of this Pod's sandbox has ended. */
  readonly onExit: (uid: string) => void;
  /** Asked at each start, so that a repaired host is noticed. `kvm`: this launcher was granted KVM. */
  readonly hostFacts: (kvm: boolean) => Promise<SandboxHostFacts>;
}

const settleTimeoutMs = 5000;
const exitFile = 'exit-code';
const killedExitCode = 137;

export function createLauncherHost(options: LauncherHostOptions): LauncherHost {
  const { settings, network } = options;
  const boxes = new Map<string, TrackedBox>();
  /** Uids whose start has begun: something of it may exist even if it failed. */
  const begun = new Set<string>();
  const logPath = (uid: string) => join(podDir(settings.kubeletDir, uid), 'launcher.log');

  function track(uid: string, pid: number, startedAtMs: number): void {
    letGo(uid);
    const pidFd = pid > 0 ? openPidFd(pid) : undefined;
    if (pidFd === undefined) {
      boxes.set(uid, { state: 'exited', startedAtMs, process: undefined });
      return;
    }
    const watch = options.reactor.watch(pidFd, () => {
      letGo(uid);
      boxes.set(uid, { state: 'exited', startedAtMs, process: undefined });
      options.onExit(uid);
    });
    boxes.set(uid, { state: 'running', startedAtMs, process: { pidFd, watch } });
  }

  function letGo(uid: string): void {
    const process = boxes.get(uid)?.process;
    process?.watch[Symbol.dispose]();
    process?.pidFd.close();
  }

  function signal(uid: string, name: NodeJS.Signals): void {
    const process = boxes.get(uid)?.process;
    if (process !== undefined) {
      sendSignal(process.pidFd, name);
    }
  }

  /** What the runtime lists, after a start that an earlier process had under way has come to an end. */
  async function settledSandboxes() {
    const settled = async () => {
      const list = await listSandboxes(settings.sandbox);
      return list.some(({ status }) => status === 'creating' || status === 'created') ? undefined : list;
    };
    return pollUntil(settled, {
      timeoutMs: settleTimeoutMs,
      intervalMs: 50,
      doing: 'wait for sandboxes in creation',
    }).catch(() => listSandboxes(settings.sandbox));
  }

  async function adopt(): Promise<Set<string>> {
    const uids = new Set(await podUidsOnDisk(settings.kubeletDir));
    for (const sandbox of await settledSandboxes()) {
      uids.add(sandbox.id);
      if (sandbox.status === 'creating' || sandbox.status === 'created') {
        await deleteSandbox(settings.sandbox, sandbox.id);
        continue;
      }
      track(sandbox.id, sandbox.status === 'stopped' ? 0 : sandbox.pid, Date.parse(sandbox.created));
    }
    for (const uid of await halfMade(settings.sandbox.runDir)) {
      uids.add(uid);
      if (!boxes.has(uid)) {
        await deleteSandbox(settings.sandbox, uid);
      }
    }
    return uids;
  }

  /** Gives the host directory of each volume. */
  async function makeVolumes(
    uid: string,
    launcher: LauncherPod,
    imageDirs: ReadonlyMap<string, string>,
  ): Promise<ReadonlyMap<string, string>> {
    const { kubeletDir, sandbox } = settings;
    await mkdir(podDir(kubeletDir, uid), { recursive: true, mode: 0o711 });
    const emptyDirs = launcher.emptyDirs.map(async (volume): Promise<[string, string]> => {
      const path = emptyDirPath(kubeletDir, uid, volume);
      await ensureEmptyDir(path, sandbox);
      return [volume, path];
    });
    const images = [...imageDirs].map(async ([volume, dir]): Promise<[string, string]> => {
      await ensureImageVolume(imageVolumePath(kubeletDir, uid, volume), dir);
      return [volume, dir];
    });
    return new Map(await Promise.all([...emptyDirs, ...images]));
  }

  async function start(
    pod: PodIdentity,
    launcher: LauncherPod,
    imageDirs: ReadonlyMap<string, string>,
  ): Promise<readonly string[]> {
    const { sandbox } = settings;
    const [facts, devices, sources, net] = await Promise.all([
      options.hostFacts(launcher.devices.includes('/dev/kvm')),
      Promise.all(launcher.devices.map(findDevice)),
      makeVolumes(pod.uid, launcher, imageDirs),
      // Last, as it is synchronous: the files of the others are under way meanwhile.
      network.setup(pod),
    ]);
    failpoint('pod network up');
    begun.add(pod.uid);
    const pid = await startSandbox(
      sandbox,
      {
        id: pod.uid,
        hostname: launcher.hostname,
        netnsPath: net.netnsPath,
        command: launcher.command,
        env: launcher.env,
        mounts: launcher.mounts.map(({ volume, mountPath, readOnly }) => ({
          source: sources.get(volume) ?? '',
          destination: mountPath,
          readOnly,
        })),
        devices,
        resources: {
          memoryLimitBytes: launcher.memoryLimitBytes,
          cpuLimitMilli: launcher.cpuLimitMilli,
          cpuRequestMilli: launcher.cpuRequestMilli,
          pidsLimit: settings.pidsLimit,
        },
        annotations: {
          'io.kubernetes.pod.namespace': pod.namespace,
          'io.kubernetes.pod.name': pod.name,
          'io.kubernetes.pod.uid': pod.uid,
        },
      },
      facts,
      logPath(pod.uid),
    );
    failpoint('sandbox up');
    track(pod.uid, pid, Date.now());
    return net.ips;
  }

  async function readExit(uid: string): Promise<ExitReport> {
    const oomKills = await countOomKills(sandboxCgroup(settings.sandbox, uid));
    const exitCode = await readExitCode(join(emptyDirPath(settings.kubeletDir, uid, 'private'), exitFile));
    if (exitCode === 0) {
      return { exitCode, reason: 'Completed', message: undefined };
    }
    const tail = await readTail(logPath(uid), 1000);
    return {
      exitCode: exitCode ?? killedExitCode,
      reason: oomKills > 0 ? 'OOMKilled' : 'Error',
      message: oomKills > 0 ? 'the sandbox ran out of its memory limit' : tail,
    };
  }

  return {
    adopt,
    box: (uid) => boxes.get(uid),
    start,
    addresses: async (pod) => (await network.setup(pod)).ips,
    requestStop: (uid) => signal(uid, 'SIGTERM'),
    // The end of PID 1 ends every process of its PID namespace.
    kill: (uid) => signal(uid, 'SIGKILL'),
    readExit,
    async teardown(uid) {
      if (boxes.has(uid) || begun.has(uid)) {
        await deleteSandbox(settings.sandbox, uid);
        letGo(uid);
        boxes.delete(uid);
        begun.delete(uid);
      }
      await network.teardown(uid);
      await removePodDir(settings.kubeletDir, uid);
    },
    async boundLogs() {
      for (const uid of boxes.keys()) {
        await boundLog(logPath(uid), settings.logLimitBytes);
      }
    },
    close() {
      for (const uid of boxes.keys()) {
        letGo(uid);
      }
      boxes.clear();
    },
  };
}

/** Ids of which the OCI runtime or the bundles have a directory, listed or not. */
async function halfMade(runDir: string): Promise<Set<string>> {
  const ids = new Set<string>();
  for (const dir of ['runtime', 'bundles']) {
    const names = await readdir(join(runDir, dir)).catch((error: unknown) => {
      if (errorCode(error) === 'ENOENT') {
        return [];
      }
      throw error;
    });
    names.forEach((name) => ids.add(name));
  }
  return ids;
}

async function findDevice(path: string): Promise<SandboxDevice> {
  let rdev: number;
  try {
    const found = await stat(path);
    if (!found.isCharacterDevice()) {
      throw new UnsupportedError(`${path} is no character device on this host`);
    }
    ({ rdev } = found);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') {
      throw new UnsupportedError(`${path} is not on this host: load its kernel module, or do not ask for it`);
    }
    throw error;
  }
  // glibc's dev_t layout (sys/sysmacros.h); numbers of character devices fit 12 and 20 bits.
  const device = BigInt(rdev);
  return {
    path,
    type: 'c',
    major: Number((device >> 8n) & 0xfffn),
    minor: Number((device & 0xffn) | ((device >> 12n) & 0xfff00n)),
  };
}

/** Written by the sandbox's own PID 1: bounded, no link followed, no pipe waited for. */
async function readExitCode(path: string): Promise<number | undefined> {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, 0);
      const text = buffer.toString('latin1', 0, bytesRead).trim();
      return /^\d{1,3}$/u.test(text) ? Math.min(255, Number(text)) : undefined;
    } finally {
      await file.close();
    }
  } catch (error) {
    if (['ENOENT', 'ELOOP', 'ENXIO', 'EISDIR', 'EAGAIN', 'EINVAL'].includes(errorCode(error))) {
      return undefined;
    }
    throw error;
  }
}

async function countOomKills(cgroup: string): Promise<number> {
  for (const path of [`/sys/fs/cgroup/memory${cgroup}/memory.oom_control`, `/sys/fs/cgroup${cgroup}/memory.events`]) {
    const text = await readFile(path, 'utf8').catch(() => '');
    const count = /^oom_kill (\d+)$/mu.exec(text)?.[1];
    if (count !== undefined) {
      return Number(count);
    }
  }
  return 0;
}

async function readTail(path: string, limitBytes: number): Promise<string | undefined> {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      const { size } = await file.stat();
      const length = Math.min(size, limitBytes);
      const { buffer } = await file.read(Buffer.alloc(length), 0, length, size - length);
      return buffer.toString('utf8').trim();
    } finally {
      await file.close();
    }
  } catch (error) {
    if (errorCode(error) === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
}

/** The sandbox appends to this file; when too long it starts again from empty. */
async function boundLog(path: string, limitBytes: number): Promise<void> {
  try {
    if ((await lstat(path)).size > limitBytes) {
      const file = await open(path, constants.O_WRONLY | constants.O_NOFOLLOW);
      try {
        await file.truncate(0);
      } finally {
        await file.close();
      }
    }
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') {
      throw error;
    }
  }
}
