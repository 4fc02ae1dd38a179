/** Address space of a process by kind of mapping, from /proc/<pid>/maps or smaps (proc_pid_maps(5)). Pure. */
import { DecodeError } from '../../base/errors.ts';
import type { MappingKind, MappingSummary } from './types.ts';

/** address perms offset device inode path */
const MAPPING = /^([0-9a-f]{1,16})-([0-9a-f]{1,16}) ([r-][w-][x-])([ps]) [0-9a-f]+ [0-9a-f]+:[0-9a-f]+ \d+ *(.*)$/;
const RESIDENT = /^Rss: +(\d{1,15}) kB$/;

/** Sums by kind. A file cut short, as it is read with a limit, ends with its last whole line. */
export function parseMappings(text: string): Readonly<Record<MappingKind, MappingSummary>> {
  const kinds = ['heap', 'stack', 'anonymous', 'file', 'shared', 'hugetlb', 'device', 'kernel'] as const;
  const sums = Object.fromEntries(
    kinds.map((kind) => [kind, { mappings: 0, virtualBytes: 0, residentBytes: 0 }]),
  ) as Record<MappingKind, { mappings: number; virtualBytes: number; residentBytes: number }>;
  let current: (typeof sums)[MappingKind] | undefined;
  for (const line of text.slice(0, text.lastIndexOf('\n') + 1).split('\n')) {
    const mapping = MAPPING.exec(line);
    if (mapping !== null) {
      const [, start = '', end = '', , sharing = '', path = ''] = mapping;
      const bytes = BigInt(`0x${end}`) - BigInt(`0x${start}`);
      if (bytes < 0n) {
        throw new DecodeError(`not a mapping: ${JSON.stringify(line.slice(0, 200))}`);
      }
      current = sums[kindOf(path, sharing)];
      current.mappings += 1;
      current.virtualBytes += Number(bytes);
      continue;
    }
    const resident = RESIDENT.exec(line);
    if (resident !== null && current !== undefined) {
      current.residentBytes += Number(resident[1]) * 1024;
    } else if (line !== '' && !/^[A-Za-z_]+: /.test(line)) {
      throw new DecodeError(`not a mapping: ${JSON.stringify(line.slice(0, 200))}`);
    }
  }
  return sums;
}

function kindOf(path: string, sharing: string): MappingKind {
  if (path === '[heap]') {
    return 'heap';
  }
  if (path.startsWith('[stack')) {
    return 'stack';
  }
  if (path === '' || path.startsWith('[anon')) {
    return 'anonymous';
  }
  if (path.startsWith('[')) {
    return 'kernel';
  }
  if (path.startsWith('/anon_hugepage') || path.startsWith('/dev/hugepages/') || path.includes('/hugepages/')) {
    return 'hugetlb';
  }
  if (
    path.startsWith('/dev/shm/') ||
    path.startsWith('/memfd:') ||
    path.startsWith('/SYSV') ||
    path === '/dev/zero (deleted)'
  ) {
    return 'shared';
  }
  if (path.startsWith('/dev/') || path.startsWith('anon_inode:') || path.startsWith('socket:')) {
    return 'device';
  }
  return sharing === 's' && path.endsWith(' (deleted)') ? 'shared' : 'file';
}
