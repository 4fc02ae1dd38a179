/**
 * The store's own records about itself, in the table `meta`:
 *
 *   format     number of the format of everything else
 *   state      where the store is: see StoreState; written with every batch
 *   keys       ids of the keys that values are sealed with; absent without sealing
 *   open       present while a process has the store open, so also after one that did not end well
 *
 * Format 1 had `revision` and `compacted` in place of `state`, and no digest.
 */
import type { Database } from 'lmdb';
import { entryDigest, upgradeEntry, upgradeEvent } from './codec.ts';
import { StoreError } from './store.ts';

export const formatVersion = 2;

export interface StoreState {
  readonly revision: number;
  readonly compacted: number;
  /** How many entries there are, and the sum of their digests: an entry that is missing, old or too many shows. */
  readonly entries: number;
  readonly digest: number;
}

export const emptyState: StoreState = { revision: 0, compacted: 0, entries: 0, digest: 0 };

/** Sums of digests stay below what a number holds exactly. */
const digestModulus = 2 ** 48;

export function addDigest(sum: number, change: number): number {
  return (sum + change + digestModulus) % digestModulus;
}

export interface StoreTables {
  readonly root: { transactionSync<T>(action: () => T): T };
  readonly entries: Database<Buffer, string>;
  readonly log: Database<Buffer, number>;
  readonly meta: Database<unknown, string>;
}

/** Throws StoreError `UnknownFormat` for a file of a newer vmlet; brings one of an older vmlet up to date, all or nothing. */
export function requireFormat(path: string, tables: StoreTables): void {
  const { root, meta } = tables;
  const format = meta.get('format');
  if (format === formatVersion) {
    return;
  }
  if (format === undefined) {
    root.transactionSync(() => {
      meta.putSync('format', formatVersion);
      meta.putSync('state', emptyState);
    });
  } else if (format === 1) {
    root.transactionSync(() => upgradeFrom1(tables));
  } else {
    throw new StoreError(
      'UnknownFormat',
      `${path} has format ${JSON.stringify(format)}; this vmlet knows formats 1 to ${formatVersion}. ` +
        'Start the newer vmlet that wrote it, or restore a backup made by this one',
    );
  }
}

function upgradeFrom1({ entries, log, meta }: StoreTables): void {
  let digest = 0;
  let count = 0;
  for (const key of Array.from(entries.getKeys())) {
    const bytes = entries.getBinary(key);
    if (bytes !== undefined) {
      const plainFrom = 6;
      digest = addDigest(digest, entryDigest(key, bytes.subarray(plainFrom)));
      count += 1;
      entries.putSync(key, upgradeEntry(key, bytes));
    }
  }
  for (const revision of Array.from(log.getKeys())) {
    const bytes = log.getBinary(revision);
    if (bytes !== undefined) {
      log.putSync(revision, upgradeEvent(revision, bytes));
    }
  }
  const state: StoreState = {
    revision: Number(meta.get('revision') ?? 0),
    compacted: Number(meta.get('compacted') ?? 0),
    entries: count,
    digest,
  };
  meta.putSync('state', state);
  meta.removeSync('revision');
  meta.removeSync('compacted');
  meta.putSync('format', formatVersion);
}
