/** Pools of huge pages (Documentation/admin-guide/mm/hugetlbpage.rst) and hugetlbfs mounts. */
import { assert } from '../../base/assert.ts';
import { UnsupportedError } from '../../base/errors.ts';
import { parseMountinfo } from '../mount/mountinfo.ts';
import {
  LIST_BYTES_MAX,
  findAttribute,
  listEntries,
  parseInteger,
  readAttribute,
  writeAttribute,
} from '../sysfs/attribute.ts';
import type { KernelRoots } from '../sysfs/roots.ts';
import type { HugePageHost, HugePageOutcome, HugePagePool, HugePageRequest, HugetlbfsMount } from './types.ts';

const PAGES_MAX = 2 ** 31 - 1;

/** `hugepages-2048kB` to 2097152n; undefined for any other name. */
export function parsePoolName(name: string): bigint | undefined {
  const match = /^hugepages-(\d{1,12})kB$/.exec(name);
  return match?.[1] === undefined ? undefined : BigInt(match[1]) * 1024n;
}

/** Sizes and pools of the host; all empty on a kernel without hugetlb. */
export function readHugePages(roots: KernelRoots): HugePageHost {
  const pools = readPools(`${roots.sysfs}/kernel/mm/hugepages`, undefined);
  const nodes = `${roots.sysfs}/devices/system/node`;
  const nodePools = listEntries(nodes)
    .filter((name) => /^node\d{1,5}$/.test(name))
    .map((name) => Number(name.slice('node'.length)))
    .sort((a, b) => a - b)
    .flatMap((node) => readPools(`${nodes}/node${node}/hugepages`, node));
  const meminfo = findAttribute(`${roots.procfs}/meminfo`, 65_536) ?? '';
  const size = /^Hugepagesize:\s+(\d{1,12}) kB$/m.exec(meminfo)?.[1];
  return {
    sizes: pools.map((pool) => pool.pageBytes),
    defaultSize: size === undefined ? undefined : BigInt(size) * 1024n,
    pools,
    nodePools,
  };
}

function readPools(directory: string, node: number | undefined): HugePagePool[] {
  const pools = listEntries(directory).flatMap((name): HugePagePool[] => {
    const pageBytes = parsePoolName(name);
    if (pageBytes === undefined) {
      return [];
    }
    const count = (file: string): number => parseInteger(readAttribute(`${directory}/${name}/${file}`), file);
    const reserved = findAttribute(`${directory}/${name}/resv_hugepages`);
    return [
      {
        pageBytes,
        node,
        total: count('nr_hugepages'),
        free: count('free_hugepages'),
        reserved: reserved === undefined ? undefined : parseInteger(reserved, 'resv_hugepages'),
        surplus: count('surplus_hugepages'),
      },
    ];
  });
  return pools.sort((a, b) => (a.pageBytes < b.pageBytes ? -1 : 1));
}

/**
 * Sets the size of a pool and reads it back: the kernel takes any number and gives as many pages as it finds contiguous
 * memory for. UnsupportedError when there is no such pool. The write may compact memory for seconds; it runs on the
 * thread pool.
 */
export async function setHugePages(roots: KernelRoots, request: HugePageRequest): Promise<HugePageOutcome> {
  const { pages, pageBytes, node } = request;
  assert(Number.isInteger(pages) && pages >= 0 && pages <= PAGES_MAX, `${pages} is not a number of huge pages`);
  assert(node === undefined || (Number.isInteger(node) && node >= 0), `${node} is not a NUMA node`);
  const where = node === undefined ? 'kernel/mm' : `devices/system/node/node${node}`;
  const file = `${roots.sysfs}/${where}/hugepages/hugepages-${pageBytes / 1024n}kB/nr_hugepages`;
  if (findAttribute(file) === undefined) {
    const place = node === undefined ? 'this host' : `NUMA node ${node}`;
    throw new UnsupportedError(
      `${place} has no pool of ${formatSize(pageBytes)} pages (${file} is missing): use a size that readHugePages lists`,
    );
  }
  await writeAttribute(file, `${pages}`);
  const total = parseInteger(readAttribute(file), 'nr_hugepages');
  return { requested: pages, total, shortfall: describeShortfall({ pages, total, pageBytes, node }) };
}

function describeShortfall(fields: {
  pages: number;
  total: number;
  pageBytes: bigint;
  node: number | undefined;
}): string | undefined {
  const { pages, total, pageBytes, node } = fields;
  if (total === pages) {
    return undefined;
  }
  const place = node === undefined ? 'the host' : `NUMA node ${node}`;
  const size = formatSize(pageBytes);
  if (total < pages) {
    return (
      `${place} gave ${total} of ${pages} pages of ${size}: its free memory is too little or fragmented; ` +
      `reserve them at boot with "hugepagesz=${size} hugepages=${pages}"`
    );
  }
  return `${place} keeps ${total} pages of ${size} instead of ${pages}: the rest is in use; stop the guests that use them`;
}

/** `2M`, `1G`, `64K`: the form of `hugepagesz=` and `pagesize=`. */
export function formatSize(bytes: bigint): string {
  for (const [unit, size] of [
    ['G', 1n << 30n],
    ['M', 1n << 20n],
    ['K', 1n << 10n],
  ] as const) {
    if (bytes >= size && bytes % size === 0n) {
      return `${bytes / size}${unit}`;
    }
  }
  return `${bytes}`;
}

/** `2M`, `1G`, `2048K`, `1073741824`; undefined for anything else. */
export function parseSize(text: string): bigint | undefined {
  const match = /^(\d{1,18})([KMGT]?)$/i.exec(text);
  if (match?.[1] === undefined) {
    return undefined;
  }
  const shifts: Readonly<Record<string, bigint>> = { '': 0n, K: 10n, M: 20n, G: 30n, T: 40n };
  return BigInt(match[1]) << (shifts[(match[2] ?? '').toUpperCase()] ?? 0n);
}

/** hugetlbfs mounts in the mount namespace of the process (`self` by default). */
export function readHugetlbfsMounts(roots: KernelRoots, process: 'self' | number = 'self'): HugetlbfsMount[] {
  const text = readAttribute(`${roots.procfs}/${process}/mountinfo`, LIST_BYTES_MAX);
  const meminfo = findAttribute(`${roots.procfs}/meminfo`, 65_536) ?? '';
  const defaultKb = /^Hugepagesize:\s+(\d{1,12}) kB$/m.exec(meminfo)?.[1] ?? '0';
  return parseMountinfo(text)
    .filter((mount) => mount.type === 'hugetlbfs')
    .map((mount) => {
      const option = (name: string): bigint | undefined =>
        mount.superOptions.flatMap((part) => {
          const value = part.startsWith(`${name}=`) ? parseSize(part.slice(name.length + 1)) : undefined;
          return value === undefined ? [] : [value];
        })[0];
      return {
        mountPoint: mount.mountPoint,
        pageBytes: option('pagesize') ?? BigInt(defaultKb) * 1024n,
        sizeBytes: option('size'),
      };
    });
}
