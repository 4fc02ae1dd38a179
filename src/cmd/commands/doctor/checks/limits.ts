import { ok, problem, skipped, warning, type Check } from '../check.ts';
import { formatSize, parseWhole, percent, readHardLimit, readSetting, readStatusBits } from './parse.ts';

const capSysResource = 1n << 24n;
const memlockLeastBytes = 8 * 1024 * 1024;

const memlock: Check = {
  name: 'limits-memlock',
  look({ files }) {
    const hard = readHardLimit(files, 'Max locked memory');
    const capabilities = readStatusBits(files, 'CapEff');
    if (hard === undefined || capabilities === undefined) {
      return skipped('/proc/self/limits does not tell');
    }
    if (hard === 'unlimited' || (capabilities & capSysResource) !== 0n) {
      return ok('can be raised for each VM', 'QEMU may lock what it must');
    }
    return hard < memlockLeastBytes
      ? warning(
          `at most ${formatSize(hard)} of locked memory`,
          'VMs whose memory must be locked fail to start',
          'run vmlet as root with CAP_SYS_RESOURCE, or set LimitMEMLOCK=infinity in its unit',
        )
      : ok(`at most ${formatSize(hard)}`, 'enough for QEMU without locked guest memory');
  },
};

const filesLeast = 4096;
const fullPercent = 80;

const openFiles: Check = {
  name: 'limits-files',
  look({ files }) {
    const hard = readHardLimit(files, 'Max open files');
    const [used, , most] = (files.read('/proc/sys/fs/file-nr') ?? '').split(/\s+/).map((text) => parseWhole(text));
    if (hard === undefined || used === undefined) {
      return skipped('/proc/self/limits or fs.file-nr does not tell');
    }
    if (hard !== 'unlimited' && hard < filesLeast) {
      return warning(
        `at most ${hard} open files for a process`,
        'with many VMs vmlet runs out of descriptors',
        'ulimit -Hn 65536 before `vmlet up`, or LimitNOFILE=65536 in its unit',
      );
    }
    return most !== undefined && percent(used, most) >= fullPercent
      ? warning(
          `${used} of ${most} open files of this host in use`,
          'QEMU cannot open its disks once they are used up',
          `sysctl -w fs.file-max=${most * 2}`,
        )
      : ok(`${hard} for a process`, 'enough for many VMs');
  },
};

/** Threads of a running VM: init, libvirt daemon, QEMU with two virtual CPUs. */
const threadsPerVm = 30;

const processes: Check = {
  name: 'limits-processes',
  look({ files }) {
    const pidMax = readSetting(files, 'kernel/pid_max');
    const threadsMax = readSetting(files, 'kernel/threads-max');
    const used = parseWhole(/\d+\/(\d+) /.exec(files.read('/proc/loadavg') ?? '')?.[1]);
    if (pidMax === undefined || threadsMax === undefined || used === undefined) {
      return skipped('kernel.pid_max, kernel.threads-max or /proc/loadavg does not tell');
    }
    const most = Math.min(pidMax, threadsMax);
    const left = most - used;
    const seen = `${used} of ${most} threads in use`;
    const remedy = `sysctl -w kernel.pid_max=${Math.max(pidMax, 4_194_304)} kernel.threads-max=${Math.max(threadsMax, 1_000_000)}`;
    if (left < threadsPerVm) {
      return problem(seen, 'no further VM can start', remedy);
    }
    return percent(used, most) >= fullPercent
      ? warning(seen, `room for about ${Math.floor(left / threadsPerVm)} more VMs`, remedy)
      : ok(seen, `room for about ${Math.floor(left / threadsPerVm)} more VMs`);
  },
};

/** Events that QEMU reserves for each of its event loops with an io=native disk (MAX_EVENTS of block/linux-aio.c). */
const aioPerLoop = 1024;

const aio: Check = {
  name: 'limits-aio',
  look({ files }) {
    const used = readSetting(files, 'fs/aio-nr');
    const most = readSetting(files, 'fs/aio-max-nr');
    if (used === undefined || most === undefined) {
      return skipped('the kernel has no asynchronous I/O');
    }
    const seen = `${used} of ${most} events in use`;
    const room = Math.floor((most - used) / aioPerLoop);
    return room < 16
      ? warning(
          seen,
          `room for ${room} more VMs (or I/O threads) with native asynchronous I/O; others fail to start`,
          'sysctl -w fs.aio-max-nr=1048576',
        )
      : ok(seen, `room for ${room} more VMs (or I/O threads) with native asynchronous I/O`);
  },
};

const instancesLeast = 128;
const watchesLeast = 8192;

const inotify: Check = {
  name: 'limits-inotify',
  look({ files }) {
    const instances = readSetting(files, 'fs/inotify/max_user_instances');
    const watches = readSetting(files, 'fs/inotify/max_user_watches');
    if (instances === undefined || watches === undefined) {
      return skipped('the kernel has no inotify');
    }
    const seen = `${instances} instances, ${watches} watches for a user`;
    return instances < instancesLeast || watches < watchesLeast
      ? warning(
          seen,
          'less than the default of the kernel: services that watch files fail when it is used up',
          `sysctl -w fs.inotify.max_user_instances=${Math.max(instances, 1024)} fs.inotify.max_user_watches=${Math.max(watches, 524_288)}`,
        )
      : ok(seen, 'what the kernel gives by default, or more');
  },
};

export const limitChecks: readonly Check[] = [memlock, openFiles, processes, aio, inotify];
