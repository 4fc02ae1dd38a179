/** What is on the disk: versions, checks, compaction in slices. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { noCipher } from './cipher.ts';
import { decodeEntry, decodeEvent, encodeEntry, encodeEvent } from './codec.ts';
import type { StoreState } from './format.ts';
import { openLmdbStore, openTables } from './lmdb-backend.ts';
import type { LmdbTables } from './lmdb-backend.ts';
import { openSnapshot } from './snapshot.ts';
import type { StoreEvent } from './store.ts';
import { isStoreError } from './store.ts';
import { verifyStore } from './verify.ts';

function storeFile(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'vmlet-format-'));
  t.after(() => rmSync(directory, { recursive: true }));
  return join(directory, 'data.mdb');
}

const text = (value: string) => () => Buffer.from(value);

async function change(path: string, edit: (tables: LmdbTables) => void): Promise<void> {
  const tables = openTables(path, 'write');
  tables.root.transactionSync(() => edit(tables));
  await tables.root.close();
}

test('records come back as they were, and no changed bit passes', () => {
  const entry = encodeEntry('/a', { value: Buffer.from('value'), revision: 7 });
  assert.deepEqual(decodeEntry('/a', entry, noCipher), { key: '/a', value: Buffer.from('value'), revision: 7 });
  assert.throws(
    () => decodeEntry('/b', entry, noCipher),
    (error) => isStoreError(error, 'Corrupt'),
  );
  const event: StoreEvent = {
    type: 'update',
    key: '/a',
    value: Buffer.from('new'),
    previous: Buffer.from('old'),
    revision: 2 ** 40,
  };
  const bytes = encodeEvent(event);
  assert.deepEqual(decodeEvent(2 ** 40, bytes, noCipher), event);
  for (const [record, decode] of [
    [entry, (changed: Buffer) => decodeEntry('/a', changed, noCipher)],
    [bytes, (changed: Buffer) => decodeEvent(2 ** 40, changed, noCipher)],
  ] as const) {
    for (let bit = 0; bit < record.length * 8; bit += 1) {
      const changed = Buffer.from(record);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      assert.throws(
        () => decode(changed),
        (error) => isStoreError(error, 'Corrupt'),
      );
    }
    for (let length = 0; length < record.length; length += 1) {
      assert.throws(
        () => decode(record.subarray(0, length)),
        (error) => isStoreError(error, 'Corrupt'),
      );
    }
  }
});

test('a store of format 1 is brought up to date, once and completely', async (t) => {
  const path = storeFile(t);
  await change(path, ({ entries, log, meta }) => {
    // As format 1 wrote it: a revision, then the value; an event without checksum and revision.
    const old = (revision: number, value: string) =>
      Buffer.concat([Buffer.from([0, 0, 0, 0, 0, revision]), Buffer.from(value)]);
    entries.putSync('/r/a', old(3, 'new'));
    entries.putSync('/r/b', old(2, 'b'));
    const event = (type: number, key: string, value: string, previous = '') => {
      const head = Buffer.from([type, 0, key.length, 0, 0, 0, value.length]);
      return Buffer.concat([head, Buffer.from(key + value + previous)]);
    };
    log.putSync(1, event(0, '/r/a', 'old'));
    log.putSync(2, event(0, '/r/b', 'b'));
    log.putSync(3, event(1, '/r/a', 'new', 'old'));
    meta.putSync('format', 1);
    meta.putSync('revision', 3);
    meta.putSync('compacted', 0);
  });
  assert.throws(() => openSnapshot(path), /has format 1, this vmlet writes 2: start this vmlet on it once/u);
  for (const round of [1, 2]) {
    const store = openLmdbStore({ path });
    assert.equal(store.revision, 2 + round);
    assert.equal(store.get('/r/a')?.value.toString(), 'new');
    assert.equal(store.range({ prefix: '/r/', revision: 1 }).entries[0]?.value.toString(), 'old');
    await store.create(`/r/new${round}`, text('n'));
    await store.close();
    assert.equal(verifyStore(path).entries, 2 + round);
  }
});

test('a store of a newer vmlet is refused and left as it is', async (t) => {
  const path = storeFile(t);
  const store = openLmdbStore({ path });
  await store.create('/a', text('1'));
  await store.close();
  await change(path, ({ meta }) => meta.putSync('format', 3));
  const before = readFileSync(path);
  assert.throws(
    () => openLmdbStore({ path }),
    (error) =>
      isStoreError(error, 'UnknownFormat') &&
      /has format 3; this vmlet knows formats 1 to 2\. Start the newer vmlet/u.test(error.message),
  );
  assert.deepEqual(readFileSync(path), before);
});

test('a file that is no store is refused', (t) => {
  const path = storeFile(t);
  for (const content of [Buffer.from('hello'), Buffer.alloc(8192), Buffer.alloc(100_000, 0xbe)]) {
    writeFileSync(path, content);
    assert.throws(
      () => openLmdbStore({ path }),
      (error) => isStoreError(error, 'Corrupt'),
    );
    assert.deepEqual(readFileSync(path), content);
  }
});

test('the check finds what does not fit together', async (t) => {
  const cases: [string, (tables: LmdbTables) => void, RegExp][] = [
    [
      'an entry is gone',
      ({ entries }) => entries.removeSync('/r/5'),
      /the log says that \/r\/5 was written at revision 6/u,
    ],
    ['an old entry is gone', ({ entries }) => entries.removeSync('/r/0'), /holds 9 entries/u],
    [
      'an entry too many',
      ({ entries }) => entries.putSync('/r/x', encodeEntry('/r/x', { value: Buffer.from('x'), revision: 2 })),
      /holds 11 entries/u,
    ],
    [
      'an entry of the future',
      ({ entries }) => entries.putSync('/r/x', encodeEntry('/r/x', { value: Buffer.from('x'), revision: 99 })),
      /is of revision 99/u,
    ],
    [
      'an old value of an entry',
      ({ entries }) => entries.putSync('/r/0', encodeEntry('/r/0', { value: Buffer.from('y'), revision: 1 })),
      /of digest/u,
    ],
    ['an event is gone', ({ log }) => log.removeSync(8), /revision 9 where 8 should be/u],
    ['the last event is gone', ({ log }) => log.removeSync(10), /ends at revision 9/u],
    [
      'an event of an entry that is older',
      ({ entries }) => entries.putSync('/r/5', encodeEntry('/r/5', { value: Buffer.from('x'), revision: 5 })),
      /its newest event 6/u,
    ],
    [
      'a state that is not so',
      ({ meta }) => meta.putSync('state', { ...(meta.get('state') as StoreState), revision: 9 }),
      /revision/u,
    ],
  ];
  for (const [name, edit, message] of cases) {
    await t.test(name, async () => {
      const path = storeFile(t);
      const store = openLmdbStore({ path, historyEvents: 6 });
      for (let index = 0; index < 10; index += 1) {
        await store.create(`/r/${index}`, text('x'));
      }
      await store.close();
      assert.deepEqual(verifyStore(path), {
        format: 2,
        revision: 10,
        compactedRevision: 4,
        sealedWith: [],
        entries: 10,
        events: 6,
      });
      await change(path, edit);
      assert.throws(
        () => verifyStore(path),
        (error) => isStoreError(error, 'Corrupt') && message.test(error.message),
      );
      // After a bad end, the start looks too.
      await change(path, ({ meta }) => meta.putSync('open', {}));
      assert.throws(
        () => openLmdbStore({ path }),
        (error) => isStoreError(error, 'Corrupt'),
      );
    });
  }
});

test('a history that became too long goes in slices, and no write waits for it', async (t) => {
  const path = storeFile(t);
  const events = 20_000;
  const first = openLmdbStore({ path, historyEvents: events });
  await Promise.all(Array.from({ length: events }, (_, index) => first.create(`/r/${index}`, text('x'.repeat(200)))));
  await first.close();
  const store = openLmdbStore({ path, historyEvents: 10 });
  const tookMs: number[] = [];
  let most = 0;
  while (store.compactedRevision < store.revision - 10) {
    const before = store.compactedRevision;
    const beginMs = performance.now();
    await store.update('/r/0', text('y'), store.get('/r/0')?.revision ?? 0);
    tookMs.push(performance.now() - beginMs);
    most = Math.max(most, store.compactedRevision - before);
  }
  await store.close();
  assert.equal(most, 64);
  tookMs.sort((left, right) => left - right);
  t.diagnostic(
    `${events} events compacted beside ${tookMs.length} writes: median ${tookMs[tookMs.length >> 1]?.toFixed(1)} ms, longest ${tookMs.at(-1)?.toFixed(1)} ms`,
  );
  assert.equal(verifyStore(path).events, 10);
});

test('large values shorten the history', async (t) => {
  const path = storeFile(t);
  const store = openLmdbStore({ path, historyBytes: 4 * 1024 * 1024 });
  const big = Buffer.alloc(100_000, 65);
  let revision = (await store.create('/r/a', () => big)).revision;
  for (let index = 0; index < 250; index += 1) {
    ({ revision } = await store.update('/r/a', () => big, revision));
  }
  assert.ok(
    store.revision - store.compactedRevision <= 110,
    `${store.revision - store.compactedRevision} events are kept`,
  );
  await store.close();
});
