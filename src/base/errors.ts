/**
 * Errors that cross layer borders. Each layer adds its own operation and object once and keeps the cause in `cause`;
 * callers match on `code`, never on message text.
 */

/** Base of every error this product raises on purpose. `code` is stable and safe to match on. */
export class VmletError extends Error {
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

export interface KernelErrorFields {
  /** The system call or netlink message, by its UAPI name: `RTM_NEWLINK`, `openat2`. */
  readonly op: string;
  /** What it was done to, for a person: `link "tap0" in netns 4026532177`. */
  readonly target: string;
  /** Positive errno. */
  readonly errno: number;
  /** Symbolic errno: `EEXIST`. */
  readonly code: string;
  /** strerror text. */
  readonly text: string;
  /** The kernel's extended acknowledgement, where netlink gave one. */
  readonly extack?: string | undefined;
}

/** A refused kernel operation: `RTM_NEWLINK link "tap0": EEXIST File exists (device already there)`. */
export class KernelError extends VmletError {
  readonly op: string;
  readonly target: string;
  readonly errno: number;
  readonly extack: string | undefined;

  constructor(fields: KernelErrorFields) {
    const extack = fields.extack === undefined || fields.extack === '' ? '' : ` (${fields.extack})`;
    super(fields.code, `${fields.op} ${fields.target}: ${fields.code} ${fields.text}${extack}`);
    this.op = fields.op;
    this.target = fields.target;
    this.errno = fields.errno;
    this.extack = fields.extack;
  }
}

/** The host, kernel or a tool lacks what was asked for. The message says what is missing and what to do. */
export class UnsupportedError extends VmletError {
  constructor(message: string, options?: ErrorOptions) {
    super('Unsupported', message, options);
  }
}

/** Bytes or text from outside did not have the promised form. `offset` counts bytes from the start of the input. */
export class DecodeError extends VmletError {
  readonly offset: number | undefined;

  constructor(message: string, offset?: number, options?: ErrorOptions) {
    super('Decode', offset === undefined ? message : `${message} (at byte ${offset})`, options);
    this.offset = offset;
  }
}

/** A deadline passed or the caller aborted. */
export class CancelledError extends VmletError {
  constructor(message: string, options?: ErrorOptions) {
    super('Cancelled', message, options);
  }
}

/** A program that vmlet runs (runc, skopeo, qemu-img, xorriso) failed. `stderr` is cut to its last 2 KiB. */
export class ToolError extends VmletError {
  readonly tool: string;
  readonly exitCode: number | null;
  readonly stderr: string;

  constructor(fields: { tool: string; exitCode: number | null; stderr: string; doing: string }) {
    const tail = fields.stderr.trim().slice(-2048);
    super('ToolFailed', `${fields.doing}: ${fields.tool} exited with ${fields.exitCode ?? 'a signal'}: ${tail}`);
    this.tool = fields.tool;
    this.exitCode = fields.exitCode;
    this.stderr = tail;
  }
}

/** The `code` of any error: ours, Node's system errors, or `Unknown`. */
export function errorCode(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string') {
    return error.code;
  }
  return 'Unknown';
}

export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
