/**
 * What the test host and this side say to each other on a serial port: one JSON object per line. The guest says `ready`
 * once, then a line per finished test, `end` when all files were run, and `exit` with the code of its command. This side
 * says `go EPOCH-SECONDS`. Nothing here does I/O.
 */

/** Longest line that is read; a longer one is cut off and counts as damage. */
export const maxLineBytes = 64 * 1024;

export type GuestEvent =
  | { readonly type: 'ready' }
  | TestOutcome
  | { readonly type: 'end' }
  | { readonly type: 'exit'; readonly code: number };

export interface TestOutcome {
  readonly type: 'pass' | 'fail' | 'skip';
  /** Path below the repository. */
  readonly file: string;
  readonly name: string;
  /** Why it failed, with the stack; or why it was skipped. */
  readonly detail: string;
  readonly durationMs: number;
}

/** Splits a byte stream into lines, however it arrives. */
export interface LineSplitter {
  push(chunk: Uint8Array): readonly string[];
}

export function createLineSplitter(limitBytes: number = maxLineBytes): LineSplitter {
  let kept: Buffer = Buffer.alloc(0);
  let dropping = false;
  return {
    push(chunk) {
      const lines: string[] = [];
      let rest = Buffer.concat([kept, chunk]);
      for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
        if (!dropping) {
          lines.push(rest.subarray(0, Math.min(end, limitBytes)).toString('utf8').replace(/\r$/, ''));
        }
        dropping = false;
        rest = rest.subarray(end + 1);
      }
      if (rest.length > limitBytes) {
        if (!dropping) {
          lines.push(rest.subarray(0, limitBytes).toString('utf8'));
        }
        dropping = true;
        rest = Buffer.alloc(0);
      }
      kept = dropping ? Buffer.alloc(0) : rest;
      return lines;
    },
  };
}

/** The event in `line`; undefined when it is none, which the caller reports: a guest may write anything. */
export function parseGuestEvent(line: string): GuestEvent | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) {
    return undefined;
  }
  const { type, code, file, name, detail, durationMs } = value as Readonly<Record<string, unknown>>;
  switch (type) {
    case 'ready':
    case 'end':
      return { type };
    case 'exit':
      return typeof code === 'number' && Number.isInteger(code) && code >= 0 && code <= 255
        ? { type, code }
        : undefined;
    case 'pass':
    case 'fail':
    case 'skip':
      return typeof file === 'string' &&
        typeof name === 'string' &&
        typeof detail === 'string' &&
        typeof durationMs === 'number'
        ? { type, file, name, detail, durationMs }
        : undefined;
    default:
      return undefined;
  }
}

/** The line that makes a waiting guest begin and sets its clock, which stood still in a saved state. */
export function formatGo(nowMs: number): string {
  return `go ${Math.ceil(nowMs / 1000)}\n`;
}
