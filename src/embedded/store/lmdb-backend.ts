/**
 * The store's bytes in LMDB. Three tables in one environment: `entries` (key -> value), `log` (revision -> event) and
 * `meta`. A batch is one transaction whose commit includes the flush to the disk, so nothing is visible that a power cut
 * could take back.
 */
import { chmodSync, existsSync, mkdirSync, statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { open } from 'lmdb';
import { withDeadline } from '../../base/deadline.ts';
import { errorMessage } from '../../base/errors.ts';
import type { RootDatabase } from 'lmdb';
import type { Backend } from './backend.ts';
import { noCipher } from './cipher.ts';
import type { ValueCipher } from './cipher.ts';
import {
  decodeEntry,
  decodeEvent,
  decodeRawEntry,
  decodeRawEvent,
  encodeEntry,
  encodeEvent,
  entryDigest,
  eventKey,
} from './codec.ts';
import type { EngineOptions } from './engine.ts';
import { createStore } from './engine.ts';
import { addDigest, requireFormat } from './format.ts';
import type { StoreState, StoreTables } from './format.ts';
import { openPages } from './pages.ts';
import type { OnDamaged, Store, StoredEntry, StoreEvent } from './store.ts';
import { StoreError } from './store.ts';
import { aboutStore, verifyPages } from './verify.ts';

export interface LmdbStoreOptions extends EngineOptions {
  /** The data file; its directory is made if missing (0700). The file is 0600, as Secrets are in it. */
  readonly path: string;
  /**
   * Seals values, told the ids of the keys that the store's values are sealed with already (none: nothing is sealed yet).
   * Values that are plain, or sealed with an older key, are written anew when the store opens.
   */
  readonly cipher?: ((sealedWith: readonly string[]) => ValueCipher) | undefined;
  /** After a process that did not end well the whole file is looked through before it is used, unless false. */
  readonly verify?: boolean;
}

/** Address space reserved at opening; LMDB grows it when needed. */
const initialMapBytes = 64 * 1024 * 1024;

/**
 * Throws StoreError: `UnknownFormat` for a file of a newer vmlet, `Corrupt` for a damaged one, `KeyMissing` when values are
 * sealed with a key that is not there.
 */
export function openLmdbStore(options: LmdbStoreOptions): Store {
  mkdirSync(dirname(options.path), { recursive: true, mode: 0o700 });
  return createStore(lmdbBackend(options), options);
}

export interface LmdbTables extends StoreTables {
  readonly root: RootDatabase;
}

/** Opens the file; what LMDB itself would not survive was to be ruled out before. */
export function openTables(path: string, mode: 'read' | 'write'): LmdbTables {
  const root = open({
    path,
    noSubdir: true,
    mapSize: initialMapBytes,
    maxDbs: 4,
    maxReaders: 32,
    readOnly: mode === 'read',
    encoding: 'binary',
    cache: false,
    compression: false,
    // Visible only when flushed; see the head of this file.
    overlappingSync: false,
    // The engine batches; a delay here would only add latency.
    commitDelay: 0,
    // Every write is in an explicit batch. With it on, a commit that fails (full disk) also rejects a promise inside lmdb
    // that nobody can get at, which ends the process.
    eventTurnBatching: false,
  });
  return {
    root,
    entries: root.openDB({ name: 'entries', encoding: 'binary' }),
    log: root.openDB({ name: 'log', encoding: 'binary' }),
    meta: root.openDB({ name: 'meta', encoding: 'json' }),
  };
}

function lmdbBackend({ path, cipher: makeCipher, verify = true }: LmdbStoreOptions): Backend {
  const cipher = openCipher(path, makeCipher, verify);
  const tables = openTables(path, 'write');
  const { root, entries, log, meta } = tables;
  chmodSync(path, 0o600);
  try {
    requireFormat(path, tables);
    sealAnew(tables, cipher);
  } catch (error) {
    void root.close();
    throw error;
  }
  try {
    meta.putSync('open', { pid: process.pid });
  } catch {
    // On a full disk: reads must go on. All that is lost is that a bad end goes unnoticed.
  }
  let state = meta.get('state') as StoreState;

  function tryDecode(key: string, bytes: Buffer, onDamaged: OnDamaged | undefined): StoredEntry | undefined {
    try {
      return decodeEntry(key, bytes, cipher);
    } catch (error) {
      if (onDamaged === undefined || !(error instanceof StoreError)) {
        throw error;
      }
      onDamaged(key, error);
      return undefined;
    }
  }

  return {
    initial: { revision: state.revision, compactedRevision: state.compacted },
    get(key) {
      const bytes = entries.getBinary(key);
      return bytes === undefined ? undefined : decodeEntry(key, bytes, cipher);
    },
    *entries(start, end, onDamaged): Generator<StoredEntry> {
      for (const { key, value } of entries.getRange({ start, end })) {
        const entry = tryDecode(key, value, onDamaged);
        if (entry !== undefined) {
          yield entry;
        }
      }
    },
    count: (start, end) => entries.getKeysCount({ start, end }),
    *log({ after, upTo, start, end }): Generator<StoreEvent> {
      for (const { key: revision, value } of log.getRange({ start: after + 1, end: upTo + 1 })) {
        const key = eventKey(value);
        if (key >= start && key < end) {
          yield decodeEvent(revision, value, cipher);
        }
      }
    },
    get sizeBytes() {
      return statSync(path).size;
    },
    get logBytes() {
      const stats = log.getStats() as Record<string, number>;
      return ((stats['treeLeafPageCount'] ?? 0) + (stats['overflowPages'] ?? 0)) * (stats['pageSize'] ?? 0);
    },
    async commit({ events, compactTo }) {
      const next = advance(state, events, compactTo);
      // The single puts need no promise of their own: they settle with the batch.
      const committed = root.batch(() => {
        for (const event of events) {
          const value = cipher.seal(event.key, event.value);
          const previous = event.previous && cipher.seal(event.key, event.previous);
          const { key, revision } = event;
          void (event.type === 'delete'
            ? entries.remove(key)
            : entries.put(key, encodeEntry(key, { value, revision })));
          void log.put(revision, encodeEvent({ ...event, value, previous }));
        }
        for (let revision = state.compacted + 1; revision <= compactTo; revision += 1) {
          void log.remove(revision);
        }
        void meta.put('state', next);
      });
      try {
        await committed;
      } catch (error) {
        throw nameFullDisk(await commitCause(error), dirname(path));
      }
      state = next;
      root.resetReadTxn();
    },
    async close() {
      await meta.remove('open').catch(() => undefined);
      await root.close();
    },
  };
}

/**
 * Looks at the file before LMDB gets it: refuses what LMDB would not survive, and after a bad end everything that is not as
 * it was written. Gives the cipher that the store's values need.
 */
function openCipher(path: string, make: LmdbStoreOptions['cipher'], verify: boolean): ValueCipher {
  const pages = existsSync(path) && statSync(path).size > 0 ? openPages(path) : undefined;
  try {
    const about = pages === undefined ? { sealedWith: [], leftOpen: false } : aboutStore(pages);
    const cipher = make?.(about.sealedWith) ?? noCipher;
    const missing = about.sealedWith.filter((id) => !cipher.keyIds.includes(id));
    if (missing.length > 0) {
      throw new StoreError(
        'KeyMissing',
        `values in ${path} are sealed with key ${missing.join(', ')}, which is not there: put the key file back, or restore ` +
          'a backup made with --with-keys',
      );
    }
    if (pages !== undefined && verify && about.leftOpen) {
      verifyPages(pages, cipher);
    }
    return cipher;
  } finally {
    pages?.close();
  }
}

function advance(state: StoreState, events: readonly StoreEvent[], compacted: number): StoreState {
  let { entries, digest } = state;
  for (const { type, key, value, previous } of events) {
    if (previous !== undefined) {
      digest = addDigest(digest, -entryDigest(key, previous));
      entries -= 1;
    }
    if (type !== 'delete') {
      digest = addDigest(digest, entryDigest(key, value));
      entries += 1;
    }
  }
  return { revision: events.at(-1)?.revision ?? state.revision, compacted, entries, digest };
}

/** Writes anew what is plain or sealed with an older key, all or nothing. */
function sealAnew({ root, entries, log, meta }: LmdbTables, cipher: ValueCipher): void {
  const sealedWith = (meta.get('keys') ?? []) as readonly string[];
  if (cipher === noCipher || (sealedWith.length === 1 && sealedWith[0] === cipher.keyId)) {
    return;
  }
  root.transactionSync(() => {
    for (const key of Array.from(entries.getKeys())) {
      const bytes = entries.getBinary(key);
      const entry = bytes && decodeRawEntry(key, bytes);
      if (entry !== undefined && cipher.isStale(key, entry.value)) {
        const value = cipher.seal(key, cipher.open(key, entry.value));
        entries.putSync(key, encodeEntry(key, { value, revision: entry.revision }));
      }
    }
    for (const revision of Array.from(log.getKeys())) {
      const bytes = log.getBinary(revision);
      const event = bytes && decodeRawEvent(bytes);
      const isStale = (value: Buffer | undefined): boolean =>
        value !== undefined && cipher.isStale(event?.key ?? '', value);
      if (event !== undefined && (isStale(event.value) || isStale(event.previous))) {
        const seal = (value: Buffer): Buffer => cipher.seal(event.key, cipher.open(event.key, value));
        log.putSync(
          revision,
          encodeEvent({ ...event, value: seal(event.value), previous: event.previous && seal(event.previous) }),
        );
      }
    }
    meta.putSync('keys', [cipher.keyId]);
  });
}

const causeTimeoutMs = 1000;

/** lmdb's own error only says that there is another one, behind a promise in `commitError`. */
async function commitCause(error: unknown): Promise<unknown> {
  if (!(error instanceof Error && 'commitError' in error && error.commitError instanceof Promise)) {
    return error;
  }
  const settled = error.commitError.then(
    () => error,
    (cause: unknown) => cause,
  );
  return withDeadline(settled, causeTimeoutMs, 'why the commit failed').catch(() => error);
}

/** EIO (errno(3)). */
const ioErrorNumber = 5;
const fullBelowBytes = 1024 * 1024;

/** LMDB calls a write that the file system cut short an I/O error; on a full file system that is for want of room. */
function nameFullDisk(cause: unknown, directory: string): unknown {
  const cutShort =
    (cause instanceof Error && 'code' in cause && cause.code === ioErrorNumber) ||
    /input\/output error/iu.test(errorMessage(cause));
  if (!cutShort) {
    return cause;
  }
  const { bavail, bsize } = statfsSync(directory);
  return bavail * bsize < fullBelowBytes ? new Error('No space left on device', { cause }) : cause;
}
