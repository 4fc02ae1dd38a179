import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { openFds } from '../fd/fd.ts';
import type { NetlinkSocket } from '../netlink/socket.ts';
import { commitBatch, commitPlanned } from './batch.ts';
import * as b from './build.ts';
import { normalizeTable } from './compare.ts';
import { dumpTable, dumpTableAt, readGeneration } from './dump.ts';
import { formatRule } from './format-rule.ts';
import { deleteTable, replaceTable } from './nftables.ts';
import {
  addChainRequest,
  addElementsRequests,
  addObjectRequest,
  addRuleRequest,
  addSetRequests,
  createTableRequests,
  deleteChainRequest,
  deleteElementsRequests,
  deleteObjectRequest,
  deleteRuleRequest,
  deleteSetRequest,
  flushChainRequest,
  flushSetRequest,
  insertRuleRequest,
  replaceRuleRequest,
} from './requests.ts';
import { openTestNamespace, type TestNamespace } from './testing/namespace.ts';
import type { NftSet, SetElement, Table } from './types.ts';
import { addressHex, concatHex, portHex } from './values.ts';

const isRoot = process.getuid?.() === 0;

const ports: NftSet = { name: 'ports', key: ['inet_service'], flags: ['interval'], elements: [{ key: portHex(80) }] };
const ways: NftSet = {
  name: 'ways',
  key: ['ipv4_addr', 'inet_service'],
  data: 'verdict',
  flags: ['interval'],
  elements: [],
};
const targets: NftSet = {
  name: 'targets',
  key: ['inet_service'],
  data: ['ipv4_addr', 'inet_service'],
  flags: ['timeout'],
  expressions: [{ type: 'counter' }],
  elements: [],
};
const table: Table = {
  family: 'ip',
  name: 'vm',
  sets: [ports, ways, targets],
  chains: [{ name: 'c', rules: [b.commented('first', b.accept())] }],
};
const place = { table, chain: 'c' };

describe('changes of a table', { skip: isRoot ? false : 'needs root' }, () => {
  let space: TestNamespace;
  let socket: NetlinkSocket;
  const observe = (): Table => {
    const observed = dumpTable(socket, table);
    assert.ok(observed !== undefined);
    return observed;
  };
  const elements = (name: string): readonly SetElement[] =>
    observe().sets.find((set) => set.name === name)?.elements ?? [];
  const comments = (): (string | undefined)[] => observe().chains[0]?.rules.map(({ comment }) => comment) ?? [];
  const handle = (comment: string): bigint => {
    const found = observe().chains[0]?.rules.find((rule) => rule.comment === comment)?.handle;
    assert.ok(found !== undefined, comment);
    return found;
  };

  before(() => {
    space = openTestNamespace('changes');
    socket = space.socket;
    space.nft(['-f', '-'], 'table ip foreign {\n chain c {\n ip saddr 10.0.0.1 drop\n }\n }');
  });
  after(() => {
    assert.match(space.nft(['list', 'table', 'ip', 'foreign']), /ip saddr 10\.0\.0\.1 drop/);
    space[Symbol.dispose]();
    assert.deepEqual(openFds(), []);
  });
  beforeEach(() => {
    replaceTable(socket, { ...table, comment: 'other' });
    replaceTable(socket, table);
  });

  test('elements of an interval set', () => {
    commitBatch(
      socket,
      addElementsRequests(table, ports, [
        { key: portHex(100), keyEnd: portHex(200), comment: 'range' },
        { key: portHex(65000), keyEnd: portHex(65535) },
      ]),
    );
    assert.deepEqual(elements('ports'), [
      { key: portHex(80) },
      { key: portHex(100), keyEnd: portHex(200), comment: 'range' },
      { key: portHex(65000), keyEnd: portHex(65535) },
    ]);
    commitBatch(socket, [
      ...deleteElementsRequests(table, ports, [{ key: portHex(80) }]),
      ...deleteElementsRequests(table, ports, [{ key: portHex(65000), keyEnd: portHex(65535) }]),
    ]);
    assert.match(space.nft(['list', 'set', 'ip', 'vm', 'ports']), /elements = \{ 100-200 comment "range" \}/);
    commitBatch(socket, [flushSetRequest(table, 'ports')]);
    assert.deepEqual(elements('ports'), []);
  });

  test('elements of a verdict map with intervals and concatenation', () => {
    const element = (net: string, last: string, verdict: 'accept' | 'drop'): SetElement => ({
      key: concatHex(addressHex(net), portHex(1)),
      keyEnd: concatHex(addressHex(last), portHex(1024)),
      verdict: { code: verdict },
    });
    const [first, second] = [
      element('10.0.0.0', '10.0.0.255', 'accept'),
      element('10.0.1.0', '10.0.1.255', 'drop'),
    ] as const;
    commitBatch(socket, addElementsRequests(table, ways, [first, second]));
    assert.deepEqual(elements('ways'), [first, second]);
    assert.match(space.nft(['list', 'map', 'ip', 'vm', 'ways']), /10\.0\.0\.0\/24 \. 1-1024 : accept/);
    commitBatch(socket, deleteElementsRequests(table, ways, [first]));
    assert.deepEqual(elements('ways'), [second]);
  });

  test('a map to address and port, with time and counter', () => {
    const element = (port: number): SetElement => ({
      key: portHex(port),
      data: concatHex(addressHex('10.0.2.2'), portHex(8080)),
      timeoutMs: 3_600_000n,
      comment: 'for an hour',
    });
    commitBatch(socket, addElementsRequests(table, targets, [element(80)]));
    const [seen] = elements('targets');
    assert.ok(seen?.expirationMs !== undefined && seen.expirationMs > 3_500_000n);
    assert.deepEqual(
      seen.expressions?.map(({ type }) => type),
      ['counter'],
    );
    const wanted = { ...table, sets: [ports, ways, { ...targets, elements: [element(80)] }] };
    assert.deepEqual(normalizeTable(observe()), normalizeTable(wanted));
    assert.throws(() => commitBatch(socket, addElementsRequests(table, targets, [element(80)], { exclusive: true })), {
      code: 'EEXIST',
    });
    commitBatch(socket, deleteElementsRequests(table, targets, [element(80)]));
    assert.throws(() => commitBatch(socket, deleteElementsRequests(table, targets, [element(80)])), {
      code: 'ENOENT',
    });
  });

  test('rules are put before, after and in the place of others', () => {
    const add = (comment: string): ReturnType<typeof b.rule> => b.commented(comment, b.counter());
    commitBatch(socket, [addRuleRequest(place, add('last')), insertRuleRequest(place, add('start'))]);
    assert.deepEqual(comments(), ['start', 'first', 'last']);
    commitBatch(socket, [
      insertRuleRequest(place, add('before'), { before: handle('first') }),
      insertRuleRequest(place, add('after'), { after: handle('first') }),
    ]);
    assert.deepEqual(comments(), ['start', 'before', 'first', 'after', 'last']);
    commitBatch(socket, [
      replaceRuleRequest(place, handle('first'), b.commented('new', b.drop())),
      deleteRuleRequest(place, handle('start')),
    ]);
    assert.deepEqual(comments(), ['before', 'new', 'after', 'last']);
    assert.equal(formatRule(observe().chains[0]?.rules[1] ?? b.rule()), 'drop comment "new"');
    commitBatch(socket, [flushChainRequest(place)]);
    assert.deepEqual(comments(), []);
  });

  test('chains, sets and objects come and go', () => {
    const object = { name: 'n', comment: 'named', state: { type: 'counter' } } as const;
    const set: NftSet = { name: 's', key: ['ipv4_addr'], flags: [], elements: [{ key: addressHex('10.0.0.1') }] };
    const before_ = observe();
    commitBatch(socket, [
      addChainRequest(table, { name: 'more' }),
      addObjectRequest(table, object),
      ...addSetRequests(table, set, 1),
      addRuleRequest(
        { table, chain: 'more' },
        b.rule(b.inSet(['ip saddr'], 's'), [{ type: 'objref', kind: 'counter', name: 'n' }]),
      ),
    ]);
    const text = space.nft(['list', 'table', 'ip', 'vm']);
    assert.match(text, /counter n \{\s+comment "named"/);
    assert.match(text, /ip saddr @s counter name "n"/);
    assert.throws(() => commitBatch(socket, [deleteSetRequest(table, 's')]), { code: 'EBUSY' });
    commitBatch(socket, [
      flushChainRequest({ table, chain: 'more' }),
      deleteChainRequest(table, 'more'),
      deleteSetRequest(table, 's'),
      deleteObjectRequest(table, object),
    ]);
    assert.deepEqual(normalizeTable(observe()), normalizeTable(before_));
  });

  test('a transaction for an older generation is refused, and planned again', () => {
    const old = readGeneration(socket);
    space.nft(['add', 'rule', 'ip', 'vm', 'c', 'counter', 'comment', '"theirs"']);
    assert.throws(() => commitBatch(socket, [addRuleRequest(place, b.rule(b.drop()))], { generation: old }), {
      code: 'ERESTART',
    });
    assert.deepEqual(comments(), ['first', 'theirs']);
    let plans = 0;
    const result = commitPlanned(socket, () => {
      const { generation } = dumpTableAt(socket, table);
      if (plans++ === 0) {
        space.nft(['add', 'rule', 'ip', 'vm', 'c', 'counter', 'comment', '"meanwhile"']);
      }
      return { generation, requests: [addRuleRequest(place, b.commented('ours', b.drop()))], result: plans };
    });
    assert.equal(result, 2);
    assert.deepEqual(comments(), ['first', 'theirs', 'meanwhile', 'ours']);
    assert.throws(
      () =>
        commitPlanned(socket, () => ({
          generation: readGeneration(socket),
          requests: [deleteRuleRequest(place, 999n)],
          result: undefined,
        })),
      { code: 'ENOENT' },
    );
  });

  test('10,000 elements with comments and 1,000 rules in one transaction', () => {
    const many = Array.from({ length: 10_000 }, (_, index) => ({
      key: (0x0a00_0000 + index * 2).toString(16).padStart(8, '0'),
      comment: `element number ${index} ${'x'.repeat(90)}`,
      expressions: [{ type: 'counter' }] as const,
    }));
    const big: Table = {
      family: 'ip',
      name: 'big',
      sets: [{ name: 's', key: ['ipv4_addr'], flags: [], elements: many }],
      chains: [
        {
          name: 'c',
          rules: Array.from({ length: 1000 }, (_, index) =>
            b.commented(`rule ${index}`, b.ipSaddr(`10.1.${index >> 8}.${index & 255}`), b.counter(), b.drop()),
          ),
        },
      ],
    };
    commitBatch(socket, createTableRequests(big));
    const observed = dumpTable(socket, big);
    assert.ok(observed !== undefined);
    assert.deepEqual(normalizeTable(observed), normalizeTable(big));
    const shape = { name: 's', key: ['ipv4_addr'], flags: [] } as const;
    commitBatch(socket, deleteElementsRequests(big, shape, many));
    assert.deepEqual(dumpTable(socket, big)?.sets[0]?.elements, []);
    assert.equal(deleteTable(socket, big), true);
  });
});
