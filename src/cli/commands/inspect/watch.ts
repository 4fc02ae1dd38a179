import { setTimeout as sleep } from 'node:timers/promises';
import { isNotFound } from '../../../apimachinery/status.ts';
import type { Invocation } from '../../command.ts';
import { errorText } from '../../output/error-text.ts';

const intervalMs = 1000;
/** ECMA-48: to the first line and column; erase from there to the end. */
export const clearScreen = '\u001b[H\u001b[J';

/**
 * One look, or with --watch one a second. A watch ends by Ctrl-C, or when the VM is gone; what fails in between is told
 * and tried again. `look` gives the text to print.
 */
export async function watchOrOnce({ io, options }: Invocation, look: () => Promise<string>): Promise<void> {
  io.out(await look());
  while (options['watch'] === true) {
    await sleep(intervalMs, undefined, { signal: io.signal });
    try {
      io.out(await look());
    } catch (error) {
      if (isNotFound(error) || io.signal.aborted) {
        throw error;
      }
      io.err(`vmlet: ${errorText(error)}\n`);
    }
  }
}
