/**
 * Network set-up by netlink against the same by `ip` and `nft` processes, alternating in one run, in throw-away
 * namespaces. Needs root. Times are medians in microseconds.
 *
 *   node bench/linux/netlink.ts [rounds]      writes bench/results/netlink.json
 */
import { execFileSync } from 'node:child_process';
import { openSync } from 'node:fs';
import { Fd } from '../../src/linux/fd/fd.ts';
import { NETLINK_NETFILTER, NETLINK_ROUTE } from '../../src/linux/netlink/constants.ts';
import { executeAll } from '../../src/linux/netlink/exchange.ts';
import { openNetlink } from '../../src/linux/netlink/socket.ts';
import { subscribe } from '../../src/linux/netlink/subscribe.ts';
import * as b from '../../src/linux/nftables/build.ts';
import { formatTable } from '../../src/linux/nftables/format.ts';
import { deleteTable, replaceTable } from '../../src/linux/nftables/nftables.ts';
import type { Table } from '../../src/linux/nftables/types.ts';
import { createReactor } from '../../src/linux/reactor/reactor.ts';
import { addAddress } from '../../src/linux/rtnetlink/addresses/addresses.ts';
import { addAddressRequest } from '../../src/linux/rtnetlink/addresses/codec.ts';
import { RTNLGRP_IPV4_IFADDR } from '../../src/linux/rtnetlink/constants.ts';
import { changeLinkRequest } from '../../src/linux/rtnetlink/links/encode.ts';
import { createBridge, createVeth, deleteLink, getLink } from '../../src/linux/rtnetlink/links/links.ts';
import { keepResult } from '../result.ts';
import { median } from '../statistics.ts';

const rounds = Number(process.argv[2] ?? 20);
const name = `nlbench-${process.pid}`;
const bridgeSpec = { name: 'k6t-eth0', address: '02:00:00:00:00:00', mtu: 1450 };

function table(): Table {
  const families = [
    { family: 'ip', guest: '10.0.2.2', loopback: '127.0.0.1', gateway: '10.0.2.1' },
    { family: 'ip6', guest: 'fd10:0:2::2', loopback: '::1', gateway: 'fd10:0:2::1' },
  ] as const;
  const each = (
    rules: (facts: (typeof families)[number]) => ReturnType<typeof b.rule>[],
  ): ReturnType<typeof b.rule>[] => families.flatMap(rules);
  return {
    family: 'inet',
    name: 'bench',
    sets: [],
    chains: [
      {
        name: 'prerouting',
        base: { type: 'nat', hook: 'prerouting', priority: -100, policy: 'accept' },
        rules: each(({ family, guest }) =>
          [80, 443, 8080, 22].map((port) =>
            b.rule(b.iifname('eth0'), b.nfproto(family), b.tcpDport(port), b.counter(), b.dnatTo(guest)),
          ),
        ),
      },
      {
        name: 'output',
        base: { type: 'nat', hook: 'output', priority: -100, policy: 'accept' },
        rules: each(({ family, guest, loopback }) =>
          [80, 443, 8080].map((port) =>
            b.rule(b.nfproto(family), b.daddr(loopback), b.tcpDport(port), b.counter(), b.dnatTo(guest)),
          ),
        ),
      },
      {
        name: 'postrouting',
        base: { type: 'nat', hook: 'postrouting', priority: 100, policy: 'accept' },
        rules: each(({ family, gateway, guest, loopback }) => [
          b.rule(b.nfproto(family), b.saddr(guest), b.counter(), b.masquerade()),
          b.rule(b.oifname('k6t-eth0'), b.nfproto(family), b.saddr(loopback), b.counter(), b.snatTo(gateway)),
        ]),
      },
    ],
  };
}

function timeUs(body: () => void): number {
  const start = process.hrtime.bigint();
  body();
  return Number(process.hrtime.bigint() - start) / 1000;
}

function run(command: string, args: readonly string[], input?: string): void {
  execFileSync('ip', ['netns', 'exec', name, command, ...args], { input, timeout: 10_000, stdio: 'pipe' });
}

function measure(): Record<string, number> {
  using netns = new Fd(openSync(`/run/netns/${name}`, 'r'), name);
  using route = openNetlink({ protocol: NETLINK_ROUTE, netns });
  using netfilter = openNetlink({ protocol: NETLINK_NETFILTER, netns });
  const samples: Record<string, number[]> = {};
  const add = (key: string, body: () => void): void => {
    (samples[key] ??= []).push(timeUs(body));
  };
  const rules = table();
  const text = formatTable(rules);
  const bridge = bridgeSpec;
  const vmNetwork = (): void => {
    const { index } = createBridge(route, bridge);
    const port = createVeth(route, { name: 'tap0', mtu: 1450, master: index, peer: { name: 'peer0' } });
    executeAll(route, [
      addAddressRequest({ linkIndex: index, address: '10.0.2.1/24' }),
      addAddressRequest({ linkIndex: index, address: 'fd10:0:2::1/120', noDad: true }),
      changeLinkRequest({ index: port.index }, { up: true, bridgePort: { learning: false } }),
      changeLinkRequest({ index }, { up: true }),
    ]);
    replaceTable(netfilter, rules);
  };
  for (let round = 0; round < rounds; round++) {
    add('open socket in namespace', () => openNetlink({ protocol: NETLINK_ROUTE, netns })[Symbol.dispose]());
    add('round trip', () => getLink(route, { name: 'lo' }));
    add('create bridge', () => createBridge(route, bridge));
    add('delete bridge', () => deleteLink(route, { name: 'k6t-eth0' }));
    add('create bridge, ip', () => run('ip', ['link', 'add', 'k6t-eth0', 'mtu', '1450', 'type', 'bridge']));
    deleteLink(route, { name: 'k6t-eth0' });
    add('nft table of 18 rules', () => replaceTable(netfilter, rules));
    add('nft table unchanged', () => replaceTable(netfilter, rules));
    const changed = { ...rules, comment: `round ${round}` };
    add('nft table replaced', () => replaceTable(netfilter, changed));
    deleteTable(netfilter, rules);
    add('nft table of 18 rules, nft', () => run('nft', ['-f', '-'], text));
    deleteTable(netfilter, rules);
    add('network of one VM', vmNetwork);
    deleteLink(route, { name: 'tap0' });
    deleteLink(route, { name: 'k6t-eth0' });
    deleteTable(netfilter, rules);
    add('network of one VM, ip and nft', () => {
      run('ip', ['link', 'add', 'k6t-eth0', 'address', bridge.address, 'mtu', '1450', 'type', 'bridge']);
      run('ip', ['link', 'add', 'tap0', 'mtu', '1450', 'master', 'k6t-eth0', 'type', 'veth', 'peer', 'peer0']);
      run('ip', ['address', 'add', '10.0.2.1/24', 'dev', 'k6t-eth0']);
      run('ip', ['address', 'add', 'fd10:0:2::1/120', 'dev', 'k6t-eth0', 'nodad']);
      run('ip', ['link', 'set', 'tap0', 'type', 'bridge_slave', 'learning', 'off']);
      run('ip', ['link', 'set', 'tap0', 'up']);
      run('ip', ['link', 'set', 'k6t-eth0', 'up']);
      run('nft', ['-f', '-'], text);
    });
    deleteLink(route, { name: 'tap0' });
    deleteLink(route, { name: 'k6t-eth0' });
    deleteTable(netfilter, rules);
  }
  return Object.fromEntries(Object.entries(samples).map(([key, values]) => [key, Math.round(median(values))]));
}

/** From sending a change to the callback of a subscription that hears of it, through Node's loop. */
async function measureNotification(): Promise<number> {
  using netns = new Fd(openSync(`/run/netns/${name}`, 'r'), name);
  using route = openNetlink({ protocol: NETLINK_ROUTE, netns });
  const reactor = createReactor();
  reactor.ref();
  const { index } = createBridge(route, bridgeSpec);
  let heard = (): void => undefined;
  const subscription = subscribe({
    protocol: NETLINK_ROUTE,
    netns,
    groups: [RTNLGRP_IPV4_IFADDR],
    reactor,
    onMessages: () => heard(),
    onOverrun: () => undefined,
  });
  const samples: number[] = [];
  for (let round = 0; round < rounds * 10; round++) {
    const { promise, resolve } = Promise.withResolvers<bigint>();
    heard = () => resolve(process.hrtime.bigint());
    const start = process.hrtime.bigint();
    addAddress(route, { linkIndex: index, address: `10.9.${round >> 8}.${round & 255}/32` });
    samples.push(Number((await promise) - start) / 1000);
  }
  subscription[Symbol.dispose]();
  deleteLink(route, { index });
  reactor.close();
  return Math.round(median(samples));
}

execFileSync('ip', ['netns', 'add', name], { timeout: 10_000 });
try {
  const change = await measureNotification();
  const figures = { 'change to callback': change, ...measure() };
  keepResult('netlink', { rounds, unit: 'us', median: figures });
} finally {
  execFileSync('ip', ['netns', 'del', name], { timeout: 10_000 });
}
