/** What a node does for the streams of its Pods. */
import type { Duplex, Readable, Writable } from 'node:stream';
import type { Pod } from '../../../apimachinery/core.ts';

export interface LogRequest {
  readonly follow: boolean;
  /** Lines from the end; undefined: all. */
  readonly tailLines: number | undefined;
  /** Milliseconds since 1970; a log that was last written before is empty. */
  readonly sinceMs: number | undefined;
  readonly limitBytes: number | undefined;
}

export interface ExecRequest {
  readonly command: readonly string[];
  readonly tty: boolean;
  readonly stdin: boolean;
}

export interface ExecProcess {
  /** Ends what the process reads; undefined when not asked for. */
  readonly stdin: Writable | undefined;
  readonly stdout: Readable;
  /** Undefined with a terminal, where both are one. */
  readonly stderr: Readable | undefined;
  resize(size: { readonly columns: number; readonly rows: number }): void;
  /** How it ended; 128 and the number for a signal. */
  readonly exitCode: Promise<number>;
  /** Ends it; fine when it has ended. */
  kill(): void;
}

/** All throw StatusError for what the Pod cannot do. Whoever gets a stream destroys it. */
export interface PodStreamBackend {
  openLog(pod: Pod, request: LogRequest): Promise<Readable>;
  exec(pod: Pod, request: ExecRequest): Promise<ExecProcess>;
  /** A TCP connection to a port of the Pod. */
  connect(pod: Pod, port: number): Promise<Duplex>;
}
