import { assert } from '../../base/assert.ts';
import { check, declare } from '../ffi/ffi.ts';

// int close(int fd): never blocks for the kinds of descriptor used here.
const cClose = declare('int close(int fd)');

const open = new Map<number, string>();

/**
 * An owned file descriptor. Take it with `using`; `release()` hands ownership elsewhere. Descriptors opened through
 * this class are counted so that tests can name a leaked one.
 */
export class Fd {
  #value: number;
  readonly label: string;

  /** `label` says what it is, for the leak report: `netns of pid 12`. */
  constructor(value: number, label: string) {
    assert(Number.isInteger(value) && value >= 0, `bad descriptor ${value} for ${label}`);
    this.#value = value;
    this.label = label;
    open.set(value, label);
  }

  /** The number, for a call. Throws once closed. */
  get value(): number {
    assert(this.#value >= 0, `descriptor of ${this.label} used after close`);
    return this.#value;
  }

  /** Gives up ownership: the caller closes the returned number. */
  release(): number {
    const value = this.value;
    open.delete(value);
    this.#value = -1;
    return value;
  }

  close(): void {
    if (this.#value < 0) {
      return;
    }
    const value = this.release();
    check(cClose(value), 'close', this.label);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Labels of descriptors still open. Empty at the end of a test, or it leaked. */
export function openFds(): string[] {
  return [...open.values()];
}
