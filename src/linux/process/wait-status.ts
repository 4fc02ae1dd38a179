/** The status of a process that has ended, as waitpid(2), /proc/<pid>/stat and PIDFD_GET_INFO give it. Pure. */
import { constants } from 'node:os';

export type ProcessExit =
  | { readonly kind: 'exited'; readonly code: number }
  /** `signal` is its name, or its number when it has none (real-time signals). */
  | { readonly kind: 'killed'; readonly signal: string; readonly coreDumped: boolean };

const signalNames: ReadonlyMap<number, string> = new Map(
  // The first name counts: SIGIOT is SIGABRT, SIGPOLL is SIGIO.
  Object.entries(constants.signals)
    .toReversed()
    .map(([name, number]) => [number, name]),
);

/** By the macros of sys/wait.h. */
export function decodeWaitStatus(status: number): ProcessExit {
  const signal = status & 0x7f;
  return signal === 0
    ? { kind: 'exited', code: (status >> 8) & 0xff }
    : { kind: 'killed', signal: signalNames.get(signal) ?? String(signal), coreDumped: (status & 0x80) !== 0 };
}

/** `was ended by SIGKILL`, `exited with code 1`. */
export function formatExit(exit: ProcessExit): string {
  return exit.kind === 'exited'
    ? `exited with code ${exit.code}`
    : `was ended by ${/^\d/.test(exit.signal) ? `signal ${exit.signal}` : exit.signal}${exit.coreDumped ? ' and left a core dump' : ''}`;
}
