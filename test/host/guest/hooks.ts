/** Loaded before everything else in the test host, where the repository's TypeScript has its types stripped already. */
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';

// The files keep their names, so that stacks and golden files fit; they hold plain JavaScript.
registerHooks({
  load(url, context, nextLoad) {
    if (url.startsWith('file:') && url.endsWith('.ts')) {
      return { format: 'module', source: readFileSync(fileURLToPath(url)), shortCircuit: true };
    }
    return nextLoad(url, context);
  },
});
