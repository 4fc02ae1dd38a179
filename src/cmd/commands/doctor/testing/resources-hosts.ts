/** Hosts on which the checks about memory, limits and storage are not content, and others near by. */
import type { CheckName } from '../check-names.ts';
import { notRoot, without, set, file, space, onMount, throwing, hugepages, at, type OtherHost } from './changes.ts';
import * as good from './good-host.ts';

export const resourcesHosts = {
  'memory-available': [
    at('none', file('/proc/meminfo', 'MemTotal: 1000000 kB\nMemAvailable: 100000 kB\n'), 'problem', /97\.7 MiB/),
    at('little', file('/proc/meminfo', 'MemTotal: 1000000 kB\nMemAvailable: 600000 kB\n'), 'warning', /586 MiB/),
    at('not told', file('/proc/meminfo', 'MemTotal: 1000000 kB\n'), 'skipped', /does not tell/),
  ],
  'memory-swap': [
    at('full', file('/proc/meminfo', 'SwapTotal: 1000000 kB\nSwapFree: 1000 kB\n'), 'warning', /swap in use/),
    at('some', file('/proc/meminfo', 'SwapTotal: 1000000 kB\nSwapFree: 900000 kB\n'), 'ok', /swap in use/),
    at('not told', without('/proc/meminfo'), 'skipped', /does not tell/),
  ],
  'memory-overcommit': [
    at('never', set('vm/overcommit_memory', '2'), 'warning', /=2/),
    at('not told', without('/proc/sys/vm/overcommit_memory'), 'skipped', /shows no/),
  ],
  'memory-map-count': [
    at('low', set('vm/max_map_count', '1000'), 'warning', /=1000/),
    at('not told', without('/proc/sys/vm/max_map_count'), 'skipped', /shows no/),
  ],
  'memory-thp': [
    at('never', file('/sys/kernel/mm/transparent_hugepage/enabled', 'always madvise [never]\n'), 'warning', /never/),
    at('none', without('/sys/kernel/mm/transparent_hugepage/enabled'), 'skipped', /no transparent/),
  ],
  'memory-ksm': [
    at('runs', file('/sys/kernel/mm/ksm/run', '1\n'), 'warning', /merges/),
    at('none', without('/sys/kernel/mm/ksm/run'), 'skipped', /no KSM/),
  ],
  'memory-hugepages': [
    at(
      'most of the memory set aside',
      { files: { [`${hugepages}/nr_hugepages`]: '6000\n', [`${hugepages}/free_hugepages`]: '6000\n' } },
      'warning',
      /6000 of 6000 x 2\.0 MiB free/,
    ),
    at(
      'some, in use',
      { files: { [`${hugepages}/nr_hugepages`]: '6000\n', [`${hugepages}/free_hugepages`]: '100\n' } },
      'ok',
      /100 of 6000/,
    ),
    at(
      'none',
      { files: { [`${hugepages}/nr_hugepages`]: undefined, [`${hugepages}/free_hugepages`]: undefined } },
      'skipped',
      /no huge pages/,
    ),
  ],
  'memory-numa': [
    at(
      'two nodes that reclaim',
      { files: { '/sys/devices/system/node/online': '0-1\n', '/proc/sys/vm/zone_reclaim_mode': '1\n' } },
      'warning',
      /2 nodes/,
    ),
    at('none', without('/sys/devices/system/node/online'), 'skipped', /no NUMA/),
  ],
  'limits-memlock': [
    at(
      'low, without the right to raise it',
      {
        files: {
          '/proc/self/status': 'CapEff:\t0000000000000000\n',
          '/proc/self/limits': good.limits.replaceAll('8388608 ', '65536   '),
        },
      },
      'warning',
      /64\.0 KiB/,
    ),
    at('not told', without('/proc/self/limits'), 'skipped', /does not tell/),
  ],
  'limits-files': [
    at('few', file('/proc/self/limits', good.limits.replace('1048576', '1024   ')), 'warning', /at most 1024/),
    at('nearly used up', set('fs/file-nr', '95000\t0\t100000'), 'warning', /95000 of 100000/),
    at('not told', without('/proc/sys/fs/file-nr'), 'skipped', /does not tell/),
  ],
  'limits-processes': [
    at('none left', set('kernel/pid_max', '330'), 'problem', /321 of 330/),
    at('few left', set('kernel/pid_max', '400'), 'warning', /321 of 400/),
    at('not told', without('/proc/loadavg'), 'skipped', /does not tell/),
  ],
  'limits-aio': [
    at('nearly used up', set('fs/aio-nr', '60000'), 'warning', /60000 of 65536/),
    at('none', without('/proc/sys/fs/aio-nr'), 'skipped', /no asynchronous/),
  ],
  'limits-inotify': [
    at('low', set('fs/inotify/max_user_instances', '16'), 'warning', /16 instances/),
    at('none', without('/proc/sys/fs/inotify/max_user_watches'), 'skipped', /no inotify/),
  ],
  'storage-space': [
    at('full', space({ freeBytes: 1000 }), 'problem', /1000 B of 500 GiB free/),
    at('nearly full', space({ freeBytes: 2 * 1024 ** 3 }), 'warning', /2\.0 GiB of 500 GiB free/),
    at('not told', { probes: { space: throwing } }, 'skipped', /EACCES/),
  ],
  'storage-inodes': [
    at('nearly used up', space({ freeInodes: 12 }), 'warning', /12 of 30000000/),
    at('no fixed number', space({ totalInodes: 0, freeInodes: 0 }), 'ok', /no fixed number/),
  ],
  'storage-filesystem': [
    at('read-only', onMount('/var/lib ro - ext4 /dev/sdb rw'), 'problem', /read-only/),
    at('in memory', onMount('/var/lib/vmlet rw - tmpfs tmpfs rw'), 'warning', /tmpfs/),
    at('overlay', onMount('/var rw - overlay overlay rw'), 'warning', /overlay/),
    at('NFS', onMount('/var/lib/vmlet rw - nfs4 server:/x rw'), 'warning', /nfs4/),
    at('covered', onMount('/var/lib/vmlets rw - tmpfs tmpfs rw'), 'ok', /ext4/),
    at('not told', without('/proc/self/mountinfo'), 'skipped', /cannot be read/),
  ],
  'storage-direct-io': [
    at('refused', { probes: { directIo: () => false } }, 'warning', /refused/),
    at('cannot be tried', { probes: { directIo: () => undefined } }, 'skipped', /no unnamed files/),
    at('not root', notRoot, 'skipped', /only root/),
  ],
} as const satisfies Partial<Record<CheckName, readonly OtherHost[]>>;
