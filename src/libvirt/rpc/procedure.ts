import type { XdrReader, XdrWriter } from '../xdr/xdr.ts';

/** One remote procedure: its number and the codecs of its `_args` and `_ret` structures. */
export interface Procedure<Args, Result> {
  readonly program: number;
  readonly number: number;
  /** As in the `.x` file, without the `REMOTE_PROC_` or `QEMU_PROC_` in front. */
  readonly name: string;
  encode(writer: XdrWriter, args: Args): void;
  decode(reader: XdrReader): Result;
}

/** Limits of one call. Every call has a deadline. */
export interface CallOptions {
  /** Milliseconds; 30,000 when not given. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}
