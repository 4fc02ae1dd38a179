import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import type { NetlinkRequest } from '../netlink/exchange.ts';
import { decodeAttributes, findAttribute, readU32be } from '../netlink/reader.ts';
import { MessageWriter } from '../netlink/writer.ts';
import { createTableRequests } from './requests.ts';
import * as b from './build.ts';
import { decodeChain, encodeChain } from './chain.ts';
import {
  NFT_MSG_NEWCHAIN,
  NFT_MSG_NEWOBJ,
  NFT_MSG_NEWRULE,
  NFT_MSG_NEWSET,
  NFT_MSG_NEWSETELEM,
  NFT_MSG_NEWTABLE,
  NFTA_SET_ID,
} from './constants.ts';
import { decodeElements, encodeElements, fromRawElements } from './elements.ts';
import { decodeFamilyHeader, encodeFamilyHeader } from './header.ts';
import { decodeObject, encodeObject } from './object.ts';
import { decodeTable, encodeTable } from './table.ts';
import { readGolden } from './testing/golden.ts';
import type { Expression } from './expressions/types.ts';
import { formatRule } from './format-rule.ts';
import { decodeRule, encodeRule } from './rule.ts';
import { decodeSet, encodeSet } from './set.ts';
import type { NftSet, Table } from './types.ts';
import { addressHex, concatHex, portHex } from './values.ts';

/** What golden/ruleset.nft says. */
const table: Table = {
  family: 'inet',
  name: 't',
  sets: [
    {
      name: 'ports',
      key: ['inet_service'],
      flags: ['interval'],
      elements: [{ key: portHex(80) }, { key: portHex(8000), keyEnd: portHex(8010) }],
    },
    {
      name: 'nets',
      key: ['ipv4_addr', 'inet_service'],
      flags: ['interval'],
      elements: [
        {
          key: concatHex(addressHex('10.0.0.0'), portHex(1)),
          keyEnd: concatHex(addressHex('10.0.0.255'), portHex(1024)),
        },
      ],
    },
    {
      name: 'ways',
      key: ['inet_service'],
      data: 'verdict',
      flags: [],
      elements: [
        { key: portHex(22), verdict: { code: 'accept' } },
        { key: portHex(23), verdict: { code: 'goto', chain: 'other' } },
      ],
    },
  ],
  chains: [
    { name: 'other', rules: [] },
    {
      name: 'pre',
      base: { type: 'nat', hook: 'prerouting', priority: -100, policy: 'accept' },
      rules: [
        b.commented(
          'to the guest',
          b.iifname('eth0'),
          b.nfproto('ip'),
          b.tcpDport(80),
          b.counter(),
          b.dnatTo('10.0.2.2'),
        ),
        b.rule(
          b.nfproto('ip6'),
          b.ip6Daddr('fd10:0:2::2'),
          b.udpDport({ from: 5, to: 9 }),
          b.dnatTo('fd10:0:2::3', 53),
        ),
        b.rule(b.l4proto('tcp'), b.redirectTo(8080)),
      ],
    },
    {
      name: 'post',
      base: { type: 'nat', hook: 'postrouting', priority: 100, policy: 'accept' },
      rules: [
        b.rule(b.nfproto('ip'), b.ipSaddr('10.0.2.0/25'), b.not(b.oifname('k6t*')), b.masquerade('fully-random')),
      ],
    },
    {
      name: 'guests',
      base: { type: 'filter', hook: 'forward', priority: 0, policy: 'drop' },
      rules: [
        b.rule(b.ctState('established', 'related'), b.accept()),
        b.rule(b.l4proto('tcp'), b.inSet(['tcp dport'], 'ports'), b.jumpTo('other')),
        b.rule(b.nfproto('ip'), b.l4proto('tcp'), b.inSet(['ip saddr', 'tcp dport'], 'nets'), b.accept()),
        b.rule(b.l4proto('tcp'), b.verdictMap(['tcp dport'], 'ways')),
        b.rule(b.toLocalAddress(), b.limitRate(10, 'minute'), b.log({ prefix: 'vm: ', level: 6 })),
        b.rule(b.metaMark(0x10), b.setCtMark(7)),
        b.rule(b.reject('inet')),
      ],
    },
  ],
};

/** Payloads that nft sent, one per line below the command. */
function golden(name: string): Buffer[] {
  const text = readFileSync(new URL(`golden/${name}.hex`, import.meta.url), 'utf8');
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => Buffer.from(line, 'hex'));
}

function encoded(op: string): Buffer[] {
  const encode = (request: NetlinkRequest): Buffer => {
    const writer = new MessageWriter();
    request.encode(writer);
    return writer.bytes();
  };
  return createTableRequests(table)
    .filter((request) => request.op === op)
    .map(encode);
}

function shape(name: string): NftSet {
  const set = table.sets.find((candidate) => candidate.name === name);
  assert.ok(set !== undefined);
  return set;
}

describe('bytes that nft sends', () => {
  test('rules are the same byte for byte', () => {
    const expected = golden('rule');
    const actual = encoded('NFT_MSG_NEWRULE');
    assert.equal(actual.length, expected.length);
    expected.forEach((bytes, index) => {
      assert.deepEqual(decodeRule(actual[index] ?? bytes), decodeRule(bytes));
      const { rule } = decodeRule(bytes);
      // nft names a set also by its number in the transaction; its name is enough.
      if (!rule.expressions.some(({ type }) => type === 'lookup')) {
        assert.equal(actual[index]?.toString('hex'), bytes.toString('hex'), formatRule(rule));
      }
    });
  });

  test('chains and sets mean the same', () => {
    assert.deepEqual(encoded('NFT_MSG_NEWCHAIN').map(decodeChain), golden('chain').map(decodeChain));
    assert.deepEqual(encoded('NFT_MSG_NEWSET').map(decodeSet), golden('set').map(decodeSet));
  });

  test('elements mean the same', () => {
    const read = (payloads: readonly Buffer[]): unknown =>
      payloads.map(decodeElements).map(({ set, elements }) => [set, fromRawElements(shape(set), elements)]);
    assert.deepEqual(read(encoded('NFT_MSG_NEWSETELEM')), read(golden('element')));
  });

  test('every message for everything.nft and extra.nft is the same when sent again', () => {
    let identical = 0;
    for (const { message, payload } of messages) {
      const again = sendAgain(message, payload);
      const decode = decoders.get(message);
      assert.ok(decode !== undefined);
      assert.deepEqual(decode(again), decode(payload));
      if (message === NFT_MSG_NEWRULE) {
        const { rule } = decodeRule(payload);
        if (!rule.expressions.some(hasOtherForm)) {
          assert.equal(again.toString('hex'), payload.toString('hex'), formatRule(rule));
          identical++;
        }
      }
    }
    assert.ok(identical > 50, `${identical} rules are the same byte for byte`);
  });

  test('every expression in them is known', () => {
    const types = messages
      .filter(({ message }) => message === NFT_MSG_NEWRULE)
      .flatMap(({ payload }) => decodeRule(payload).rule.expressions.map(({ type }) => type));
    assert.ok(!types.includes('unknown'));
    assert.deepEqual([...new Set(types)].sort(), EXPRESSION_TYPES);
  });

  test('expressions for which the kernel of a test machine may lack the module, as text', () => {
    const text = readGolden('extra')
      .filter(({ message }) => message === NFT_MSG_NEWRULE)
      .map(({ payload }) => formatRule(decodeRule(payload).rule, { ...table, family: 'ip' }));
    assert.deepEqual(text, [
      'queue to 3',
      'queue flags bypass,fanout to 1-4',
      'meta mark set symhash mod 2 offset 3',
      'meta mark set numgen random mod 5 offset 1',
      'meta mark set meta mark << 8',
      '@nh,64,16 set @nh,64,16 & 0x40ff | 0x4000',
      'ct count 20 accept',
      'ct zone set 7',
      'meta ibrname "br0" accept',
    ]);
  });
});

const messages = [...readGolden('everything'), ...readGolden('extra')];

/** nft also numbers sets, names the operation of a bitwise, gives notrack no data, leaves a burst of 0 and the NUL of an object out. */
function hasOtherForm(expression: Expression): boolean {
  return (
    ['lookup', 'objref', 'objref map', 'dynset', 'bitwise', 'shift', 'notrack'].includes(expression.type) ||
    (expression.type === 'limit' && expression.burst === 0)
  );
}

const EXPRESSION_TYPES = [
  'bitwise',
  'byteorder',
  'cmp',
  'connlimit',
  'counter',
  'ct',
  'ct set',
  'dup',
  'dynset',
  'exthdr set',
  'fib',
  'fwd',
  'hash',
  'immediate',
  'limit',
  'log',
  'lookup',
  'masq',
  'meta',
  'meta set',
  'nat',
  'notrack',
  'numgen',
  'objref',
  'objref map',
  'payload',
  'payload set',
  'queue',
  'quota',
  'redir',
  'reject',
  'rt',
  'shift',
  'verdict',
];

const decoders = new Map<number, (payload: Buffer) => unknown>([
  [NFT_MSG_NEWTABLE, decodeTable],
  [NFT_MSG_NEWCHAIN, decodeChain],
  [NFT_MSG_NEWRULE, decodeRule],
  [NFT_MSG_NEWSET, decodeSet],
  [NFT_MSG_NEWSETELEM, decodeElements],
  [NFT_MSG_NEWOBJ, decodeObject],
]);

/** Decodes a payload and encodes what came out. */
function sendAgain(message: number, payload: Buffer): Buffer {
  const writer = new MessageWriter();
  const family = decodeFamilyHeader(payload);
  encodeFamilyHeader(writer, family);
  switch (message) {
    case NFT_MSG_NEWTABLE:
      encodeTable(writer, decodeTable(payload));
      break;
    case NFT_MSG_NEWCHAIN: {
      const { chain, table: name } = decodeChain(payload);
      encodeChain(writer, { family: family ?? 'inet', name }, chain);
      break;
    }
    case NFT_MSG_NEWRULE: {
      const { rule, ...place } = decodeRule(payload);
      encodeRule(writer, place, rule);
      break;
    }
    case NFT_MSG_NEWSET: {
      const { set, table: name } = decodeSet(payload);
      const id = findAttribute(decodeAttributes(payload.subarray(4)), NFTA_SET_ID);
      encodeSet(writer, { table: name, id: id === undefined ? 0 : readU32be(id) }, { ...set, elements: [] });
      break;
    }
    case NFT_MSG_NEWSETELEM: {
      const { elements, set, table: name } = decodeElements(payload);
      writer.stringAttribute(1, name);
      writer.stringAttribute(2, set);
      encodeElements(writer, elements);
      break;
    }
    case NFT_MSG_NEWOBJ: {
      const { object, table: name } = decodeObject(payload);
      encodeObject(writer, name, object);
      break;
    }
    default:
      assert.fail(`message ${message}`);
  }
  return writer.bytes();
}
