/**
 * The revisioned key-value store under the API server; the part of etcd that Kubernetes needs, for one process.
 *
 * Keys are ASCII paths such as `/registry/<group>/<resource>/<namespace>/<name>`; values are opaque bytes. Every write
 * takes the next revision of one global counter. A write is acknowledged (its promise resolves) only when it is durable,
 * and becomes visible to reads and watches at the same moment. Reads are synchronous: the data is memory-mapped.
 */
import { VmletError } from '../../base/errors.ts';

export interface StoredEntry {
  readonly key: string;
  readonly value: Buffer;
  /** Revision of the write that made this value. */
  readonly revision: number;
}

export type StoreEventType = 'create' | 'update' | 'delete';

export interface StoreEvent {
  readonly type: StoreEventType;
  readonly key: string;
  /** The new value; for a delete the final value that the deleter gave. */
  readonly value: Buffer;
  /** The value before; undefined for a create. */
  readonly previous: Buffer | undefined;
  readonly revision: number;
}

/** Makes the bytes of a value, told the revision that the write will have. Must not throw after side effects. */
export type EncodeValue = (revision: number) => Uint8Array;

export interface RangeOptions {
  /** Only keys that start with this. */
  readonly prefix: string;
  /** Only keys after this one. */
  readonly after?: string | undefined;
  readonly limit?: number | undefined;
  /** Read as of this revision instead of now. Throws StoreError `Compacted` or `FutureRevision`. */
  readonly revision?: number | undefined;
  /** Told of entries whose bytes are damaged, which are then left out. Without it they throw StoreError `Corrupt`. */
  readonly onDamaged?: OnDamaged | undefined;
}

export type OnDamaged = (key: string, error: Error) => void;

export interface RangeResult {
  /** The revision whose state this is. */
  readonly revision: number;
  readonly entries: readonly StoredEntry[];
  /** Are there entries after the last one given? */
  readonly more: boolean;
}

export interface StoreWatchOptions {
  readonly prefix: string;
  /** Events after this revision. Throws StoreError `Compacted` when they are no longer all kept. */
  readonly afterRevision: number;
  /** Called in revision order, once per event, never before `watch` returns. Must not throw. */
  readonly onEvent: (event: StoreEvent) => void;
  /** The store closed. */
  readonly onClose?: () => void;
}

export interface StoreWatch {
  close(): void;
}

export interface StoreStatistics {
  /** Of the file; 0 in memory. */
  readonly sizeBytes: number;
  readonly watchers: number;
  readonly commits: number;
  readonly failedCommits: number;
  readonly commitSeconds: number;
}

export interface Store {
  /** The newest visible revision; 0 before the first write. */
  readonly revision: number;
  /** Events up to and with this revision are no longer kept. */
  readonly compactedRevision: number;
  /** What is durable. */
  get(key: string): StoredEntry | undefined;
  /** What the next write will find, with writes still on their way to the disk: for read-modify-write loops only. */
  latest(key: string): StoredEntry | undefined;
  range(options: RangeOptions): RangeResult;
  count(prefix: string): number;
  /** Throws StoreError `Exists`. */
  create(key: string, encode: EncodeValue): Promise<StoredEntry>;
  /** Throws StoreError `Missing`, or `Modified` when the entry is not at `expectedRevision`. */
  update(key: string, encode: EncodeValue, expectedRevision: number): Promise<StoredEntry>;
  /** `encode` gives the final value that watchers see. Throws like `update`. */
  delete(key: string, encode: EncodeValue, expectedRevision: number): Promise<StoredEntry>;
  /** Resolves when the newest write of the key is durable or has failed. */
  settled(key: string): Promise<void>;
  watch(options: StoreWatchOptions): StoreWatch;
  statistics(): StoreStatistics;
  /** Waits for writes on their way, ends watches, closes the files. */
  close(): Promise<void>;
}

export type StoreErrorCode =
  | 'Exists'
  | 'Missing'
  | 'Modified'
  | 'Compacted'
  | 'FutureRevision'
  | 'WriteFailed'
  | 'Closed'
  | 'UnknownFormat'
  /** Bytes on the disk are not what was written. */
  | 'Corrupt'
  /** Values are sealed with a key that is not there. */
  | 'KeyMissing';

export class StoreError extends VmletError {
  declare readonly code: StoreErrorCode;

  // eslint-disable-next-line no-useless-constructor -- narrows the type of `code`
  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options);
  }
}

export function isStoreError(error: unknown, code: StoreErrorCode): error is StoreError {
  return error instanceof StoreError && error.code === code;
}
