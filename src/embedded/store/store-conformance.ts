/** What every Store must do; run on each implementation. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withDeadline } from '../../base/deadline.ts';
import type { Store, StoreEvent } from './store.ts';
import { isStoreError } from './store.ts';

export interface StoreFixture {
  /** Opens, or opens again, the same data. */
  open(historyEvents?: number): Store;
  remove(): void;
}

const waitMs = 5000;

function text(value: string): () => Buffer {
  return () => Buffer.from(value);
}

function collect(store: Store, prefix: string, afterRevision: number) {
  const events: StoreEvent[] = [];
  const waiting: { count: number; resolve: () => void }[] = [];
  const watch = store.watch({
    prefix,
    afterRevision,
    onEvent(event) {
      events.push(event);
      for (const { count, resolve } of waiting) {
        if (events.length >= count) {
          resolve();
        }
      }
    },
  });
  return {
    events,
    watch,
    async reach(count: number): Promise<string[]> {
      if (events.length < count) {
        const reached = new Promise<void>((resolve) => waiting.push({ count, resolve }));
        await withDeadline(reached, waitMs, `${count} watch events`);
      }
      return events.map((event) => `${event.type} ${event.key} ${event.value.toString()} @${event.revision}`);
    },
  };
}

export async function describeStore(name: string, fixture: () => StoreFixture): Promise<void> {
  async function check(title: string, body: (store: Store, fixture: StoreFixture) => Promise<void>, history?: number) {
    await test(`${name} store: ${title}`, async () => {
      const made = fixture();
      const store = made.open(history);
      try {
        await body(store, made);
      } finally {
        await store.close();
        made.remove();
      }
    });
  }

  await check('create, get, update, delete with revisions', async (store) => {
    assert.equal(store.revision, 0);
    const created = await store.create('/r/a', (revision) => Buffer.from(`rev ${revision}`));
    assert.deepEqual(created, { key: '/r/a', value: Buffer.from('rev 1'), revision: 1 });
    assert.deepEqual(store.get('/r/a'), created);
    await assert.rejects(store.create('/r/a', text('x')), (error) => isStoreError(error, 'Exists'));
    await assert.rejects(store.update('/r/b', text('x'), 1), (error) => isStoreError(error, 'Missing'));
    await store.update('/r/a', text('two'), 1);
    await assert.rejects(store.update('/r/a', text('x'), 1), (error) => isStoreError(error, 'Modified'));
    await assert.rejects(store.delete('/r/a', text('x'), 1), (error) => isStoreError(error, 'Modified'));
    const deleted = await store.delete('/r/a', text('gone'), 2);
    assert.equal(deleted.revision, 3);
    assert.equal(store.get('/r/a'), undefined);
    assert.equal(store.revision, 3);
  });

  await check('a write is seen by the next writer at once, by readers when durable', async (store) => {
    const writing = store.create('/r/a', text('1'));
    assert.equal(store.get('/r/a'), undefined);
    assert.equal(store.latest('/r/a')?.revision, 1);
    await assert.rejects(store.create('/r/a', text('x')), (error) => isStoreError(error, 'Exists'));
    const updating = store.update('/r/a', text('2'), 1);
    await Promise.all([writing, updating]);
    assert.equal(store.get('/r/a')?.value.toString(), '2');
  });

  await check('what was read before a change is not read after it', async (store) => {
    const keys = Array.from({ length: 300 }, (_, index) => `/r/${index}`);
    const values = (): (string | undefined)[] => keys.map((key) => store.get(key)?.value.toString());
    await Promise.all(keys.map((key) => store.create(key, text('old'))));
    assert.deepEqual(new Set(values()), new Set(['old']));
    const seen: (string | undefined)[] = [];
    store.watch({ prefix: '/r/0', afterRevision: store.revision, onEvent: () => seen.push(...values()) });
    await Promise.all(keys.map((key) => store.update(key, text('new'), store.get(key)?.revision ?? 0)));
    assert.deepEqual(new Set(values()), new Set(['new']));
    // The watcher of the first key, too, sees the whole batch.
    assert.equal(seen.length, keys.length);
    assert.deepEqual(new Set(seen), new Set(['new']));
    await Promise.all(keys.map((key) => store.delete(key, text('gone'), store.latest(key)?.revision ?? 0)));
    assert.deepEqual(new Set(values()), new Set([undefined]));
  });

  await check('only one of many racing updates wins', async (store) => {
    await store.create('/r/a', text('0'));
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, (_, index) => store.update('/r/a', text(String(index)), 1)),
    );
    assert.equal(results.filter((result) => result.status === 'fulfilled').length, 1);
  });

  await check('range: prefix, order, limit, continuation at one revision', async (store) => {
    await Promise.all(['c', 'a', 'b', 'd'].map((key) => store.create(`/r/${key}`, text(key))));
    await store.create('/s/z', text('other'));
    const first = store.range({ prefix: '/r/', limit: 2 });
    assert.deepEqual(
      first.entries.map((entry) => entry.key),
      ['/r/a', '/r/b'],
    );
    assert.ok(first.more);
    await store.delete('/r/c', text(''), store.get('/r/c')?.revision ?? 0);
    await store.update('/r/d', text('changed'), store.get('/r/d')?.revision ?? 0);
    await store.create('/r/bb', text('late'));
    const second = store.range({ prefix: '/r/', after: '/r/b', limit: 5, revision: first.revision });
    assert.deepEqual(
      second.entries.map((entry) => `${entry.key}=${entry.value.toString()}`),
      ['/r/c=c', '/r/d=d'],
    );
    assert.ok(!second.more);
    assert.equal(store.count('/r/'), 4);
    assert.throws(
      () => store.range({ prefix: '/r/', revision: 99 }),
      (error) => isStoreError(error, 'FutureRevision'),
    );
  });

  await check('watch: history then live, in order, once each, only the prefix', async (store) => {
    await store.create('/r/a', text('1'));
    await store.create('/q/x', text('-'));
    const live = collect(store, '/r/', store.revision);
    const late = collect(store, '/r/', 0);
    await Promise.all([
      store.create('/r/b', text('2')),
      store.update('/r/a', text('3'), 1),
      store.create('/s', text('-')),
    ]);
    await store.delete('/r/a', text('end'), 4);
    const expected = ['create /r/b 2 @3', 'update /r/a 3 @4', 'delete /r/a end @6'];
    assert.deepEqual(await live.reach(3), expected);
    assert.deepEqual(await late.reach(4), ['create /r/a 1 @1', ...expected]);
    assert.equal(live.events[1]?.previous?.toString(), '1');
    live.watch.close();
    await store.create('/r/c', text('4'));
    assert.equal(live.events.length, 3);
    await late.reach(5);
  });

  await check('watches started while writes are on their way miss and double nothing', async (store) => {
    const writes: Promise<unknown>[] = [];
    const watches: ReturnType<typeof collect>[] = [];
    for (let index = 0; index < 200; index += 1) {
      writes.push(store.create(`/r/${index}`, text('x')));
      if (index % 20 === 0) {
        await new Promise((resolve) => setImmediate(resolve));
        watches.push(collect(store, '/r/', 0));
      }
    }
    await Promise.all(writes);
    for (const watch of watches) {
      await watch.reach(200);
      assert.deepEqual(
        watch.events.map((event) => event.revision),
        Array.from({ length: 200 }, (_, index) => index + 1),
      );
    }
  });

  await check('reads never run ahead of watches', async (store) => {
    const seen = collect(store, '/r/', 0);
    const writes = Array.from({ length: 50 }, (_, index) => store.create(`/r/${index}`, text('x')));
    const progress = { settled: false };
    const all = Promise.all(writes).then(() => {
      progress.settled = true;
    });
    while (!progress.settled) {
      const { revision, entries } = store.range({ prefix: '/r/' });
      assert.equal(entries.length, revision);
      assert.equal(seen.events.length, revision);
      assert.equal(store.get('/r/49') !== undefined, revision === 50);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await all;
  });

  await check('state, revision and watch history survive a reopening', async (store, made) => {
    await store.create('/r/a', text('1'));
    await store.update('/r/a', text('2'), 1);
    await store.close();
    const again = made.open();
    assert.equal(again.revision, 2);
    assert.equal(again.get('/r/a')?.value.toString(), '2');
    const resumed = collect(again, '/r/', 1);
    await again.create('/r/b', text('3'));
    assert.deepEqual(await resumed.reach(2), ['update /r/a 2 @2', 'create /r/b 3 @3']);
    assert.equal(resumed.events[0]?.previous?.toString(), '1');
    await again.close();
  });

  await check(
    'history is bounded; older revisions are Compacted',
    async (store) => {
      for (let index = 0; index < 30; index += 1) {
        await store.create(`/r/${index}`, text('x'));
      }
      assert.equal(store.compactedRevision, 20);
      assert.throws(
        () => collect(store, '/r/', 19),
        (error) => isStoreError(error, 'Compacted'),
      );
      assert.throws(
        () => store.range({ prefix: '/r/', revision: 19 }),
        (error) => isStoreError(error, 'Compacted'),
      );
      assert.equal((await collect(store, '/r/', 20).reach(10)).length, 10);
      assert.equal(store.range({ prefix: '/r/', revision: 20 }).entries.length, 20);
    },
    10,
  );

  await check('pages of one list are of one revision, whatever is written between them', async (store) => {
    const keys = Array.from({ length: 50 }, (_, index) => `/r/${String(index).padStart(2, '0')}`);
    await Promise.all(keys.map((key) => store.create(key, text('then'))));
    const { revision } = store;
    const found: string[] = [];
    let after: string | undefined;
    for (let more = true; more;) {
      const page = store.range({ prefix: '/r/', limit: 7, revision, after });
      ({ more } = page);
      found.push(...page.entries.map(({ key, value }) => `${key} ${value.toString()}`));
      after = page.entries.at(-1)?.key;
      const writes = [3, 20, 33, 48].map(async (index) => {
        const key = keys[index] ?? '';
        const entry = store.get(key);
        await (entry === undefined
          ? store.create(key, text('again'))
          : index % 2 === 0
            ? store.delete(key, text('gone'), entry.revision)
            : store.update(key, text('changed'), entry.revision));
      });
      await Promise.all([...writes, store.create(`/r/${found.length}x`, text('new'))]);
    }
    assert.deepEqual(
      found,
      keys.map((key) => `${key} then`),
    );
  });

  await check('concurrent writers: each key has one order, all have one, and every watcher sees it', async (store) => {
    const seen = collect(store, '/r/', 0);
    const done: { key: string; revision: number }[] = [];
    async function work(writer: number): Promise<void> {
      for (let turn = 0; turn < 25; turn += 1) {
        const key = `/r/${(writer + turn) % 4}`;
        const entry = store.latest(key);
        try {
          const written = await (entry === undefined
            ? store.create(key, text(`${writer}-${turn}`))
            : store.update(key, text(`${writer}-${turn}`), entry.revision));
          done.push({ key, revision: written.revision });
        } catch (error) {
          assert.ok(isStoreError(error, 'Modified') || isStoreError(error, 'Exists'));
        }
      }
    }
    await Promise.all(Array.from({ length: 8 }, (_, writer) => work(writer)));
    await seen.reach(done.length);
    const revisions = done.map(({ revision }) => revision).sort((left, right) => left - right);
    assert.deepEqual(
      revisions,
      Array.from({ length: done.length }, (_, index) => index + 1),
    );
    assert.deepEqual(
      seen.events.map(({ revision }) => revision),
      revisions,
    );
    for (const { key, revision, previous } of seen.events) {
      const before = seen.events.filter((event) => event.key === key && event.revision < revision).at(-1);
      assert.equal(previous?.toString(), before?.value.toString());
    }
  });

  await check('a watch can begin at any kept revision, and ends with the store', async (store) => {
    for (let index = 0; index < 20; index += 1) {
      await store.create(`/r/${index}`, text('x'));
    }
    for (let from = 0; from <= 20; from += 1) {
      const watch = collect(store, '/r/', from);
      await watch.reach(20 - from);
      assert.deepEqual(
        watch.events.map(({ revision }) => revision),
        Array.from({ length: 20 - from }, (_, index) => from + index + 1),
      );
      watch.watch.close();
    }
    assert.equal(store.statistics().watchers, 0);
    let ended = 0;
    store.watch({
      prefix: '/r/',
      afterRevision: 20,
      onEvent: () => assert.fail('no event is left'),
      onClose: () => (ended += 1),
    });
    assert.throws(
      () => collect(store, '/r/', 21),
      (error) => isStoreError(error, 'FutureRevision'),
    );
    await store.close();
    assert.equal(ended, 1);
  });

  await check(
    'compaction beside writes: reads at a kept revision stay right',
    async (store) => {
      for (let index = 0; index < 200; index += 1) {
        const entry = store.get('/r/a');
        await (entry === undefined
          ? store.create('/r/a', text(String(index)))
          : store.update('/r/a', text(String(index)), entry.revision));
        const oldest = Math.max(1, store.compactedRevision);
        assert.equal(store.range({ prefix: '/r/', revision: oldest }).entries[0]?.value.toString(), String(oldest - 1));
      }
      assert.equal(store.revision - store.compactedRevision, 10);
    },
    10,
  );

  await check('after close, calls say so', async (store) => {
    await store.close();
    assert.throws(
      () => store.get('/r/a'),
      (error) => isStoreError(error, 'Closed'),
    );
    await assert.rejects(store.create('/r/a', text('x')), (error) => isStoreError(error, 'Closed'));
  });
}
