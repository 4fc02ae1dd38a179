import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import type { NetlinkRequest } from '../netlink/exchange.ts';
import { MessageWriter } from '../netlink/writer.ts';
import { createTableRequests } from './requests.ts';
import * as b from './build.ts';
import { decodeChain } from './chain.ts';
import { decodeElements, fromRawElements } from './elements.ts';
import { formatRule } from './format-rule.ts';
import { decodeRule } from './rule.ts';
import { decodeSet } from './set.ts';
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
});
