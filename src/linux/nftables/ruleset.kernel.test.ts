import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { openFds } from '../fd/fd.ts';
import { normalizeTable } from './compare.ts';
import { dumpRuleset, dumpTable } from './dump.ts';
import { formatTable } from './format.ts';
import { deleteTable, replaceTable } from './nftables.ts';
import { openTestNamespace, type TestNamespace } from './testing/namespace.ts';
import type { Table } from './types.ts';

const isRoot = process.getuid?.() === 0;
const source = readFileSync(new URL('golden/everything.nft', import.meta.url), 'utf8');

/** The same statement in the words of nft 1.1, which tells the default burst and says a mask as an operation, and of 1.0. */
function inWordsOf10(line: string): string {
  return line
    .replace(/(limit rate (?:over )?\S+) burst 5 packets/u, '$1')
    .replace(
      /tcp flags & \(([a-z| ]+)\) == ([a-z|]+)/u,
      (_, mask: string, flags: string) => `tcp flags ${flags} / ${mask.replaceAll(' | ', ',')}`,
    );
}

/** One line per statement; where nft breaks the elements of a set is up to its version. */
function lines(text: string): string[] {
  return text
    .replaceAll(/,\s*\n\s*/gu, ', ')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

describe('every expression and kind of set, as nft makes them', { skip: isRoot ? false : 'needs root' }, () => {
  let space: TestNamespace;
  let tables: readonly Table[];
  let listing: string;
  const list = (): string => space.nft(['-y', 'list', 'ruleset']);

  before(() => {
    space = openTestNamespace('everything');
    space.ip('tuntap', 'add', 'tap0', 'mode', 'tap');
    space.nft(['-f', '-'], source);
    listing = list();
    tables = dumpRuleset(space.socket);
  });
  after(() => {
    space[Symbol.dispose]();
    assert.deepEqual(openFds(), []);
  });

  test('all of it is understood', () => {
    assert.equal(tables.length, 4);
    for (const table of tables) {
      for (const { expressions } of table.chains.flatMap(({ rules }) => rules)) {
        assert.deepEqual(
          expressions.filter(({ type }) => type === 'unknown'),
          [],
        );
      }
    }
  });

  test('our text is nft’s, line for line', () => {
    const ours = lines(tables.map(formatTable).join('\n')).map(inWordsOf10);
    // Interfaces that the kernel knows by number are printed so: the number means nothing in another namespace.
    const byNumber = (line: string): string =>
      line
        .replace('iif "lo"', 'iif 1')
        .replace(/(dup|fwd) to "tap0"/u, '$1 to 2')
        .replace('device "tap0"', line.includes('hook') ? 'device "tap0"' : 'device 2');
    const theirs = new Set(lines(listing).map(byNumber).map(inWordsOf10));
    assert.deepEqual(
      ours.filter((line) => !theirs.has(line)),
      [],
    );
    assert.equal(ours.length, lines(listing).length);
  });

  test('what was read and sent again lists the same', () => {
    for (const table of tables) {
      assert.equal(deleteTable(space.socket, table), true);
    }
    for (const table of tables) {
      assert.equal(replaceTable(space.socket, table), 'created');
      const observed = dumpTable(space.socket, table);
      assert.ok(observed !== undefined);
      assert.deepEqual(normalizeTable(observed), normalizeTable(table));
      assert.equal(replaceTable(space.socket, table), 'unchanged');
    }
    assert.equal(list(), listing);
  });

  test('nft makes the same of our text', () => {
    for (const table of tables) {
      deleteTable(space.socket, table);
    }
    for (const table of tables) {
      space.nft(['-f', '-'], formatTable(table));
    }
    assert.equal(list(), listing);
  });
});
