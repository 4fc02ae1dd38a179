/**
 * Is a store's file what was written? Every page of its tables, the checksum of every record, the count and digest of all
 * entries, the log's revisions without a gap, and for every key that the log tells of, that the newest event and the entry
 * agree. Reads the file itself (`pages.ts`), so that damage is told and not run into. Values stay sealed: no key is needed,
 * but for the digest, which is over plain values and is compared only where nothing is sealed or `cipher` is given.
 */
import { noCipher } from './cipher.ts';
import type { ValueCipher } from './cipher.ts';
import { decodeRawEntry, decodeRawEvent, entryDigest } from './codec.ts';
import { addDigest, emptyState, formatVersion } from './format.ts';
import type { StoreState } from './format.ts';
import { openPages } from './pages.ts';
import type { PageFile } from './pages.ts';
import { StoreError } from './store.ts';

export interface StoreReport {
  readonly format: number;
  readonly revision: number;
  readonly compactedRevision: number;
  readonly entries: number;
  readonly events: number;
  /** Ids of the keys that values are sealed with. */
  readonly sealedWith: readonly string[];
}

/** Throws StoreError `Corrupt` with the first thing that is wrong. The file must not be written meanwhile. */
export function verifyStore(path: string, cipher?: ValueCipher): StoreReport {
  const pages = openPages(path);
  try {
    return verifyPages(pages, cipher);
  } finally {
    pages.close();
  }
}

/** Where the store is, without a look at the rest. */
export function storeState(path: string): StoreState {
  const pages = openPages(path);
  try {
    return (readMeta(pages).get('state') ?? emptyState) as StoreState;
  } finally {
    pages.close();
  }
}

/** What must be known before the file is used. */
export function aboutStore(pages: PageFile): { readonly sealedWith: readonly string[]; readonly leftOpen: boolean } {
  const meta = readMeta(pages);
  return { sealedWith: (meta.get('keys') ?? []) as readonly string[], leftOpen: meta.has('open') };
}

export function verifyPages(pages: PageFile, cipher?: ValueCipher): StoreReport {
  const meta = readMeta(pages);
  const format = Number(meta.get('format') ?? 0);
  const state = (meta.get('state') ?? emptyState) as StoreState;
  const sealedWith = (meta.get('keys') ?? []) as readonly string[];
  const report = { format, revision: state.revision, compactedRevision: state.compacted, sealedWith };
  if (format !== formatVersion) {
    // Of another format nothing more is known here: opening it upgrades or refuses it.
    return { ...report, entries: 0, events: 0 };
  }
  pages.requireFreeList();
  const newest = readLog(pages, state);
  const opener = cipher ?? (sealedWith.length === 0 ? noCipher : undefined);
  let entries = 0;
  let digest = 0;
  for (const { key: keyBytes, value: bytes } of tableRecords(pages, 'entries')) {
    const key = keyBytes.toString('latin1');
    const { revision, value } = decodeRawEntry(key, bytes);
    if (revision < 1 || revision > state.revision) {
      throw wrong(`entry ${key} is of revision ${revision}, the store at ${state.revision}`);
    }
    const event = newest.get(key);
    if (event === undefined ? revision > state.compacted : event !== revision) {
      throw wrong(`entry ${key} is of revision ${revision}, its newest event ${event ?? 'missing'}`);
    }
    newest.delete(key);
    entries += 1;
    if (opener !== undefined) {
      digest = addDigest(digest, entryDigest(key, opener.open(key, value)));
    }
  }
  for (const [key, revision] of newest) {
    if (revision > 0) {
      throw wrong(`the log says that ${key} was written at revision ${revision}, but there is no such entry`);
    }
  }
  if (entries !== state.entries || (opener !== undefined && digest !== state.digest)) {
    throw wrong(`it holds ${entries} entries of digest ${digest} where ${state.entries} of ${state.digest} should be`);
  }
  return { ...report, entries, events: state.revision - state.compacted };
}

/** The revision of each key's newest event; negative for a deletion. */
function readLog(pages: PageFile, state: StoreState): Map<string, number> {
  const newest = new Map<string, number>();
  let expected = state.compacted + 1;
  for (const { value: bytes } of tableRecords(pages, 'log')) {
    const event = decodeRawEvent(bytes);
    if (event.revision !== expected) {
      throw wrong(`its log has revision ${event.revision} where ${expected} should be`);
    }
    expected += 1;
    newest.set(event.key, event.type === 'delete' ? -event.revision : event.revision);
  }
  if (expected !== state.revision + 1) {
    throw wrong(`its log ends at revision ${expected - 1}, the store is at ${state.revision}`);
  }
  return newest;
}

function readMeta(pages: PageFile): Map<string, unknown> {
  const records = new Map<string, unknown>();
  for (const { key, value } of tableRecords(pages, 'meta')) {
    try {
      records.set(key.toString('latin1'), JSON.parse(value.toString('utf8')));
    } catch (error) {
      throw wrong(`its record ${JSON.stringify(key.toString('latin1'))} is no JSON`, error);
    }
  }
  return records;
}

function* tableRecords(pages: PageFile, name: string): Generator<{ key: Buffer; value: Buffer }> {
  const table = pages.table(name);
  if (table !== undefined) {
    yield* pages.records(table);
  }
}

function wrong(why: string, cause?: unknown): StoreError {
  const message = `the store is damaged: ${why}. \`vmlet restore\` brings a backup back`;
  return new StoreError('Corrupt', message, cause === undefined ? undefined : { cause });
}
