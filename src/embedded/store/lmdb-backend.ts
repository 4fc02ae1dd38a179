/**
 * The store's bytes in LMDB. Three tables in one environment: `entries` (key -> value), `log` (revision -> event) and
 * `meta`. A batch is one transaction whose commit includes the flush to the disk, so nothing is visible that a power cut
 * could take back.
 */
import { chmodSync, mkdirSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { open } from 'lmdb';
import { withDeadline } from '../../base/deadline.ts';
import { errorMessage } from '../../base/errors.ts';
import type { Database } from 'lmdb';
import type { Backend } from './backend.ts';
import { decodeEntry, decodeEvent, encodeEntry, encodeEvent } from './codec.ts';
import type { EngineOptions } from './engine.ts';
import { createStore } from './engine.ts';
import type { Store, StoredEntry, StoreEvent } from './store.ts';
import { StoreError } from './store.ts';

export interface LmdbStoreOptions extends EngineOptions {
  /** The data file; its directory is made if missing (0700). The file is 0600, as Secrets are in it. */
  readonly path: string;
}

const formatVersion = 1;
/** Address space reserved at opening; LMDB grows it when needed. */
const initialMapBytes = 64 * 1024 * 1024;

/** Throws StoreError `UnknownFormat` for a file written by a newer version. */
export function openLmdbStore(options: LmdbStoreOptions): Store {
  mkdirSync(dirname(options.path), { recursive: true, mode: 0o700 });
  return createStore(lmdbBackend(options.path), options);
}

function lmdbBackend(path: string): Backend {
  const root = open({
    path,
    noSubdir: true,
    mapSize: initialMapBytes,
    maxDbs: 4,
    maxReaders: 32,
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
  chmodSync(path, 0o600);
  const entries: Database<Buffer, string> = root.openDB({ name: 'entries', encoding: 'binary' });
  const log: Database<Buffer, number> = root.openDB({ name: 'log', encoding: 'binary' });
  const meta: Database<number, string> = root.openDB({ name: 'meta', encoding: 'json' });
  const format = meta.get('format');
  if (format === undefined) {
    root.transactionSync(() => {
      meta.putSync('format', formatVersion);
    });
  } else if (format !== formatVersion) {
    throw new StoreError('UnknownFormat', `${path} has format ${format}; this version of vmlet reads ${formatVersion}`);
  }
  const initial = { revision: meta.get('revision') ?? 0, compactedRevision: meta.get('compacted') ?? 0 };
  let compactedRevision = initial.compactedRevision;

  return {
    initial,
    get(key) {
      const bytes = entries.getBinary(key);
      return bytes === undefined ? undefined : decodeEntry(key, bytes);
    },
    *entries(start, end): Generator<StoredEntry> {
      for (const { key, value } of entries.getRange({ start, end })) {
        yield decodeEntry(key, value);
      }
    },
    count: (start, end) => entries.getKeysCount({ start, end }),
    *log(after, upTo): Generator<StoreEvent> {
      for (const { key, value } of log.getRange({ start: after + 1, end: upTo + 1 })) {
        yield decodeEvent(key, value);
      }
    },
    async commit({ events, compactTo }) {
      // The single puts need no promise of their own: they settle with the batch.
      const committed = root.batch(() => {
        for (const event of events) {
          void (event.type === 'delete' ? entries.remove(event.key) : entries.put(event.key, encodeEntry(event)));
          void log.put(event.revision, encodeEvent(event));
        }
        for (let revision = compactedRevision + 1; revision <= compactTo; revision += 1) {
          void log.remove(revision);
        }
        const last = events.at(-1);
        if (last !== undefined) {
          void meta.put('revision', last.revision);
        }
        if (compactTo > compactedRevision) {
          void meta.put('compacted', compactTo);
        }
      });
      try {
        await committed;
      } catch (error) {
        throw nameFullDisk(await commitCause(error), dirname(path));
      }
      compactedRevision = compactTo;
      root.resetReadTxn();
    },
    close: () => root.close(),
  };
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
