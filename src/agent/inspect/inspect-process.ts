/** One process of a sandbox: its threads, limits and open devices. */
import fs from 'node:fs';
import { errorCode } from '../../base/errors.ts';
import { formatCpuList } from '../../linux/numa/cpu-list.ts';
import { readThreadAffinity } from '../../linux/process/affinity.ts';
import {
  listFds,
  listThreadStats,
  readCommandLine,
  readLimits,
  readMemory,
  readStat,
  readStatus,
} from '../../linux/process/process.ts';
import type { Resource } from '../../linux/process/resource-limit.ts';
import { readScheduling } from '../../linux/process/scheduling.ts';
import type { ThreadStat } from '../../linux/process/types.ts';
import type { InspectedDevice, InspectedProcess, InspectedThread } from '../../vm/inspection/inspection.ts';

const seccompModes = ['disabled', 'strict', 'filter'];
const threadsMax = 512;
const descriptorsMax = 4096;
const devicesMax = 128;
/** USER_HZ of every Linux machine that we know of (time(7)): a tick of /proc is 10 ms. */
const microsPerTick = 10_000;
const limitNames = { memlock: 'RLIMIT_MEMLOCK', nofile: 'RLIMIT_NOFILE' } as const satisfies Readonly<
  Record<string, Resource>
>;

/** undefined when it has ended. */
export function inspectProcess(pid: number): InspectedProcess | undefined {
  const status = readStatus(pid);
  if (status === undefined) {
    return undefined;
  }
  const threads = (listThreadStats(pid) ?? []).slice(0, threadsMax);
  const isKernelThread = readCommandLine(pid)?.length === 0 && readStat(pid)?.state !== 'Z';
  return {
    pid,
    command: status.name,
    uid: status.uids[0] ?? -1,
    threads: status.threadCount,
    threadList: threads.flatMap((thread) => inspectThread(thread) ?? []),
    anonymousKiB: Math.round((readMemory(pid)?.anonymousBytes ?? 0) / 1024),
    seccomp: seccompModes[status.seccompMode] ?? String(status.seccompMode),
    seccompFilters: status.seccompFilters,
    noNewPrivileges: status.noNewPrivileges,
    capabilities: status.capabilitiesEffective.toString(16),
    limits: shownLimits(pid),
    lockedKiB: Math.round((status.lockedBytes + status.pinnedBytes) / 1024),
    hugetlbKiB: Math.round(status.hugetlbBytes / 1024),
    devices: listDevices(pid),
    ...(isKernelThread ? { kernelThread: true as const } : {}),
  };
}

function inspectThread({ tid, comm, processor, userTicks, systemTicks }: ThreadStat): InspectedThread | undefined {
  const cpus = readThreadAffinity(tid);
  const scheduling = readScheduling(tid);
  if (cpus === undefined || scheduling === undefined) {
    return undefined;
  }
  const { policy, nice, realtimePriority } = scheduling;
  const vcpu = /^CPU (\d{1,5})\//.exec(comm)?.[1];
  return {
    tid,
    name: comm,
    ...(vcpu === undefined ? {} : { vcpu: Number(vcpu) }),
    ...(processor === undefined ? {} : { lastCpu: processor }),
    affinity: formatCpuList(cpus),
    policy,
    nice,
    ...(realtimePriority === 0 ? {} : { priority: realtimePriority }),
    cpuMicros: Number(userTicks + systemTicks) * microsPerTick,
  };
}

function shownLimits(pid: number): NonNullable<InspectedProcess['limits']> {
  const limits = readLimits(pid);
  return Object.fromEntries(
    Object.entries(limitNames).flatMap(([name, resource]) => {
      const limit = limits?.[resource];
      return limit === undefined ? [] : [[name, { soft: String(limit.soft), hard: String(limit.hard) }]];
    }),
  );
}

/** Devices of the host that it has open; what every program has (null, terminals) is left out. */
function listDevices(pid: number): InspectedDevice[] {
  return (listFds(pid) ?? [])
    .slice(0, descriptorsMax)
    .flatMap(({ fd, target }): InspectedDevice[] => {
      const inode = /^anon_inode:\[?(kvm-vm|kvm-vcpu|vfio[a-z-]*|iommufd)(?::(\d+))?\]?$/.exec(target);
      if (inode !== null) {
        const [, device = '', number] = inode;
        return [{ fd, device, ...(number === undefined ? {} : { of: `vCPU ${number}` }) }];
      }
      if (
        !/^\/dev\/(kvm|net\/tun|vhost-[a-z]+|vfio\/|iommu|sev|tap|vhci|hwrng|dri\/|dm-|sd|vd|nvme|loop|mapper\/)/.test(
          target,
        )
      ) {
        return [];
      }
      const tap = target === '/dev/net/tun' ? readTap(pid, fd) : undefined;
      return [{ fd, device: target, ...(tap === undefined ? {} : { of: tap }) }];
    })
    .slice(0, devicesMax);
}

/** The TAP that a descriptor of /dev/net/tun is attached to (drivers/net/tun.c, tun_chr_show_fdinfo). */
function readTap(pid: number, fd: number): string | undefined {
  try {
    const name = /^iff:\t(\S+)$/m.exec(fs.readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8'))?.[1];
    return name === undefined ? 'no TAP: it was deleted' : `queue of ${name}`;
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes(errorCode(error))) {
      return undefined;
    }
    throw error;
  }
}
