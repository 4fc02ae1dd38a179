/** The checkers notice what they are for: histories made by hand, and servers whose store breaks a promise. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Epoch, EventSeen, Held, Operation } from './history.ts';
import { faults } from './faulty-store.ts';
import { checkKey } from './linearizable.ts';
import { createRandom } from './random.ts';
import { checkEpoch } from './revision-order.ts';
import { runTrials } from './trials.ts';

type Times = readonly [beginMs: number, endMs: number];

const base = (key: string, [beginMs, endMs]: Times) => ({ client: 0, key, beginMs, endMs });
const held = (revision: number, value: string): Held => ({ revision, value });

function write(times: Times, value: string, revision: number, expected?: number): Operation {
  const outcome = { type: 'done', revision } as const;
  return {
    ...base('a', times),
    kind: expected === undefined ? 'create' : 'update',
    value,
    outcome,
    ...(expected !== undefined && { expected }),
  };
}

function read(times: Times, found: Held | undefined): Operation {
  return { ...base('a', times), kind: 'get', found };
}

const unknownDelete: Operation = { ...base('a', [0, 100]), kind: 'delete', outcome: { type: 'unknown' } };

test('histories of one key', () => {
  const one = held(1, 'x');
  const two = held(2, 'y');
  const cases: [string, readonly Operation[], Held | undefined, Held | undefined, boolean][] = [
    ['nothing happened', [], one, one, true],
    ['something was lost', [write([0, 1], 'x', 1)], undefined, undefined, false],
    ['a read during a write sees the old', [write([0, 9], 'y', 2, 1), read([1, 8], one)], one, two, true],
    ['a read during a write sees the new', [write([0, 9], 'y', 2, 1), read([1, 8], two)], one, two, true],
    ['a read after a write sees the old', [write([0, 1], 'y', 2, 1), read([2, 3], one)], one, two, false],
    ['reads go back', [write([0, 9], 'y', 2, 1), read([1, 2], two), read([3, 4], one)], one, two, false],
    ['two updates of one revision', [write([0, 9], 'y', 2, 1), write([0, 9], 'z', 3, 1)], one, held(3, 'z'), false],
    ['an unanswered delete happened', [unknownDelete, read([50, 51], undefined)], one, undefined, true],
    ['an unanswered delete never happened', [unknownDelete, read([50, 51], one)], one, one, true],
    [
      'an unanswered delete happened and did not',
      [unknownDelete, read([50, 51], undefined), read([52, 53], one)],
      one,
      one,
      false,
    ],
    [
      'refused as stale while nobody had written',
      [
        {
          ...base('a', [0, 1]),
          kind: 'update',
          value: 'q',
          expected: 1,
          outcome: { type: 'refused', reason: 'modified' },
        },
      ],
      one,
      one,
      false,
    ],
  ];
  for (const [name, operations, before, after, right] of cases) {
    assert.equal(checkKey(operations, before, after), right ? 'linearizable' : 'broken', name);
  }
});

test('many operations at once are decided quickly', () => {
  const operations = Array.from({ length: 60 }, (_, index) =>
    write([0, 100], `v${index + 1}`, index + 2, index + 1),
  ).reverse();
  assert.equal(checkKey(operations, held(1, 'v0'), held(61, 'v60')), 'linearizable');
});

test('accounts, lists and watches', () => {
  const account: readonly EventSeen[] = [
    { type: 'ADDED', key: 'a', revision: 2, value: 'x' },
    { type: 'MODIFIED', key: 'a', revision: 3, value: 'y' },
    { type: 'DELETED', key: 'a', revision: 5, value: 'y' },
  ];
  const [first, second, third] = account as [EventSeen, EventSeen, EventSeen];
  const good: Epoch = {
    before: new Map(),
    after: new Map(),
    fromRevision: 1,
    operations: [
      write([0, 1], 'x', 2),
      write([2, 3], 'y', 3, 2),
      { ...base('a', [4, 5]), kind: 'delete', outcome: { type: 'done' } },
    ],
    lists: [{ client: 1, beginMs: 2, endMs: 4, revision: 3, items: new Map([['a', held(3, 'y')]]) }],
    account,
    watched: [account, account],
  };
  assert.deepEqual(checkEpoch(good), []);
  const bad: [string, Partial<Epoch>, RegExp][] = [
    ['a lost event', { watched: [[first, third]] }, /lost, doubled or out of order/u],
    ['a lost last event', { watched: [[first, second]] }, /saw nothing where DELETED/u],
    ['a doubled event', { watched: [[first, first, second, third]] }, /lost, doubled/u],
    ['swapped events', { watched: [[second, first, third]] }, /lost, doubled/u],
    ['a lost write', { account: [first, { ...third, value: 'x' }] }, /acknowledged update of a at revision 3 is lost/u],
    ['another value', { account: [first, { ...second, value: 'z' }, third] }, /written by nobody/u],
    [
      'an order against the clock',
      { operations: [write([5, 6], 'x', 2), write([1, 2], 'y', 3, 2)] },
      /known before it began/u,
    ],
    [
      'an update over a revision it did not name',
      { operations: [write([0, 1], 'x', 2), write([2, 3], 'y', 3, 1)] },
      /overwrote another/u,
    ],
    [
      'an old list',
      { lists: [{ client: 1, beginMs: 4, endMs: 5, revision: 2, items: new Map([['a', held(2, 'x')]]) }] },
      /a list is of revision 2/u,
    ],
    [
      'a mixed list',
      { lists: [{ client: 1, beginMs: 2, endMs: 4, revision: 3, items: new Map([['a', held(2, 'x')]]) }] },
      /not what was there/u,
    ],
    ['other remains', { after: new Map([['a', held(3, 'y')]]) }, /not what the account leads to/u],
    ['an impossible account', { account: [second, first, third] }, /goes from revision/u],
  ];
  for (const [name, change, message] of bad) {
    assert.match(checkEpoch({ ...good, ...change }).join('\n'), message, name);
  }
});

test('a store that breaks a promise is noticed', { timeout: 240_000 }, async (t) => {
  for (const fault of faults) {
    await t.test(fault, async () => {
      const directory = mkdtempSync(join(tmpdir(), 'vmlet-crash-'));
      try {
        const result = await runTrials({ directory, trials: 12, random: createRandom(7), fault });
        assert.ok(result.problems.length > 0, `${fault} was not noticed in ${result.trials} trials`);
        t.diagnostic(`${fault}: trial ${result.trials}: ${result.problems[0]?.slice(0, 120)}`);
      } finally {
        rmSync(directory, { recursive: true });
      }
    });
  }
});
