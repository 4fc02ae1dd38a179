/**
 * Writes to a store for ever and notes each acknowledged write in a file, for `power-cut.test.ts`.
 *
 *   node test/crash/store-writer.ts STORE ACKS WRITES      one line per acknowledged write: KEY REVISION VALUE ("-" for deleted)
 */
import { openSync, writeSync } from 'node:fs';
import { openLmdbStore } from '../../src/embedded/store/lmdb-backend.ts';
import { createRandom } from './random.ts';

const [path = '', acks = '', writes = '0'] = process.argv.slice(2);
const store = openLmdbStore({ path, historyEvents: 40 });
const notes = openSync(acks, 'a', 0o600);
const random = createRandom(Number(writes));

async function work(worker: number): Promise<void> {
  for (let turn = 0; turn < Number(writes); turn += 1) {
    const key = `/w${worker}/k${random.below(6)}`;
    const known = store.latest(key);
    const value = `${worker}-${turn}-${'x'.repeat(random.below(9000))}`;
    const encode = (): Buffer => Buffer.from(value);
    const remove = known !== undefined && random.below(4) === 0;
    const done = remove
      ? await store.delete(key, encode, known.revision)
      : known === undefined
        ? await store.create(key, encode)
        : await store.update(key, encode, known.revision);
    writeSync(notes, `${key} ${done.revision} ${remove ? '-' : value}\n`);
  }
}

await Promise.all(Array.from({ length: 4 }, (_, worker) => work(worker)));
await store.close();
