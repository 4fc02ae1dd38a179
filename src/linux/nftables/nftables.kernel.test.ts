import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { openSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { Fd, openFds } from '../fd/fd.ts';
import { NETLINK_NETFILTER } from '../netlink/constants.ts';
import { type NetlinkSocket, openNetlink } from '../netlink/socket.ts';
import { commitBatch } from './batch.ts';
import { createTableRequests } from './requests.ts';
import * as b from './build.ts';
import { normalizeTable, tablesEqual } from './compare.ts';
import { dumpRuleset, dumpTable, listTables } from './dump.ts';
import { formatRule } from './format-rule.ts';
import { formatTable } from './format.ts';
import { NFNLGRP_NFTABLES } from './constants.ts';
import { decodeNftNotifications, type NftNotification } from './notifications.ts';
import { deleteTable, planTable, replaceTable } from './nftables.ts';
import type { Table } from './types.ts';
import { addressHex, concatHex, portHex } from './values.ts';

const isRoot = process.getuid?.() === 0;
const name = `nft-a-${process.pid}`;

/** Every expression and kind of set. */
const sample: Table = {
  family: 'inet',
  name: 'vm',
  comment: 'made by a test',
  sets: [
    {
      name: 'ports',
      key: ['inet_service'],
      flags: ['interval'],
      comment: 'published',
      elements: [
        { key: portHex(80) },
        { key: portHex(8000), keyEnd: portHex(8010), comment: 'web' },
        { key: portHex(8011), keyEnd: portHex(8020) },
        { key: portHex(60000), keyEnd: portHex(65535) },
      ],
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
      name: 'pairs',
      key: ['ipv4_addr', 'inet_service'],
      flags: [],
      elements: [
        { key: concatHex(addressHex('192.0.2.1'), portHex(53)) },
        { key: concatHex(addressHex('192.0.2.2'), portHex(53)) },
      ],
    },
    {
      name: 'by_port',
      key: ['inet_service'],
      data: 'verdict',
      flags: [],
      elements: [
        { key: portHex(22), verdict: { code: 'accept' } },
        { key: portHex(23), verdict: { code: 'goto', chain: 'other' } },
      ],
    },
    {
      name: 'targets',
      key: ['inet_service'],
      data: ['ipv4_addr'],
      flags: [],
      elements: [{ key: portHex(443), data: addressHex('10.0.2.2') }],
    },
    {
      name: '__set0',
      key: ['ipv4_addr'],
      flags: ['anonymous', 'constant'],
      elements: [{ key: addressHex('127.0.0.1') }, { key: addressHex('127.0.0.2') }],
    },
  ],
  chains: [
    { name: 'other', rules: [b.rule(b.counter(), b.drop())] },
    {
      name: 'prerouting',
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
        b.rule(b.iifname('eth0'), b.nfproto('ip6'), b.udpDport({ from: 5, to: 9 }), b.dnatTo('fd10:0:2::2', 53)),
        b.rule(b.nfproto('ip'), b.ipDaddr('127.0.0.0/8'), b.l4proto('tcp'), b.redirectTo(8080)),
        b.rule(b.nfproto('ip'), b.inSet(['ip daddr'], '__set0'), b.dnatTo('10.0.2.2')),
        b.rule(b.nfproto('ip'), b.l4proto('udp'), b.dnatTo('10.0.2.2', { from: 100, to: 200 })),
      ],
    },
    {
      name: 'postrouting',
      base: { type: 'nat', hook: 'postrouting', priority: 100, policy: 'accept' },
      rules: [
        b.rule(b.nfproto('ip'), b.ipSaddr('10.0.2.0/25'), b.not(b.oifname('k6t*')), b.masquerade('fully-random')),
        b.rule(b.nfproto('ip6'), b.ip6Saddr('fd10:0:2::2'), b.masquerade()),
        b.rule(b.nfproto('ip'), b.ipSaddr('127.0.0.1'), b.snatTo('10.0.2.1')),
      ],
    },
    {
      name: 'forward',
      base: { type: 'filter', hook: 'forward', priority: 0, policy: 'drop' },
      comment: 'guest traffic',
      rules: [
        b.rule(b.ctState('established', 'related'), b.accept()),
        b.rule(b.ctStatus('dnat'), b.accept()),
        b.rule(b.metaMark(0x10), b.setCtMark(7)),
        b.rule(b.ctMark(7), b.setMetaMark(0x20)),
        b.rule(b.l4proto('tcp'), b.inSet(['tcp dport'], 'ports'), b.jumpTo('other')),
        b.rule(b.l4proto('tcp'), b.not(b.inSet(['tcp dport'], 'ports')), b.goBack()),
        b.rule(b.nfproto('ip'), b.l4proto('tcp'), b.inSet(['ip saddr', 'tcp dport'], 'nets'), b.accept()),
        b.rule(b.nfproto('ip'), b.l4proto('udp'), b.inSet(['ip daddr', 'udp dport'], 'pairs'), b.accept()),
        b.rule(b.l4proto('tcp'), b.verdictMap(['tcp dport'], 'by_port')),
        b.rule(b.toLocalAddress(), b.limitRate(10, 'minute'), b.log({ prefix: 'vm: ', level: 6 })),
        b.rule(b.l4proto('tcp'), b.rejectTcpReset()),
        b.rule(b.icmpType(8), b.accept()),
        b.rule(b.reject('inet')),
        b.rule(
          [
            { type: 'payload', base: 'transport', offset: 2, length: 2, dreg: 1 },
            { type: 'range', op: 'ne', sreg: 1, from: portHex(7), to: portHex(9) },
          ],
          b.goTo('other'),
        ),
      ],
    },
  ],
};

describe('nf_tables on the kernel', { skip: isRoot ? false : 'needs root' }, () => {
  let netns: Fd;
  let socket: NetlinkSocket;
  const nft = (...args: string[]): string =>
    execFileSync('ip', ['netns', 'exec', name, 'nft', ...args], { encoding: 'utf8', timeout: 10_000 });

  before(() => {
    execFileSync('ip', ['netns', 'add', name], { timeout: 10_000 });
    netns = new Fd(openSync(`/run/netns/${name}`, 'r'), name);
    socket = openNetlink({ protocol: NETLINK_NETFILTER, netns });
  });

  after(() => {
    socket[Symbol.dispose]();
    netns.close();
    execFileSync('ip', ['netns', 'del', name], { timeout: 10_000 });
    assert.deepEqual(openFds(), []);
  });

  test('what is dumped is what was made; then there is nothing to do', () => {
    assert.equal(replaceTable(socket, sample), 'created');
    const observed = dumpTable(socket, sample);
    assert.ok(observed !== undefined);
    assert.deepEqual(normalizeTable(observed), normalizeTable(sample));
    assert.deepEqual(planTable(sample, observed), []);
    assert.equal(replaceTable(socket, sample), 'unchanged');
    assert.deepEqual(
      listTables(socket).map((table) => table.name),
      ['vm'],
    );
  });

  test('nft prints it, and reading its print back gives the same table', () => {
    const text = nft('list', 'ruleset');
    for (const expected of [
      'iifname "eth0" meta nfproto ipv4 tcp dport 80 counter packets 0 bytes 0 dnat ip to 10.0.2.2 comment "to the guest"',
      'udp dport 5-9 dnat ip6 to [fd10:0:2::2]:53',
      'ip saddr 10.0.2.0/25 oifname != "k6t*" masquerade fully-random',
      'ct state established,related accept',
      'ct status dnat accept',
      'elements = { 80, 8000-8010 comment "web", 8011-8020,',
      '10.0.0.0/24 . 1-1024',
      '192.0.2.1 . 53',
      'elements = { 22 : accept, 23 : goto other }',
      '443 : 10.0.2.2',
      'ip daddr { 127.0.0.1, 127.0.0.2 }',
      'type nat hook prerouting priority dstnat; policy accept;',
      'type filter hook forward priority filter; policy drop;',
      'comment "made by a test"',
      // Debian 13's nft adds the default burst to the limit before it.
      'log prefix "vm: " level info',
      'reject with tcp reset',
    ]) {
      // Where nft breaks the lines of a set differs between versions.
      assert.ok(text.replaceAll(/\s+/gu, ' ').includes(expected), `${expected}\n---\n${text}`);
    }
    nft('delete', 'table', 'inet', 'vm');
    execFileSync('ip', ['netns', 'exec', name, 'nft', '-f', '-'], { input: text, timeout: 10_000 });
    const observed = dumpTable(socket, sample);
    assert.ok(observed !== undefined);
    assert.equal(nft('list', 'ruleset'), text);
  });

  test('a table is replaced as a whole, and only it', () => {
    nft('add', 'table', 'ip', 'foreign');
    const small: Table = { ...sample, sets: [], chains: [{ name: 'other', rules: [b.rule(b.accept())] }] };
    assert.equal(replaceTable(socket, small), 'replaced');
    const observed = dumpTable(socket, small);
    assert.ok(observed !== undefined && tablesEqual(observed, small));
    assert.deepEqual(
      dumpRuleset(socket)
        .map((table) => table.name)
        .sort(),
      ['foreign', 'vm'],
    );
    assert.equal(deleteTable(socket, small), true);
    assert.equal(deleteTable(socket, small), false);
    assert.equal(dumpTable(socket, small), undefined);
    nft('delete', 'table', 'ip', 'foreign');
  });

  test('a refused request is named and nothing stays', () => {
    const broken: Table = {
      family: 'ip',
      name: 'broken',
      sets: [],
      chains: [{ name: 'a', rules: [b.rule(b.accept()), b.rule(b.jumpTo('nowhere'))] }],
    };
    assert.throws(
      () => commitBatch(socket, createTableRequests(broken)),
      (error: Error) => {
        assert.match(error.message, /^NFT_MSG_NEWRULE rule 2 of chain "a" of ip table "broken" in netns \d+: ENOENT/);
        return true;
      },
    );
    assert.equal(dumpTable(socket, broken), undefined);
  });

  test('what nft makes is read, printed and made again', () => {
    const script = `table bridge guard {
      chain forward {
        type filter hook forward priority filter; policy accept;
        ether saddr 02:00:00:00:00:01 ether type arp accept
        ether type ip ip saddr 10.0.0.1 udp dport { 67, 68 } counter drop
        meta mark 0x00000010 log group 3 prefix "x"
      }
    }`;
    execFileSync('ip', ['netns', 'exec', name, 'nft', '-f', '-'], { input: script, timeout: 10_000 });
    const observed = dumpTable(socket, { family: 'bridge', name: 'guard' });
    assert.ok(observed !== undefined);
    const text = nft('list', 'ruleset');
    deleteTable(socket, observed);
    commitBatch(socket, createTableRequests(observed));
    assert.equal(nft('list', 'ruleset'), text);
    deleteTable(socket, observed);
  });

  test('a transaction is announced with the process that made it', () => {
    using listener = openNetlink({ protocol: NETLINK_NETFILTER, netns, groups: [NFNLGRP_NFTABLES] });
    nft('add', 'table', 'ip', 'announced');
    const seen: NftNotification[] = [];
    while (!seen.some(({ kind }) => kind === 'generation')) {
      const received = listener.receive({ wait: true, target: 'notifications' });
      assert.ok(received.kind === 'datagram');
      seen.push(...decodeNftNotifications(received.bytes));
    }
    const [first] = seen;
    assert.ok(first?.kind === 'table' && first.handle !== undefined);
    assert.deepEqual(first, { kind: 'table', change: 'new', family: 'ip', table: 'announced', handle: first.handle });
    const last = seen.at(-1);
    assert.ok(last?.kind === 'generation');
    assert.equal(last.processName, 'nft');
    nft('delete', 'table', 'ip', 'announced');
  });

  test('thousands of elements', () => {
    const elements = Array.from({ length: 5000 }, (_, index) => ({
      key: (0x0a000000 + index * 2).toString(16).padStart(8, '0'),
    }));
    const big: Table = {
      family: 'ip',
      name: 'big',
      chains: [],
      sets: [{ name: 's', key: ['ipv4_addr'], flags: ['interval'], elements }],
    };
    replaceTable(socket, big);
    const observed = dumpTable(socket, big);
    assert.ok(observed !== undefined && tablesEqual(observed, big));
    deleteTable(socket, big);
  });

  test('our text is text that nft accepts and makes the same table of', () => {
    const text = formatTable(sample);
    execFileSync('ip', ['netns', 'exec', name, 'nft', '-f', '-'], { input: text, timeout: 10_000 });
    const observed = dumpTable(socket, sample);
    assert.ok(observed !== undefined);
    const listing = nft('list', 'ruleset');
    replaceTable(socket, sample);
    assert.equal(nft('list', 'ruleset'), listing);
    assert.equal(
      formatRule(sample.chains[1]?.rules[0] ?? b.rule()),
      'iifname "eth0" meta nfproto ipv4 tcp dport 80 counter dnat ip to 10.0.2.2 comment "to the guest"',
    );
    deleteTable(socket, sample);
  });
});
