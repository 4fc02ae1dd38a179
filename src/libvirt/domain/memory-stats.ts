import type { XdrReader } from '../xdr/xdr.ts';

/** virDomainMemoryStatTags by number. All but faults and the time are KiB. */
const tags = [
  'swapIn',
  'swapOut',
  'majorFault',
  'minorFault',
  'unused',
  'available',
  'actualBalloon',
  'rss',
  'usable',
  'lastUpdate',
  'diskCaches',
  'hugetlbPgalloc',
  'hugetlbPgfail',
] as const;

/** What the guest's balloon driver and the host say; a tag is absent when neither told it. */
export type MemoryStats = { readonly [Tag in (typeof tags)[number]]?: bigint };

export function decodeMemoryStats(reader: XdrReader): MemoryStats {
  const entries = reader.array({ maxItems: 1024, minItemBytes: 12 }, () => {
    const tag = tags[reader.int()];
    return { tag, value: reader.uhyper() };
  });
  return Object.fromEntries(entries.flatMap(({ tag, value }) => (tag === undefined ? [] : [[tag, value]])));
}
