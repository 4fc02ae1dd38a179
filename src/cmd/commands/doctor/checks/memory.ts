import { ok, problem, skipped, warning, type Check } from '../check.ts';
import { countList, formatSize, parseWhole, percent, readMeminfo, readSetting } from './parse.ts';

const mebibyte = 1024 * 1024;
/** Less than this holds no VM: the launcher's overhead and a small guest. */
const leastBytes = 256 * mebibyte;
const comfortableBytes = 1024 * mebibyte;

const available: Check = {
  name: 'memory-available',
  look({ files }) {
    const free = readMeminfo(files, 'MemAvailable');
    const total = readMeminfo(files, 'MemTotal');
    if (free === undefined || total === undefined) {
      return skipped('/proc/meminfo does not tell');
    }
    const seen = `${formatSize(free)} of ${formatSize(total)} available`;
    const remedy = 'stop what is not needed (ps aux --sort=-rss | head), or add memory';
    if (free < leastBytes) {
      return problem(seen, 'not even a small VM fits: guests would be killed for lack of memory', remedy);
    }
    return free < comfortableBytes
      ? warning(seen, 'only a small VM fits', remedy)
      : ok(seen, 'room for VMs of about this size together');
  },
};

const swapFullPercent = 90;

const swap: Check = {
  name: 'memory-swap',
  look({ files }) {
    const total = readMeminfo(files, 'SwapTotal');
    const free = readMeminfo(files, 'SwapFree');
    if (total === undefined || free === undefined) {
      return skipped('/proc/meminfo does not tell');
    }
    if (total === 0) {
      return ok('no swap', 'guest memory stays in memory');
    }
    const seen = `${formatSize(total - free)} of ${formatSize(total)} swap in use`;
    return percent(total - free, total) < swapFullPercent
      ? ok(seen, 'guest memory may be written to the swap device')
      : warning(
          seen,
          'this host is short of memory: guests are slow, and may be killed',
          'stop some VMs, or add memory',
        );
  },
};

const overcommit: Check = {
  name: 'memory-overcommit',
  look({ files }) {
    const value = readSetting(files, 'vm/overcommit_memory');
    if (value === undefined) {
      return skipped('the kernel shows no vm.overcommit_memory');
    }
    return value === 2
      ? warning(
          'vm.overcommit_memory=2',
          'QEMU reserves more memory than it uses: VMs may fail to start although memory is free',
          'sysctl -w vm.overcommit_memory=0',
        )
      : ok(`vm.overcommit_memory=${value}`, 'QEMU can reserve the memory of its guest');
  },
};

const mapCountLeast = 65_530;

const mapCount: Check = {
  name: 'memory-map-count',
  look({ files }) {
    const value = readSetting(files, 'vm/max_map_count');
    if (value === undefined) {
      return skipped('the kernel shows no vm.max_map_count');
    }
    return value < mapCountLeast
      ? warning(
          `vm.max_map_count=${value}, below the kernel's default`,
          'QEMU with many devices or much memory may fail to map it',
          `sysctl -w vm.max_map_count=${mapCountLeast}`,
        )
      : ok(`vm.max_map_count=${value}`, 'QEMU can map what it needs');
  },
};

const thp: Check = {
  name: 'memory-thp',
  look({ files }) {
    const chosen = /\[(\w+)\]/.exec(files.read('/sys/kernel/mm/transparent_hugepage/enabled') ?? '')?.[1];
    if (chosen === undefined) {
      return skipped('the kernel has no transparent huge pages');
    }
    return chosen === 'never'
      ? warning(
          'transparent huge pages: never',
          'guests are slower in work that uses much memory',
          'echo madvise > /sys/kernel/mm/transparent_hugepage/enabled',
        )
      : ok(`transparent huge pages: ${chosen}`, 'QEMU asks for them for guest memory and gets them');
  },
};

const ksm: Check = {
  name: 'memory-ksm',
  look({ files }) {
    const run = files.read('/sys/kernel/mm/ksm/run');
    if (run === undefined) {
      return skipped('the kernel has no KSM');
    }
    return run === '1'
      ? warning(
          'KSM merges equal pages of different guests',
          'a guest can find out by timing which pages others hold; merging takes CPU time',
          'echo 2 > /sys/kernel/mm/ksm/run, and disable the service that starts it (ksmtuned)',
        )
      : ok('KSM does not run', 'guests share no pages');
  },
};

const hugepagesRoot = '/sys/kernel/mm/hugepages';

const hugepages: Check = {
  name: 'memory-hugepages',
  look({ files }) {
    const sizes = files.list(hugepagesRoot);
    if (sizes === undefined) {
      return skipped('the kernel has no huge pages');
    }
    const reserved = sizes.flatMap((size) => {
      const count = parseWhole(files.read(`${hugepagesRoot}/${size}/nr_hugepages`)) ?? 0;
      const free = parseWhole(files.read(`${hugepagesRoot}/${size}/free_hugepages`)) ?? 0;
      const bytes = Number(/^hugepages-(\d{1,9})kB$/.exec(size)?.[1] ?? 0) * 1024;
      return count > 0 ? [{ count, free, bytes }] : [];
    });
    if (reserved.length === 0) {
      return ok('none reserved', 'no memory is set aside; VMs that ask for huge pages need some reserved');
    }
    const seen = reserved.map(({ count, free, bytes }) => `${free} of ${count} x ${formatSize(bytes)} free`).join(', ');
    const held = reserved.reduce((sum, { free, bytes }) => sum + free * bytes, 0);
    const total = readMeminfo(files, 'MemTotal') ?? 0;
    return total > 0 && percent(held, total) >= 50
      ? warning(
          seen,
          `${percent(held, total)} % of the memory is set aside and unused: VMs without huge pages cannot have it`,
          'sysctl -w vm.nr_hugepages=NUMBER, with fewer',
        )
      : ok(seen, 'VMs that ask for huge pages can have these');
  },
};

const numa: Check = {
  name: 'memory-numa',
  look({ files }) {
    const nodes = countList(files.read('/sys/devices/system/node/online'));
    const reclaim = readSetting(files, 'vm/zone_reclaim_mode');
    if (nodes === undefined || reclaim === undefined) {
      return skipped('the kernel has no NUMA');
    }
    const seen = `${nodes} node${nodes === 1 ? '' : 's'}, vm.zone_reclaim_mode=${reclaim}`;
    return nodes > 1 && reclaim !== 0
      ? warning(
          seen,
          'a node that is full drops its page cache rather than use another node: guests stall',
          'sysctl -w vm.zone_reclaim_mode=0',
        )
      : ok(seen, nodes === 1 ? 'all memory is equally near' : 'guests can use the memory of every node');
  },
};

export const memoryChecks: readonly Check[] = [available, swap, overcommit, mapCount, thp, ksm, hugepages, numa];
