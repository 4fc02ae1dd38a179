/** What the store engine asks of the thing that keeps the bytes. */
import type { OnDamaged, StoredEntry, StoreEvent } from './store.ts';

export interface CommitBatch {
  /** In revision order. Each is applied to the entries and appended to the event log. */
  readonly events: readonly StoreEvent[];
  /** Log records up to and with this revision go. */
  readonly compactTo: number;
}

export interface Backend {
  /** State at opening: newest revision and newest compacted revision. */
  readonly initial: { readonly revision: number; readonly compactedRevision: number };
  get(key: string): StoredEntry | undefined;
  /** Entries with `start <= key < end`, in byte order of their keys. */
  entries(start: string, end: string, onDamaged?: OnDamaged): Iterable<StoredEntry>;
  count(start: string, end: string): number;
  /** Log records with `after < revision <= upTo` of keys with `start <= key < end`, in order. */
  log(range: LogRange): Iterable<StoreEvent>;
  /** Of everything on the disk; undefined where nothing is. */
  readonly sizeBytes?: number | undefined;
  /** How much room the log takes; undefined where nobody counts. */
  readonly logBytes?: number | undefined;
  /** All or nothing; resolves when durable, and only then visible to the other calls. */
  commit(batch: CommitBatch): Promise<void>;
  close(): Promise<void>;
}

export interface LogRange {
  readonly after: number;
  readonly upTo: number;
  readonly start: string;
  readonly end: string;
}

/** The least key that no key with this prefix reaches. Keys are ASCII. */
export function prefixEnd(prefix: string): string {
  return `${prefix}\u007f`;
}
