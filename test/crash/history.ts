/** What clients did and saw, with the times by one clock. */

/** What a key holds: undefined = nothing. */
export interface Held {
  readonly revision: number;
  readonly value: string;
}

export type Operation = {
  readonly client: number;
  readonly key: string;
  /** Milliseconds; `endMs` of an operation without an answer is when the server was dead. */
  readonly beginMs: number;
  readonly endMs: number;
} & (
  | {
      readonly kind: 'create' | 'update';
      readonly value: string;
      readonly expected?: number;
      readonly outcome: Outcome;
    }
  | { readonly kind: 'delete'; readonly expected?: number; readonly outcome: Outcome }
  | { readonly kind: 'get'; readonly found: Held | undefined }
);

export type Outcome =
  | { readonly type: 'done'; readonly revision?: number }
  /** Definitely without effect: the key was there, or was not, or was at another revision. */
  | { readonly type: 'refused'; readonly reason: 'exists' | 'missing' | 'modified' }
  /** No answer came: it may have happened before the server died, or never. */
  | { readonly type: 'unknown' };

export interface ListSeen {
  readonly client: number;
  readonly beginMs: number;
  readonly endMs: number;
  readonly revision: number;
  readonly items: ReadonlyMap<string, Held>;
}

export interface EventSeen {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly key: string;
  readonly revision: number;
  readonly value: string;
}

export interface Epoch {
  /** What was there at `fromRevision`, when nobody wrote. */
  readonly before: ReadonlyMap<string, Held>;
  readonly fromRevision: number;
  readonly operations: readonly Operation[];
  readonly lists: readonly ListSeen[];
  /** The server's own account after the restart: all events after `fromRevision`. */
  readonly account: readonly EventSeen[];
  /** What each watcher saw after `fromRevision`, over all its connections. */
  readonly watched: readonly (readonly EventSeen[])[];
  /** What is there after the restart. */
  readonly after: ReadonlyMap<string, Held>;
}
