import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { withDeadline } from '../../base/deadline.ts';
import { errorCode } from '../../base/errors.ts';
import { openFds } from '../fd/fd.ts';
import { NETLINK_NETFILTER } from '../netlink/constants.ts';
import { decodeMessages } from '../netlink/message.ts';
import { type NetlinkSocket, openNetlink } from '../netlink/socket.ts';
import { subscribe } from '../netlink/subscribe.ts';
import { createReactor } from '../reactor/reactor.ts';
import * as b from './build.ts';
import { normalizeTable } from './compare.ts';
import { NFNLGRP_NFTABLES } from './constants.ts';
import { dumpTable, listTables, readGeneration } from './dump.ts';
import { formatTable } from './format.ts';
import { deleteTable, planTable, replaceTable } from './nftables.ts';
import { createTransactionDecoder, decodeTableNotifications, type TableTransaction } from './notifications.ts';
import { probeRule, probeTableFlags } from './probe.ts';
import { openTestNamespace, type TestNamespace } from './testing/namespace.ts';
import type { Table } from './types.ts';

const isRoot = process.getuid?.() === 0;

/** What keeps a guest to its own address, on its TAP, both ways, and on the bridge. */
const guards: readonly Table[] = [
  {
    family: 'netdev',
    name: 'guard',
    sets: [],
    chains: [
      {
        name: 'from_guest',
        base: { type: 'filter', hook: 'ingress', priority: 0, policy: 'drop', devices: ['tap0'] },
        rules: [
          b.rule(b.etherDevice(), b.not(b.etherSaddr('02:00:00:00:00:01')), b.counter(), b.drop()),
          b.rule(b.etherDevice(), b.etherType('ip'), b.not(b.ipSaddr('10.0.2.2')), b.drop()),
          b.rule(b.accept()),
        ],
      },
      {
        name: 'to_guest',
        base: { type: 'filter', hook: 'egress', priority: -5, policy: 'accept', devices: ['tap0', 'tap1'] },
        rules: [],
      },
    ],
  },
  {
    family: 'bridge',
    name: 'guard',
    sets: [],
    chains: (['prerouting', 'input', 'forward', 'output', 'postrouting'] as const).map((hook) => ({
      name: hook,
      base: { type: 'filter', hook, priority: -200, policy: 'accept' },
      rules: [b.rule(b.etherType('arp'), b.counter(), b.accept())],
    })),
  },
  {
    family: 'inet',
    name: 'guard',
    sets: [],
    chains: [
      {
        name: 'early',
        base: { type: 'filter', hook: 'ingress', priority: 7, policy: 'accept', devices: ['tap1'] },
        rules: [b.rule(b.counter())],
      },
    ],
  },
  {
    family: 'arp',
    name: 'guard',
    sets: [],
    chains: (['input', 'output'] as const).map((hook) => ({
      name: hook,
      base: { type: 'filter', hook, priority: 0, policy: 'accept' },
      rules: [],
    })),
  },
];

describe('chains on devices, table flags, notifications', { skip: isRoot ? false : 'needs root' }, () => {
  let space: TestNamespace;
  let socket: NetlinkSocket;

  before(() => {
    space = openTestNamespace('chains');
    socket = space.socket;
    space.ip('tuntap', 'add', 'tap0', 'mode', 'tap');
    space.ip('tuntap', 'add', 'tap1', 'mode', 'tap');
  });
  after(() => {
    space[Symbol.dispose]();
    assert.deepEqual(openFds(), []);
  });

  for (const table of guards) {
    test(`hooks of family ${table.family}`, () => {
      replaceTable(socket, table);
      const observed = dumpTable(socket, table);
      assert.ok(observed !== undefined);
      assert.deepEqual(normalizeTable(observed), normalizeTable(table));
      assert.deepEqual(planTable(table, observed), []);
      const listed = JSON.parse(space.nft(['-j', 'list', 'table', table.family, table.name])) as {
        readonly nftables: readonly { readonly chain?: Readonly<Record<string, unknown>> }[];
      };
      const chains = listed.nftables.flatMap(({ chain }) => (chain === undefined ? [] : [chain]));
      assert.deepEqual(
        chains.map((chain) => [chain['name'], chain['hook'], chain['prio'], chain['policy']]),
        table.chains.map(({ name, base }) => [name, base?.hook, base?.priority, base?.policy]),
      );
      // The JSON of nft 1.0.6 leaves devices out.
      const text = space.nft(['list', 'table', table.family, table.name]);
      assert.deepEqual(
        [...text.matchAll(/hook \w+ devices?(?: = \{)? (.*?)(?: \})? priority/gu)].map(([, names]) =>
          names?.replaceAll('"', ''),
        ),
        table.chains.flatMap(({ base }) => (base?.devices === undefined ? [] : [base.devices.join(', ')])),
        text,
      );
      deleteTable(socket, table);
      space.nft(['-f', '-'], formatTable(table));
      assert.equal(space.nft(['list', 'table', table.family, table.name]), text);
      deleteTable(socket, table);
    });
  }

  test('a hook that a family does not have is refused before sending', () => {
    const [table] = guards;
    assert.ok(table !== undefined);
    const chain = { name: 'x', base: { type: 'filter', hook: 'forward', priority: 0, policy: 'accept' }, rules: [] };
    assert.throws(() => replaceTable(socket, { ...table, chains: [chain] } as Table), /netdev has no hook forward/);
  });

  test('a dormant table', () => {
    const table: Table = { family: 'ip', name: 'asleep', flags: ['dormant'], sets: [], chains: [] };
    replaceTable(socket, table);
    assert.match(space.nft(['list', 'table', 'ip', 'asleep']), /flags dormant/);
    assert.equal(replaceTable(socket, table), 'unchanged');
    assert.equal(replaceTable(socket, { ...table, flags: [] }), 'replaced');
    deleteTable(socket, table);
  });

  test('probes change nothing, and an owned table is safe from others and goes with its socket', (t) => {
    assert.equal(probeTableFlags(socket, []), true);
    assert.deepEqual(listTables(socket), []);
    if (!probeTableFlags(socket, ['owner'])) {
      t.skip('the kernel has no owner flag (5.12)');
      return;
    }
    const table: Table = { family: 'ip', name: 'mine', flags: ['owner'], sets: [], chains: [{ name: 'c', rules: [] }] };
    {
      using owner = openNetlink({ protocol: NETLINK_NETFILTER, netns: space.netns });
      replaceTable(owner, table);
      const seen = dumpTable(socket, table);
      assert.ok(seen?.ownerPortId !== undefined && seen.ownerPortId !== 0);
      assert.deepEqual(normalizeTable(seen), normalizeTable(table));
      assert.throws(() => deleteTable(socket, table), { code: 'EPERM' });
      assert.throws(() => space.nft(['add', 'rule', 'ip', 'mine', 'c', 'accept']));
      assert.equal(replaceTable(owner, table), 'unchanged');
      assert.equal(replaceTable(owner, { ...table, comment: 'again' }), 'replaced');
    }
    assert.equal(dumpTable(socket, table), undefined);
  });

  test('a rule is probed without being made', () => {
    const generation = readGeneration(socket);
    assert.equal(probeRule(socket, { family: 'ip', expressions: b.rule(b.tcpDport(1), b.drop()).expressions }), true);
    assert.equal(
      probeRule(socket, { family: 'ip', expressions: [{ type: 'unknown', name: 'none', data: '' }] }),
      false,
    );
    // Only a netdev chain can forward.
    const fwd = [...b.setMetaMark(1).slice(0, 1), { type: 'fwd', sregDevice: 1 } as const];
    assert.equal(probeRule(socket, { family: 'ip', expressions: fwd }), false);
    // What nft thinks of it.
    const queue = [{ type: 'queue', number: 3, total: 1, flags: [] }] as const;
    const script = 'table ip q {\n chain c {\n queue num 3\n }\n }\n';
    let taken = true;
    try {
      space.nft(['-c', '-f', '-'], script);
    } catch {
      taken = false;
    }
    assert.equal(probeRule(socket, { family: 'ip', expressions: queue }), taken);
    assert.equal(readGeneration(socket), generation);
  });

  test('a chain on all devices with a beginning', (t) => {
    const base = { type: 'filter', hook: 'ingress', priority: 0, policy: 'accept', devices: ['tap*'] } as const;
    const table: Table = { family: 'netdev', name: 'all', sets: [], chains: [{ name: 'c', base, rules: [] }] };
    try {
      replaceTable(socket, table);
    } catch (error) {
      t.skip(`the kernel has no patterns of devices (6.16): ${errorCode(error)}`);
      return;
    }
    const observed = dumpTable(socket, table);
    assert.ok(observed !== undefined);
    assert.deepEqual(normalizeTable(observed), normalizeTable(table));
    deleteTable(socket, table);
  });

  test('a subscription gives transactions', async (t) => {
    const reactor = createReactor({ onError: (error) => assert.fail(String(error)) });
    reactor.ref();
    t.after(() => reactor.close());
    const decoder = createTransactionDecoder();
    const seen: TableTransaction[] = [];
    const done = Promise.withResolvers<undefined>();
    using _subscription = subscribe({
      protocol: NETLINK_NETFILTER,
      netns: space.netns,
      groups: [NFNLGRP_NFTABLES],
      reactor,
      onMessages(messages) {
        seen.push(...decoder.push(messages));
        if (seen.length === 2) {
          done.resolve(undefined);
        }
      },
      onOverrun: () => decoder.flush(),
    });
    const table: Table = { family: 'ip', name: 'seen', sets: [], chains: [{ name: 'c', rules: [b.rule(b.drop())] }] };
    replaceTable(socket, table);
    deleteTable(socket, table);
    await withDeadline(done.promise, 30_000, 'waiting for two transactions');
    assert.deepEqual(
      seen[0]?.changes.map(({ kind, change }) => `${kind} ${change}`),
      ['table new', 'chain new', 'rule new'],
    );
    assert.equal(seen[0].end?.processId, process.pid);
    assert.ok(seen[1]?.changes.every(({ change }) => change === 'deleted'));
  });

  test('a table that persists outlives its socket and is taken over', (t) => {
    if (!probeTableFlags(socket, ['owner', 'persist'])) {
      t.skip('the kernel has no persist flag (6.9)');
      return;
    }
    const table: Table = { family: 'ip', name: 'lasting', flags: ['owner', 'persist'], sets: [], chains: [] };
    {
      using owner = openNetlink({ protocol: NETLINK_NETFILTER, netns: space.netns });
      replaceTable(owner, table);
    }
    const orphan = dumpTable(socket, table);
    assert.ok(orphan !== undefined);
    assert.equal(orphan.ownerPortId, undefined);
    assert.equal(deleteTable(socket, table), true);
  });

  test('a transaction over several datagrams is put together, with its process', () => {
    using listener = openNetlink({ protocol: NETLINK_NETFILTER, netns: space.netns, groups: [NFNLGRP_NFTABLES] });
    const decoder = createTransactionDecoder();
    let datagrams = 0;
    const next = (): TableTransaction => {
      for (;;) {
        const received = listener.receive({ wait: true, target: 'notifications' });
        assert.ok(received.kind === 'datagram');
        datagrams++;
        const [ended] = decoder.push(decodeMessages(received.bytes));
        if (ended !== undefined) {
          return ended;
        }
      }
    };
    const elements = Array.from({ length: 3000 }, (_, index) => `10.0.${index >> 8}.${index & 255}`);
    space.nft(
      ['-f', '-'],
      `table ip t { set s { type ipv4_addr; elements = { ${elements.join(', ')} }; }
       counter n { packets 0 bytes 0; }
 chain c { type filter hook input priority 0; ip saddr @s counter drop comment "why"\n }\n }`,
    );
    const made = next();
    assert.ok(datagrams > 1, `${datagrams} datagrams`);
    assert.equal(made.end?.processName, 'nft');
    assert.ok(made.end.processId !== undefined && made.end.processId > 1);
    const kinds = new Set(made.changes.map(({ kind }) => kind));
    assert.deepEqual([...kinds].sort(), ['chain', 'element', 'object', 'rule', 'set', 'table']);
    const rule = made.changes.find(({ kind }) => kind === 'rule');
    assert.equal(rule?.chain, 'c');
    assert.equal(rule.rule?.comment, 'why');
    assert.equal(rule.rule.handle, rule.handle);
    const added = made.changes.flatMap((change) => (change.kind === 'element' ? (change.elements ?? []) : []));
    assert.equal(added.length, elements.length);

    space.nft(['delete', 'rule', 'ip', 't', 'c', 'handle', String(rule.handle)]);
    const deleted = next();
    assert.deepEqual(
      deleted.changes.map(({ kind, change, family, table, chain, handle }) => [
        kind,
        change,
        family,
        table,
        chain,
        handle,
      ]),
      [['rule', 'deleted', 'ip', 't', 'c', rule.handle]],
    );
    assert.equal(deleted.end?.generation, (made.end.generation ?? 0) + 1);

    space.nft(['delete', 'table', 'ip', 't']);
    const received = listener.receive({ wait: true, target: 'notifications' });
    assert.ok(received.kind === 'datagram');
    const [gone] = decodeTableNotifications(received.bytes);
    assert.ok(
      gone?.changes.some(({ kind, change, table }) => kind === 'table' && change === 'deleted' && table === 't'),
    );
    assert.equal(decoder.flush(), undefined);
  });
});
