/** The CEL library takes 20 MiB and a tenth of a second to load: a server without expressions does without. */
import { createRequire } from 'node:module';
import type * as Engine from './engine.ts';

let loaded: typeof Engine | undefined;

export function loadEngine(): typeof Engine {
  loaded ??= createRequire(import.meta.url)('./engine.ts') as typeof Engine;
  return loaded;
}
