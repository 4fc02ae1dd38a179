/** Reading is synchronous; an object in a version that only a conversion webhook knows has to be fetched before. */
import { internalError } from '../../apimachinery/status.ts';
import { VmletError } from '../../base/errors.ts';

/** Thrown by a read of an object whose converted form is not known yet. `convert` makes it, and others like it, known. */
export class ConversionNeeded extends VmletError {
  readonly convert: () => Promise<void>;

  constructor(convert: () => Promise<void>) {
    super('ConversionNeeded', 'an object has to be converted first');
    this.convert = convert;
  }
}

/** Each round converts hundreds of objects. */
const maxRounds = 100;

/** `read` must be fit to run again. Throws StatusError when the conversion fails. */
export async function withConversions<T>(read: () => T): Promise<T> {
  for (let round = 0; round < maxRounds; round += 1) {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof ConversionNeeded)) {
        throw error;
      }
      await error.convert();
    }
  }
  throw internalError('too many objects to convert for one request; ask for fewer, by a namespace or a selector');
}
