/** A sandbox request as an OCI runtime configuration. Pure: all facts about the host come in as arguments. */
import { basename } from 'node:path';
import type { RlimitCeilings } from './host-facts.ts';
import { launcherSeccomp } from './launcher-seccomp.ts';
import type { OciDevice, OciDeviceRule, OciMount, OciSpec } from './oci-types.ts';
import { sandboxCgroup } from './settings.ts';
import type { SandboxSettings } from './settings.ts';

export interface SandboxMount {
  /** Absolute host path: a directory of this Pod or of the image store. */
  readonly source: string;
  /** Absolute path inside. `/var/run/...` and `/run/...` are the same place. */
  readonly destination: string;
  readonly readOnly: boolean;
}

/** A device node granted to the sandbox, owned by its user with mode 0600, and its line in the device allow list. */
export interface SandboxDevice {
  readonly path: string;
  readonly type: 'c' | 'b';
  readonly major: number;
  readonly minor: number;
}

export interface SandboxResources {
  readonly memoryLimitBytes?: number | undefined;
  /** CPU limit in thousandths of a core: CFS quota over a period of 100 ms. */
  readonly cpuLimitMilli?: number | undefined;
  /** CPU request in thousandths of a core: shares. */
  readonly cpuRequestMilli?: number | undefined;
  readonly pidsLimit: number;
  /** RLIMIT_MEMLOCK; the kernel's default of 8 MiB when absent. */
  readonly memlockBytes?: number | undefined;
}

export interface SandboxRequest {
  /** Pod uid; names the container, its bundle and its cgroup. */
  readonly id: string;
  readonly hostname: string;
  /** A pinned network namespace; absent gives the sandbox a new, empty one. */
  readonly netnsPath?: string | undefined;
  /** Program and arguments as the Pod has them. */
  readonly command: readonly string[];
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly mounts: readonly SandboxMount[];
  readonly devices: readonly SandboxDevice[];
  readonly resources: SandboxResources;
  /** Kept in the runtime's state; `list` gives them back. */
  readonly annotations: Readonly<Record<string, string>>;
}

export interface SandboxHostFacts {
  readonly rootDir: string;
  /** `process.arch`. */
  readonly arch: string;
  /** Swap is accounted, so a limit on it can be set. */
  readonly swapAccounting: boolean;
  readonly rlimitCeilings: RlimitCeilings;
  /**
   * The host's libvirt daemon, mounted once more under `/vmlet/libvirt/`: distributions attach AppArmor profiles to its
   * usual path, which know nothing of sandboxes and, with no_new_privs, keep it from starting QEMU.
   */
  readonly daemonPath?: string | undefined;
  /** Warm libvirt capabilities, mounted read-only; without it libvirt probes QEMU itself. */
  readonly capabilitiesDir?: string | undefined;
  /** Only while the warm-up fills the directory. */
  readonly capabilitiesWritable?: boolean;
}

/** The launcher's init as the Pod names it (the path in the launcher image) and where the sandbox has it. */
export const launcherInitPath = '/usr/lib/vmlet/init';
const sandboxInitPath = '/vmlet/init';

const cpuPeriodUs = 100_000;

// As Docker and containerd have them (moby oci/defaults.go).
const maskedPaths = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/sys/devices/virtual/powercap',
  '/sys/firmware',
];
const readonlyPaths = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

export function buildOciSpec(request: SandboxRequest, settings: SandboxSettings, facts: SandboxHostFacts): OciSpec {
  const [program = '', ...args] = request.command;
  return {
    ociVersion: '1.0.2',
    hostname: request.hostname,
    root: { path: facts.rootDir, readonly: true },
    process: {
      terminal: false,
      user: { uid: settings.uid, gid: settings.gid },
      args: [program === launcherInitPath ? sandboxInitPath : program, ...args],
      env: ['PATH=/usr/sbin:/usr/bin:/sbin:/bin', ...request.env.map(({ name, value }) => `${name}=${value}`)],
      cwd: '/',
      capabilities: { bounding: [], effective: [], inheritable: [], permitted: [], ambient: [] },
      rlimits: rlimits(request.resources, facts.rlimitCeilings),
      noNewPrivileges: true,
    },
    mounts: [...baseMounts(settings, facts), ...request.mounts.map(bindMount)],
    annotations: request.annotations,
    linux: {
      cgroupsPath: sandboxCgroup(settings, request.id),
      namespaces: [
        { type: 'network', ...(request.netnsPath === undefined ? {} : { path: request.netnsPath }) },
        { type: 'mount' },
        { type: 'pid' },
        { type: 'ipc' },
        { type: 'uts' },
      ],
      devices: request.devices.map((device) => deviceNode(device, settings)),
      resources: {
        // The runtime adds its own fixed set after these: null zero full random urandom tty ptmx pts.
        devices: [{ allow: false, access: 'rwm' }, ...request.devices.map(deviceRule)],
        ...memoryLimits(request.resources, facts),
        ...cpuLimits(request.resources),
        pids: { limit: request.resources.pidsLimit },
      },
      seccomp: launcherSeccomp(facts.arch),
      maskedPaths,
      readonlyPaths,
      rootfsPropagation: 'rprivate',
    },
  };
}

function baseMounts(settings: SandboxSettings, facts: SandboxHostFacts): OciMount[] {
  const own = `uid=${settings.uid},gid=${settings.gid}`.split(',');
  const tmpfs = (destination: string, size: string, ...options: string[]): OciMount => ({
    destination,
    type: 'tmpfs',
    source: 'tmpfs',
    options: ['nosuid', 'nodev', 'noexec', `size=${size}`, ...options],
  });
  return [
    { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
    {
      destination: '/dev',
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'noexec', 'strictatime', 'mode=755', 'size=64k'],
    },
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', `gid=${settings.gid}`],
    },
    tmpfs('/dev/shm', '1m', 'mode=1777'),
    { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
    { destination: '/usr', type: 'bind', source: '/usr', options: ['bind', 'ro', 'nosuid', 'nodev'] },
    ...(facts.daemonPath === undefined
      ? []
      : [
          {
            destination: `/vmlet/libvirt/${basename(facts.daemonPath)}`,
            type: 'bind',
            source: facts.daemonPath,
            options: ['bind', 'ro', 'nosuid', 'nodev'],
          },
        ]),
    tmpfs('/tmp', '4m', 'mode=1777'),
    tmpfs('/run', '4m', 'mode=755', ...own),
    tmpfs('/var/cache/libvirt/qemu', '8m', 'mode=700', ...own),
    ...(facts.capabilitiesDir === undefined
      ? []
      : [
          {
            destination: '/var/cache/libvirt/qemu/cache/capabilities',
            type: 'bind',
            source: facts.capabilitiesDir,
            options: ['bind', facts.capabilitiesWritable === true ? 'rw' : 'ro', 'nosuid', 'nodev', 'noexec'],
          },
        ]),
  ];
}

function bindMount(mount: SandboxMount): OciMount {
  return {
    // /var/run is a link to /run in the skeleton; naming the target keeps mountinfo and runtime in agreement.
    destination: mount.destination.replace(/^\/var\/run(?=\/|$)/u, '/run'),
    type: 'bind',
    source: mount.source,
    options: ['bind', mount.readOnly ? 'ro' : 'rw', 'nosuid', 'nodev', 'noexec', 'rprivate'],
  };
}

function deviceNode(device: SandboxDevice, settings: SandboxSettings): OciDevice {
  return { ...device, fileMode: 0o600, uid: settings.uid, gid: settings.gid };
}

function deviceRule(device: SandboxDevice): OciDeviceRule {
  return { allow: true, type: device.type, major: device.major, minor: device.minor, access: 'rw' };
}

function rlimits(resources: SandboxResources, ceilings: RlimitCeilings): OciSpec['process']['rlimits'] {
  const both = (type: 'RLIMIT_NOFILE' | 'RLIMIT_MEMLOCK' | 'RLIMIT_CORE', wanted: number) => {
    const value = Math.min(wanted, type === 'RLIMIT_CORE' ? wanted : (ceilings[type] ?? wanted));
    return { type, hard: value, soft: value };
  };
  return [
    both('RLIMIT_CORE', 0),
    both('RLIMIT_NOFILE', 65_536),
    ...(resources.memlockBytes === undefined ? [] : [both('RLIMIT_MEMLOCK', resources.memlockBytes)]),
  ];
}

function memoryLimits(
  resources: SandboxResources,
  facts: SandboxHostFacts,
): { memory?: { limit: number; swap?: number } } {
  const limit = resources.memoryLimitBytes;
  if (limit === undefined) {
    return {};
  }
  // `swap` is memory plus swap: the same number means no swap.
  return { memory: facts.swapAccounting ? { limit, swap: limit } : { limit } };
}

function cpuLimits(resources: SandboxResources): { cpu?: { shares?: number; quota?: number; period?: number } } {
  const { cpuLimitMilli, cpuRequestMilli } = resources;
  const shares =
    cpuRequestMilli === undefined ? 2 : Math.min(262_144, Math.max(2, Math.floor((cpuRequestMilli * 1024) / 1000)));
  return {
    cpu: {
      shares,
      ...(cpuLimitMilli === undefined
        ? {}
        : { period: cpuPeriodUs, quota: Math.max(1000, Math.floor((cpuLimitMilli * cpuPeriodUs) / 1000)) }),
    },
  };
}
