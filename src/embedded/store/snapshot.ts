/**
 * The whole store as records, as it is at one moment, and a new file made of such records: what backup, restore and the rotation
 * of keys are made of. Reading takes one LMDB read transaction, also beside a running server: LMDB keeps what it sees until
 * it ends, and the server goes on.
 */
import { closeSync, existsSync, fsyncSync, openSync } from 'node:fs';
import { VmletError } from '../../base/errors.ts';
import type { BackupFrame, BackupHeader } from './backup-format.ts';
import { bad } from './backup-format.ts';
import { decodeRawEntry, decodeRawEvent } from './codec.ts';
import { formatVersion } from './format.ts';
import type { StoreState } from './format.ts';
import { openTables } from './lmdb-backend.ts';
import { openPages } from './pages.ts';

export type RecordFrame = Extract<BackupFrame, { type: 'entry' | 'event' }>;

export interface Snapshot {
  readonly state: StoreState;
  readonly sealedWith: readonly string[];
  /** Entries in key order, then events in revision order; each verified. Throws StoreError `Corrupt`. */
  records(): Generator<RecordFrame>;
  close(): Promise<void>;
}

/** Throws VmletError `NoStore`, StoreError `Corrupt`, VmletError `OldFormat` for a store that this version never opened. */
export function openSnapshot(path: string): Snapshot {
  if (!existsSync(path)) {
    throw new VmletError('NoStore', `there is no store at ${path}: name the state directory with --state-dir`);
  }
  openPages(path).close();
  const { root, entries, log, meta } = openTables(path, 'read');
  const transaction = root.useReadTransaction();
  const format = meta.get('format', { transaction });
  if (format !== formatVersion) {
    void root.close();
    throw new VmletError(
      'OldFormat',
      `the store at ${path} has format ${String(format)}, this vmlet writes ${formatVersion}: start this vmlet on it once (\`vmlet up\`)`,
    );
  }
  return {
    state: meta.get('state', { transaction }) as StoreState,
    sealedWith: (meta.get('keys', { transaction }) ?? []) as readonly string[],
    *records() {
      for (const { key, value: bytes } of entries.getRange({ transaction })) {
        decodeRawEntry(key, bytes);
        yield { type: 'entry', key, bytes };
      }
      for (const { value: bytes } of log.getRange({ transaction })) {
        decodeRawEvent(bytes);
        yield { type: 'event', bytes };
      }
    },
    async close() {
      transaction.done();
      await root.close();
    },
  };
}

const recordsPerTransaction = 1000;

/** A new store file of these records, flushed. The caller removes it when this throws, and verifies it before use. */
export async function writeStoreFile(
  path: string,
  about: Pick<BackupHeader, 'state' | 'sealedWith'>,
  records: AsyncIterable<RecordFrame> | Iterable<RecordFrame>,
  signal: AbortSignal,
): Promise<void> {
  const { root, entries, log, meta } = openTables(path, 'write');
  try {
    let waiting: RecordFrame[] = [];
    const flush = (): void => {
      root.transactionSync(() => {
        for (const record of waiting) {
          if (record.type === 'entry') {
            entries.putSync(record.key, record.bytes);
          } else {
            log.putSync(decodeRawEvent(record.bytes).revision, record.bytes);
          }
        }
      });
      waiting = [];
    };
    for await (const record of records) {
      signal.throwIfAborted();
      if (record.type === 'entry') {
        decodeRawEntry(record.key, record.bytes);
      }
      waiting.push(record);
      if (waiting.length >= recordsPerTransaction) {
        flush();
      }
    }
    flush();
    root.transactionSync(() => {
      meta.putSync('format', formatVersion);
      meta.putSync('state', about.state);
      if (about.sealedWith.length > 0) {
        meta.putSync('keys', about.sealedWith);
      }
    });
  } finally {
    await root.close();
  }
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** The header of a backup, looked at before anything in it is believed. Throws VmletError `BadBackup`. */
export function requireHeader(header: BackupHeader): BackupHeader {
  const { format, state, sealedWith } = header as Partial<BackupHeader>;
  const numbers = [state?.revision, state?.compacted, state?.entries, state?.digest];
  if (!numbers.every((number) => Number.isSafeInteger(number) && Number(number) >= 0)) {
    throw bad('its header does not say where the store was');
  }
  if (!Array.isArray(sealedWith) || sealedWith.some((id) => typeof id !== 'string' || !/^[\da-f]{1,64}$/u.test(id))) {
    throw bad('its header does not say which keys it needs');
  }
  if (format !== formatVersion) {
    throw bad(`its records are of format ${String(format)}, this vmlet knows ${formatVersion}`);
  }
  return header;
}
