import { VmletError } from './errors.ts';

/** A broken invariant of our own code; never caused by input. */
export class AssertionError extends VmletError {
  constructor(message: string) {
    super('Assertion', message);
  }
}

export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) {
    throw new AssertionError(message);
  }
}

/** For the `default` of an exhaustive switch. */
export function unreachable(value: never): never {
  throw new AssertionError(`unexpected value ${JSON.stringify(value)}`);
}
