import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { DecodeError } from '../../base/errors.ts';
import { decodeMessages } from '../netlink/message.ts';
import { MessageWriter } from '../netlink/writer.ts';
import { createTableRequests } from './requests.ts';
import * as b from './build.ts';
import { decodeChain, encodeChain } from './chain.ts';
import { normalizeTable, tablesEqual } from './compare.ts';
import {
  chunkElements,
  decodeElements,
  encodeElements,
  fromRawElements,
  type RawElement,
  toRawElements,
} from './elements.ts';
import { encodeFamilyHeader } from './header.ts';
import { decodeObject, encodeObject } from './object.ts';
import type { StatefulExpression } from './expressions/action-types.ts';
import type { Expression } from './expressions/types.ts';
import { formatRule } from './format-rule.ts';
import { formatTable } from './format.ts';
import { planTable } from './nftables.ts';
import { createTransactionDecoder, decodeNftNotifications, decodeTableNotifications } from './notifications.ts';
import { decodeRule, encodeRule } from './rule.ts';
import { decodeSet, encodeSet } from './set.ts';
import type { NftSet, Table } from './types.ts';

function hex(lengthBytes: number): fc.Arbitrary<string> {
  return fc
    .uint8Array({ minLength: lengthBytes, maxLength: lengthBytes })
    .map((bytes) => Buffer.from(bytes).toString('hex'));
}

const register = fc.constantFrom(1, 2, 3, 4, 9, 10, 11);
const value = fc.integer({ min: 1, max: 16 }).chain(hex);
const flag = fc.constantFrom('random' as const, 'persistent' as const);

const name = fc.constantFrom('a', 'another', 'ünï');
const family46 = fc.constantFrom('ip' as const, 'ip6' as const);
const u64 = fc.bigInt(0n, 2n ** 64n - 1n);
const stateful: fc.Arbitrary<StatefulExpression> = fc.oneof(
  fc.record({ type: fc.constant('counter' as const), packets: u64, bytes: u64 }),
  fc.record({ type: fc.constant('quota' as const), bytes: u64, consumed: u64 }),
  fc.record({ type: fc.constant('connlimit' as const), count: fc.nat(), over: fc.constant(true) }),
  fc.record({ type: fc.constant('last' as const), msecs: u64 }),
  fc.record({
    type: fc.constant('limit' as const),
    rate: u64,
    unitSeconds: fc.constantFrom(1n, 60n),
    burst: fc.nat(),
    unit: fc.constantFrom('packets' as const, 'bytes' as const),
  }),
  fc.record({ type: fc.constant('unknown' as const), name: fc.constant('tunnel'), data: value }),
);

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
  fc.record({ type: fc.constant('unknown' as const), name: fc.constantFrom('tunnel', 'socket'), data: value }),
  fc.record({
    type: fc.constant('queue' as const),
    number: fc.nat(0xffff),
    total: fc.integer({ min: 1, max: 0xffff }),
    flags: fc.constantFrom([], ['bypass'] as const, ['bypass', 'fanout'] as const),
  }),
  fc.constant({ type: 'notrack' as const }),
  fc.record({ type: fc.constant('objref' as const), kind: fc.constantFrom('quota' as const, 9), name }),
  fc.record({ type: fc.constant('objref map' as const), set: name, sreg: register }),
  fc.record({ type: fc.constant('dup' as const), sregAddress: register, sregDevice: register }),
  fc.record({ type: fc.constant('fwd' as const), sregDevice: register, sregAddress: register, family: family46 }),
  fc.record({
    type: fc.constant('shift' as const),
    direction: fc.constantFrom('left' as const, 'right' as const),
    sreg: register,
    dreg: register,
    length: fc.integer({ min: 1, max: 16 }),
    bits: fc.nat(127),
  }),
  fc.record({
    type: fc.constant('byteorder' as const),
    op: fc.constantFrom('ntoh' as const, 'hton' as const),
    sreg: register,
    dreg: register,
    length: fc.constantFrom(2, 4, 8),
    size: fc.constantFrom(2, 4),
  }),
  fc.record({
    type: fc.constant('numgen' as const),
    kind: fc.constantFrom('inc' as const, 'random' as const),
    dreg: register,
    modulus: fc.nat(),
    offset: fc.nat(),
  }),
  fc.record({
    type: fc.constant('hash' as const),
    kind: fc.constant('jhash' as const),
    dreg: register,
    modulus: fc.nat(),
    offset: fc.nat(),
    sreg: register,
    length: fc.integer({ min: 1, max: 64 }),
    seed: fc.nat(),
  }),
  fc.record({
    type: fc.constant('dynset' as const),
    set: name,
    op: fc.constantFrom('add' as const, 'update' as const, 'delete' as const),
    sregKey: register,
    sregData: register,
    timeoutMs: fc.bigInt(1n, 2n ** 64n - 1n),
    expressions: fc.array(stateful, { minLength: 1, maxLength: 3 }),
  }),
  stateful,
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

function roundTrip<T>(write: (writer: MessageWriter) => void, decode: (payload: Buffer) => T): T {
  const writer = new MessageWriter();
  encodeFamilyHeader(writer, 'inet');
  write(writer);
  return decode(writer.bytes());
}

/** fast-check makes records without a prototype. */
const plain = <T>(value: T): T => structuredClone(value);

describe('objects, chains, sets and elements', () => {
  const comment = fc.string({ unit: 'grapheme-ascii', maxLength: 60 });

  test('objects', () => {
    fc.assert(
      fc.property(name, comment, stateful, (objectName, text, state) => {
        if (state.type === 'last' || state.type === 'unknown') {
          return;
        }
        const object = plain({ name: objectName, comment: text, state });
        assert.deepEqual(
          roundTrip((writer) => encodeObject(writer, 't', object), decodeObject),
          { table: 't', object },
        );
      }),
    );
  });

  test('chains on devices', () => {
    const device = fc.constantFrom('eth0', 'tap1', 'veth*');
    fc.assert(
      fc.property(
        fc.uniqueArray(device, { minLength: 1 }),
        fc.integer({ min: -1000, max: 1000 }),
        fc.constantFrom('ingress' as const, 'prerouting' as const),
        (devices, priority, hook) => {
          const chain = {
            name: 'c',
            base: { type: 'filter', hook, priority, policy: 'drop', devices, offload: true },
          } as const;
          assert.deepEqual(
            roundTrip((writer) => encodeChain(writer, { family: 'inet', name: 't' }, chain), decodeChain),
            { table: 't', chain },
          );
        },
      ),
    );
  });

  test('sets', () => {
    const type = fc.constantFrom('ipv4_addr' as const, 'inet_service' as const, 'mark' as const, 'ifname' as const);
    const types = fc.array(type, { minLength: 1, maxLength: 4 });
    const set = fc.record(
      {
        name,
        key: types,
        data: fc.oneof(types, fc.constant('verdict' as const), fc.record({ object: fc.constantFrom('quota', 77) })),
        flags: fc.subarray(['constant', 'interval', 'timeout', 'dynamic'] as const),
        comment,
        timeoutMs: fc.bigInt(1n, 2n ** 64n - 1n),
        gcIntervalMs: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
        size: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
        policy: fc.constant('memory' as const),
        expressions: fc.array(stateful, { minLength: 1, maxLength: 2 }),
      },
      { requiredKeys: ['name', 'key', 'flags'] },
    );
    fc.assert(
      fc.property(set, (some) => {
        const { elements, ...head } = plain({ ...some, elements: [] }) as NftSet;
        assert.deepEqual(
          roundTrip((writer) => encodeSet(writer, { table: 't', id: 1 }, { ...head, elements }), decodeSet),
          { table: 't', set: head },
        );
      }),
    );
  });

  test('elements, in as many messages as they need', () => {
    const element = fc.record(
      {
        key: hex(8),
        keyEnd: hex(8),
        data: hex(4),
        comment,
        timeoutMs: u64,
        expirationMs: u64,
        object: name,
        expressions: fc.array(stateful, { minLength: 1, maxLength: 2 }),
      },
      { requiredKeys: ['key'] },
    );
    fc.assert(
      fc.property(fc.array(element, { minLength: 1, maxLength: 20 }), (some) => {
        const elements = some.map((one): RawElement => {
          const { expirationMs: _expiration, ...rest } = plain(one) as RawElement;
          return rest.keyEnd === rest.key ? { key: rest.key } : rest;
        });
        const many = Array.from({ length: 100 }, () => elements).flat();
        const again = chunkElements(many).flatMap((chunk) => {
          const decoded = roundTrip((writer) => {
            writer.stringAttribute(1, 't');
            writer.stringAttribute(2, 's');
            encodeElements(writer, chunk);
          }, decodeElements);
          return decoded.elements;
        });
        assert.deepEqual(again, many);
      }),
      { numRuns: 30 },
    );
  });
});

describe('transactions', () => {
  const message = (type: number, write: (writer: MessageWriter) => void): Buffer => {
    const writer = new MessageWriter();
    writer.beginMessage({ type: 0x0a00 | type, flags: 0, sequence: 1 });
    encodeFamilyHeader(writer, 'ip');
    write(writer);
    writer.endMessage();
    return Buffer.from(writer.bytes());
  };
  const table = (text: string): Buffer => message(0, (writer) => writer.stringAttribute(1, text));
  const end = (generation: number): Buffer =>
    message(15, (writer) => {
      writer.u32beAttribute(1, generation);
      writer.u32beAttribute(2, 42);
      writer.stringAttribute(3, 'nft');
    });
  const stream = [table('a'), table('b'), end(7), table('c'), end(8)];

  test('split at every message they are the same', () => {
    const whole = decodeTableNotifications(Buffer.concat(stream));
    assert.deepEqual(
      whole.map(({ changes, end: last }) => [changes.map((change) => change.table), last]),
      [
        [['a', 'b'], { generation: 7, processId: 42, processName: 'nft' }],
        [['c'], { generation: 8, processId: 42, processName: 'nft' }],
      ],
    );
    for (let cut = 0; cut <= stream.length; cut++) {
      const decoder = createTransactionDecoder();
      const parts = [stream.slice(0, cut), stream.slice(cut)].map((part) => decodeMessages(Buffer.concat(part)));
      assert.deepEqual(
        parts.flatMap((part) => decoder.push(part)),
        whole,
      );
      assert.equal(decoder.flush(), undefined);
    }
  });

  test('an end that does not come, and more changes than are kept', () => {
    const [open] = decodeTableNotifications(table('a'));
    assert.deepEqual(open?.changes.length, 1);
    assert.equal(open.end, undefined);
    const decoder = createTransactionDecoder(1);
    const [full] = decoder.push(decodeMessages(Buffer.concat(stream)));
    assert.equal(full?.changes.length, 1);
    assert.equal(full.droppedChanges, 1);
    assert.equal(full.end?.generation, 7);
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
