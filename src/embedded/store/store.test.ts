import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { withDeadline } from '../../base/deadline.ts';
import { createStore } from './engine.ts';
import { openLmdbStore } from './lmdb-backend.ts';
import { createMemoryStore, emptyMemoryState } from './memory-backend.ts';
import { describeStore } from './store-conformance.ts';
import { isStoreError } from './store.ts';

function temporaryDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'vmlet-store-'));
}

await describeStore('memory', () => {
  const state = emptyMemoryState();
  return { open: (historyEvents) => createMemoryStore({ state, historyEvents }), remove: () => undefined };
});

await describeStore('lmdb', () => {
  const directory = temporaryDirectory();
  return {
    open: (historyEvents) => openLmdbStore({ path: join(directory, 'data.mdb'), historyEvents }),
    remove: () => rmSync(directory, { recursive: true }),
  };
});

await test('a failed commit fails every write on its way and takes its revisions back', async () => {
  let fail = true;
  const store = createStore({
    initial: { revision: 7, compactedRevision: 0 },
    get: () => undefined,
    entries: () => [],
    count: () => 0,
    log: () => [],
    commit: () => (fail ? Promise.reject(new Error('ENOSPC')) : Promise.resolve()),
    close: () => Promise.resolve(),
  });
  const writes = ['/a', '/b'].map((key) => store.create(key, () => Buffer.from('x')));
  for (const write of writes) {
    await assert.rejects(write, (error) => isStoreError(error, 'WriteFailed'));
  }
  assert.equal(store.revision, 7);
  assert.equal(store.latest('/a'), undefined);
  fail = false;
  assert.equal((await store.create('/a', () => Buffer.from('x'))).revision, 8);
});

await test('nothing acknowledged is lost by kill -9', async () => {
  const directory = temporaryDirectory();
  const path = join(directory, 'data.mdb');
  try {
    let expected = 0;
    for (let round = 0; round < 3; round += 1) {
      const child = spawn(process.execPath, [join(import.meta.dirname, 'crash-writer.ts'), path, String(expected)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const acknowledged = new Set<number>();
      const stop = 300 + round * 217;
      for await (const line of createInterface({ input: child.stdout })) {
        acknowledged.add(Number(line));
        if (acknowledged.size === stop) {
          child.kill('SIGKILL');
        }
      }
      if (child.exitCode === null && child.signalCode === null) {
        await withDeadline(once(child, 'exit'), 10_000, 'exit of the killed writer');
      }
      assert.ok(acknowledged.size >= stop, `writer stopped early after ${acknowledged.size}`);
      const store = openLmdbStore({ path });
      const stored = new Set(store.range({ prefix: '/crash/' }).entries.map((entry) => Number(entry.value.toString())));
      for (const id of acknowledged) {
        assert.ok(stored.has(id), `acknowledged write ${id} is lost`);
      }
      assert.equal(store.revision, stored.size);
      expected = stored.size;
      await store.close();
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
});
