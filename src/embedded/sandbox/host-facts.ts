/** What `buildOciSpec` has to know about this host, read once at start. */
import { readFile, readdir, stat } from 'node:fs/promises';
import { errorCode } from '../../base/errors.ts';

/** Highest values this process may give to a sandbox, by name; a name that is absent has no ceiling. */
export type RlimitCeilings = Readonly<Partial<Record<'RLIMIT_NOFILE' | 'RLIMIT_MEMLOCK', number>>>;

/** In order of preference. */
export const libvirtDaemons = ['/usr/sbin/virtqemud', '/usr/sbin/libvirtd'] as const;

const capSysResource = 1n << 24n;

/**
 * Whether a swap limit may be asked for. v1 says so at the root. v2 says so only in a cgroup that has the memory
 * controller, of which a fresh host without systemd has none yet: there, whether the kernel can swap tells.
 */
export async function hasSwapAccounting(root = '/sys/fs/cgroup'): Promise<boolean> {
  if (await isThere(`${root}/memory/memory.memsw.limit_in_bytes`)) {
    return true;
  }
  if (!(await isThere(`${root}/cgroup.controllers`))) {
    return false;
  }
  const children = await readdir(root, { withFileTypes: true });
  for (const { name } of children.filter((entry) => entry.isDirectory())) {
    if (await isThere(`${root}/${name}/memory.max`)) {
      return isThere(`${root}/${name}/memory.swap.max`);
    }
  }
  return isThere('/proc/swaps');
}

/** The libvirt daemon of this host: the modular one where both are installed, as the launcher's init chooses too. */
export async function findLibvirtDaemon(): Promise<string | undefined> {
  for (const path of libvirtDaemons) {
    if (await isThere(path)) {
      return path;
    }
  }
  return undefined;
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') {
      return false;
    }
    throw error;
  }
}

/** Without CAP_SYS_RESOURCE a hard limit can only be lowered (setrlimit(2)), so our own hard limits are the ceilings. */
export async function rlimitCeilings(): Promise<RlimitCeilings> {
  const [status, limits] = await Promise.all([
    readFile('/proc/self/status', 'utf8'),
    readFile('/proc/self/limits', 'utf8'),
  ]);
  return parseRlimitCeilings(status, limits);
}

export function parseRlimitCeilings(status: string, limits: string): RlimitCeilings {
  const effective = /^CapEff:\s*([0-9a-f]+)$/mu.exec(status)?.[1];
  if (effective !== undefined && (BigInt(`0x${effective}`) & capSysResource) !== 0n) {
    return {};
  }
  const nofile = hardLimit(limits, 'Max open files');
  const memlock = hardLimit(limits, 'Max locked memory');
  return {
    ...(nofile === undefined ? {} : { RLIMIT_NOFILE: nofile }),
    ...(memlock === undefined ? {} : { RLIMIT_MEMLOCK: memlock }),
  };
}

function hardLimit(limits: string, name: string): number | undefined {
  const line = limits.split('\n').find((candidate) => candidate.startsWith(name));
  const hard = line?.slice(name.length).trim().split(/\s+/u)[1];
  return hard === undefined || hard === 'unlimited' ? undefined : Number(hard);
}
