import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { DecodeError } from '../../base/errors.ts';
import { decodeMessages } from '../netlink/message.ts';
import { MessageWriter } from '../netlink/writer.ts';
import { createTableRequests } from './requests.ts';
import * as b from './build.ts';
import { decodeChain } from './chain.ts';
import { normalizeTable, tablesEqual } from './compare.ts';
import { decodeElements, fromRawElements, toRawElements } from './elements.ts';
import type { Expression } from './expressions/types.ts';
import { formatRule } from './format-rule.ts';
import { formatTable } from './format.ts';
import { planTable } from './nftables.ts';
import { decodeNftNotifications } from './notifications.ts';
import { decodeRule, encodeRule } from './rule.ts';
import { decodeSet } from './set.ts';
import type { NftSet, Table } from './types.ts';

function hex(lengthBytes: number): fc.Arbitrary<string> {
  return fc
    .uint8Array({ minLength: lengthBytes, maxLength: lengthBytes })
    .map((bytes) => Buffer.from(bytes).toString('hex'));
}

const register = fc.constantFrom(1, 2, 3, 4, 9, 10, 11);
const value = fc.integer({ min: 1, max: 16 }).chain(hex);
const flag = fc.constantFrom('random' as const, 'persistent' as const);

const expression: fc.Arbitrary<Expression> = fc.oneof(
  fc.record({
    type: fc.constant('meta' as const),
    key: fc.constantFrom('iifname' as const, 'mark' as const, 99),
    dreg: register,
  }),
  fc.record({ type: fc.constant('ct set' as const), key: fc.constant('mark' as const), sreg: register }),
  fc.record({
    type: fc.constant('payload' as const),
    base: fc.constantFrom('link' as const, 'network' as const, 'transport' as const),
    offset: fc.nat(64),
    length: fc.integer({ min: 1, max: 16 }),
    dreg: register,
  }),
  fc.record({
    type: fc.constant('cmp' as const),
    op: fc.constantFrom('eq' as const, 'ge' as const),
    sreg: register,
    value,
  }),
  fc.record({ type: fc.constant('immediate' as const), dreg: register, value }),
  fc.record({ type: fc.constant('bitwise' as const), sreg: register, dreg: register, mask: hex(4), xor: hex(4) }),
  fc.record({
    type: fc.constant('counter' as const),
    packets: fc.bigInt(0n, 2n ** 64n - 1n),
    bytes: fc.bigInt(0n, 2n ** 64n - 1n),
  }),
  fc.record({ type: fc.constant('masq' as const), flags: fc.uniqueArray(flag) }),
  fc.record({ type: fc.constant('unknown' as const), name: fc.constantFrom('quota', 'dynset'), data: value }),
  fc.record({
    type: fc.constant('verdict' as const),
    verdict: fc.oneof(
      fc.record({ code: fc.constantFrom('accept' as const, 'drop' as const, 'return' as const) }),
      fc.record({ code: fc.constantFrom('jump' as const, 'goto' as const), chain: fc.constantFrom('a', 'another') }),
    ),
  }),
);

describe('rules', () => {
  test('what is written is read, and can be printed', () => {
    fc.assert(
      fc.property(fc.array(expression, { maxLength: 12 }), (expressions) => {
        const rule = {
          // A plain copy: fast-check makes records without a prototype.
          expressions: expressions.map((one): Expression =>
            structuredClone(one.type === 'masq' ? { ...one, flags: sorted(one.flags) } : one),
          ),
        };
        const writer = new MessageWriter();
        writer.raw(Buffer.alloc(4));
        encodeRule(writer, { table: 't', chain: 'c' }, rule);
        assert.deepEqual(decodeRule(writer.bytes()), { table: 't', chain: 'c', rule });
        assert.equal(typeof formatRule(rule), 'string');
      }),
    );
  });

  test('text', () => {
    const cases: readonly (readonly [string, ReturnType<typeof b.rule>])[] = [
      ['ip daddr 10.0.0.0/8 accept', b.rule(b.ipDaddr('10.0.0.0/8'), b.accept())],
      ['ip saddr 10.0.2.0/23 drop', b.rule(b.nfproto('ip'), b.ipSaddr('10.0.2.0/23'), b.drop())],
      ['ip6 saddr fd00::/8 drop', b.rule(b.ip6Saddr('fd00::/8'), b.drop())],
      ['tcp dport != 22 return', b.rule(b.not(b.tcpDport(22)), b.goBack())],
      ['udp sport 1-9 masquerade', b.rule(b.udpSport({ from: 1, to: 9 }), b.masquerade())],
      [
        'ether saddr 02:00:00:00:00:01 ether type arp accept',
        b.rule(b.etherSaddr('02:00:00:00:00:01'), b.etherType('arp'), b.accept()),
      ],
      [
        'ip saddr . tcp dport @x jump y',
        b.rule(b.l4proto('tcp'), b.inSet(['ip saddr', 'tcp dport'], 'x'), b.jumpTo('y')),
      ],
      ['reject with icmpx port-unreachable', b.rule(b.reject('inet'))],
    ];
    for (const [text, rule] of cases) {
      assert.equal(formatRule(rule).replace(/^meta l4proto tcp ip saddr \./, 'ip saddr .'), text);
    }
  });
});

function sorted<T extends string>(flags: readonly T[]): T[] {
  return ['random', 'persistent'].filter((name) => flags.includes(name as T)) as T[];
}

describe('sets', () => {
  test('disjoint intervals survive the way they travel', () => {
    const bounds = fc.uniqueArray(fc.nat(0xffff), { maxLength: 20 }).map((list) => list.sort((x, y) => x - y));
    fc.assert(
      fc.property(bounds, (list) => {
        const text = (port: number): string => port.toString(16).padStart(4, '0');
        const elements = Array.from({ length: Math.floor(list.length / 2) }, (_, index) => ({
          key: text(list[index * 2] ?? 0),
          keyEnd: text(list[index * 2 + 1] ?? 0),
        }));
        const set: NftSet = { name: 's', key: ['inet_service'], flags: ['interval'], elements };
        const raw = toRawElements(set);
        assert.deepEqual(fromRawElements(set, raw), elements);
        assert.deepEqual(fromRawElements(set, [...raw].reverse()), elements);
      }),
    );
  });
});

test('random bytes give a value or a DecodeError', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const payload = Buffer.from(bytes);
      for (const decode of [decodeRule, decodeChain, decodeSet, decodeElements, decodeNftNotifications]) {
        try {
          decode(payload);
        } catch (error) {
          assert.ok(error instanceof DecodeError, String(error));
        }
      }
    }),
  );
});

describe('plans', () => {
  const table: Table = {
    family: 'ip',
    name: 't',
    sets: [],
    chains: [
      { name: 'c', rules: [b.rule(b.counter(), b.accept())] },
      { name: 'a', rules: [] },
    ],
  };

  test('the first creation only adds; a change deletes first; equal tables need nothing', () => {
    const ops = (observed: Table | undefined): string[] => planTable(table, observed).map(({ op }) => op);
    assert.deepEqual(ops(undefined), ['NFT_MSG_NEWTABLE', 'NFT_MSG_NEWCHAIN', 'NFT_MSG_NEWCHAIN', 'NFT_MSG_NEWRULE']);
    assert.equal(ops({ ...table, chains: [] })[0], 'NFT_MSG_DELTABLE');
    assert.deepEqual(ops(table), []);
  });

  test('counters, handles and order of names make no difference', () => {
    const observed: Table = {
      ...table,
      chains: [
        { name: 'a', rules: [] },
        {
          name: 'c',
          rules: [{ handle: 4n, expressions: [{ type: 'counter', packets: 7n, bytes: 9n }, ...b.accept()] }],
        },
      ],
    };
    assert.equal(tablesEqual(table, observed), true);
    assert.deepEqual(normalizeTable(normalizeTable(observed)), normalizeTable(observed));
    assert.equal(tablesEqual(table, { ...table, comment: 'x' }), false);
  });

  test('requests are messages of nf_tables', () => {
    const writer = new MessageWriter();
    for (const [index, request] of createTableRequests(table).entries()) {
      writer.beginMessage({ type: request.type, flags: request.flags, sequence: index });
      request.encode(writer);
      writer.endMessage();
    }
    assert.deepEqual(
      decodeMessages(writer.bytes()).map(({ type }) => type >> 8),
      [10, 10, 10, 10],
    );
    assert.match(formatTable(table), /^table ip t \{\n\tchain c \{\n\t\tcounter accept\n\t\}/);
  });
});
