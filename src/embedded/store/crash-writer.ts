/** Test program: writes entries for ever, 16 at a time, and prints each number once acknowledged. Killed by its parent. */
import { writeSync } from 'node:fs';
import { openLmdbStore } from './lmdb-backend.ts';

const [path = '', first = '0'] = process.argv.slice(2);
const store = openLmdbStore({ path });
let next = Number(first);

async function writeOne(): Promise<void> {
  const id = next;
  next += 1;
  await store.create(`/crash/${id.toString().padStart(9, '0')}`, () => Buffer.from(String(id)));
  writeSync(1, `${id}\n`);
}

for (;;) {
  await Promise.all(Array.from({ length: 16 }, writeOne));
}
