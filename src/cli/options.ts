import { VmletError } from '../base/errors.ts';

/** A wrong command line: exit code 2. */
export class UsageError extends VmletError {
  constructor(message: string) {
    super('Usage', message);
  }
}

/** Whole seconds from an option's text; undefined when the option was not given. */
export function graceSeconds(value: string | boolean | undefined): number | undefined {
  if (typeof value !== 'string') {
    return undefined;
  }
  if (!/^\d{1,7}$/.test(value)) {
    throw new UsageError(`--grace-period takes whole seconds, not "${value}"`);
  }
  return Number(value);
}
