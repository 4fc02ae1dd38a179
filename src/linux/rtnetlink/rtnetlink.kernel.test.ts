import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, openSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { Fd, openFds } from '../fd/fd.ts';
import { NETLINK_ROUTE } from '../netlink/constants.ts';
import { executeAll } from '../netlink/exchange.ts';
import { type NetlinkSocket, openNetlink } from '../netlink/socket.ts';
import { addAddress, deleteAddress, listAddresses, replaceAddress } from './addresses/addresses.ts';
import { addAddressRequest } from './addresses/codec.ts';
import { changeLinkRequest, createLinkRequest } from './links/encode.ts';
import {
  createBridge,
  createLink,
  createVeth,
  deleteLink,
  deleteLinkIfPresent,
  findLink,
  getLink,
  listLinks,
  setLink,
} from './links/links.ts';
import { listNeighbours } from './neighbours/neighbours.ts';
import { RTNLGRP_IPV4_IFADDR, RTNLGRP_LINK } from './constants.ts';
import { decodeRouteNotifications, type RouteNotification } from './notifications.ts';
import { addRoute, deleteRoute, listRoutes, replaceRoute } from './routes/routes.ts';

const isRoot = process.getuid?.() === 0;
const nameA = `nlt-a-${process.pid}`;
const nameB = `nlt-b-${process.pid}`;

function ip(netns: string, ...args: string[]): unknown {
  return JSON.parse(
    execFileSync('ip', ['-n', netns, '-j', '-d', ...args], { encoding: 'utf8', timeout: 10_000 }) || '[]',
  );
}

describe('rtnetlink on the kernel', { skip: isRoot ? false : 'needs root' }, () => {
  let nsA: Fd;
  let nsB: Fd;
  let a: NetlinkSocket;
  let b: NetlinkSocket;

  before(() => {
    execFileSync('ip', ['netns', 'add', nameA], { timeout: 10_000 });
    execFileSync('ip', ['netns', 'add', nameB], { timeout: 10_000 });
    nsA = new Fd(openSync(`/run/netns/${nameA}`, 'r'), nameA);
    nsB = new Fd(openSync(`/run/netns/${nameB}`, 'r'), nameB);
    a = openNetlink({ protocol: NETLINK_ROUTE, netns: nsA });
    b = openNetlink({ protocol: NETLINK_ROUTE, netns: nsB });
  });

  after(() => {
    a[Symbol.dispose]();
    b[Symbol.dispose]();
    nsA.close();
    nsB.close();
    execFileSync('ip', ['netns', 'del', nameA], { timeout: 10_000 });
    execFileSync('ip', ['netns', 'del', nameB], { timeout: 10_000 });
    assert.deepEqual(openFds(), []);
  });

  test('a bridge is what ip says it is', () => {
    const bridge = createBridge(a, { name: 'br0', mtu: 1450, address: '02:00:00:00:00:00', up: true });
    assert.equal(bridge.kind, 'bridge');
    assert.equal(bridge.mtu, 1450);
    assert.equal(bridge.up, true);
    assert.equal(bridge.bridge?.stp, false);
    assert.equal(bridge.bridge?.forwardDelayMs, 0);
    const [seen] = ip(nameA, 'link', 'show', 'br0') as [Record<string, unknown>];
    assert.equal(seen['ifindex'], bridge.index);
    assert.equal(seen['address'], '02:00:00:00:00:00');
    assert.equal(seen['mtu'], 1450);
    const info = seen['linkinfo'] as { info_data: Record<string, unknown> };
    assert.equal(info.info_data['forward_delay'], bridge.bridge?.forwardDelayMs);
    assert.equal(info.info_data['stp_state'], 0);
    assert.equal(info.info_data['hello_time'], (bridge.bridge?.helloTimeMs ?? 0) / 10);
    deleteLink(a, { name: 'br0' });
    assert.equal(findLink(a, { name: 'br0' }), undefined);
  });

  test('a veth pair spans two namespaces, joins a bridge, and can be renamed and moved', () => {
    const bridge = createBridge(a, { name: 'br1', up: true });
    const near = createVeth(a, {
      name: 'near',
      mtu: 1400,
      master: bridge.index,
      up: true,
      peer: { name: 'far', netns: nsB, mtu: 1400, address: '02:00:00:00:00:02' },
    });
    assert.equal(near.master, bridge.index);
    assert.equal(near.slaveKind, 'bridge');
    const far = getLink(b, { name: 'far' });
    assert.equal(far.address, '02:00:00:00:00:02');
    assert.equal(far.mtu, 1400);
    assert.equal(far.link, near.index);
    setLink(a, { index: near.index }, { bridgePort: { learning: false, isolated: true, hairpin: true } });
    const port = getLink(a, { index: near.index }).bridgePort;
    assert.deepEqual(
      { learning: port?.learning, isolated: port?.isolated, hairpin: port?.hairpin, flood: port?.unicastFlood },
      { learning: false, isolated: true, hairpin: true, flood: true },
    );
    const [seen] = ip(nameA, 'link', 'show', 'near') as [{ linkinfo: { info_slave_data: Record<string, unknown> } }];
    assert.equal(seen.linkinfo.info_slave_data['learning'], false);
    assert.equal(seen.linkinfo.info_slave_data['isolated'], true);
    assert.equal(seen.linkinfo.info_slave_data['hairpin'], true);
    assert.deepEqual(
      listLinks(a, { master: bridge.index }).map(({ name }) => name),
      ['near'],
    );
    setLink(b, { index: far.index }, { name: 'eth0', mtu: 1300, ipv6AddressGeneration: 'none' });
    assert.equal(getLink(b, { index: far.index }).name, 'eth0');
    setLink(a, { index: near.index }, { master: 0 });
    assert.equal(getLink(a, { index: near.index }).master, undefined);
    setLink(b, { name: 'eth0' }, { netns: nsA });
    assert.equal(findLink(b, { name: 'eth0' }), undefined);
    assert.equal(getLink(a, { name: 'eth0' }).mtu, 1300);
    deleteLink(a, { name: 'near' });
    deleteLink(a, { index: bridge.index });
  });

  test('every link decodes as ip reports it', () => {
    createLink(a, { name: 'test7', kind: 'bridge', up: true });
    setLink(a, { name: 'test7' }, { alias: 'for a test' });
    const seen = ip(nameA, '-s', 'link', 'show') as Record<string, unknown>[];
    const links = listLinks(a);
    assert.deepEqual(
      links.map(({ index, name, mtu, operState, group, txQueueLength }) => ({
        index,
        name,
        mtu,
        operState: operState.toUpperCase(),
        group,
        txQueueLength,
      })),
      seen.map((link) => ({
        index: link['ifindex'],
        name: link['ifname'],
        mtu: link['mtu'],
        operState: link['operstate'],
        group: link['group'] === 'default' ? 0 : link['group'],
        txQueueLength: link['txqlen'],
      })),
    );
    const found = links.find(({ name }) => name === 'test7');
    assert.equal(found?.alias, 'for a test');
    assert.equal(typeof found?.statistics?.txPackets, 'bigint');
    deleteLink(a, { name: 'test7' });
  });

  test('addresses and routes of both families', () => {
    const { index } = createLink(a, { name: 'test8', kind: 'bridge', up: true });
    addAddress(a, { linkIndex: index, address: '10.0.2.1/24' });
    addAddress(a, { linkIndex: index, address: 'fd10:0:2::1/120', noDad: true });
    assert.throws(() => addAddress(a, { linkIndex: index, address: '10.0.2.1/24' }), { code: 'EEXIST' });
    replaceAddress(a, { linkIndex: index, address: 'fd10:0:2::1/120', noDad: true });
    const addresses = listAddresses(a, { linkIndex: index }).filter(({ scope }) => scope === 'global');
    assert.deepEqual(
      addresses.map(({ address, prefixLength }) => `${address}/${prefixLength}`),
      ['10.0.2.1/24', 'fd10:0:2::1/120'],
    );
    const [seen] = ip(nameA, 'addr', 'show', 'test8') as [{ addr_info: Record<string, unknown>[] }];
    assert.deepEqual(
      seen.addr_info.filter((info) => info['scope'] === 'global').map((info) => [info['local'], info['nodad']]),
      [
        ['10.0.2.1', undefined],
        ['fd10:0:2::1', true],
      ],
    );

    addRoute(a, { destination: 'default', gateway: '10.0.2.254', linkIndex: index });
    addRoute(a, {
      destination: 'default',
      gateway: '169.254.1.1',
      linkIndex: index,
      onlink: true,
      priority: 7,
      metrics: { mtu: 1200 },
    });
    addRoute(a, { destination: '::/0', gateway: 'fd10:0:2::ff', linkIndex: index });
    addRoute(a, { destination: '192.0.2.0/24', linkIndex: index, source: '10.0.2.1' });
    addRoute(a, { destination: '198.51.100.0/24', type: 'blackhole', table: 1000 });
    assert.throws(() => addRoute(a, { destination: 'default', gateway: '10.0.2.254', linkIndex: index }), {
      code: 'EEXIST',
    });
    replaceRoute(a, { destination: 'default', gateway: '10.0.2.253', linkIndex: index });
    const routes = listRoutes(a, { table: 254 }).filter(({ protocol }) => protocol === 4);
    assert.deepEqual(
      routes.map(({ family, destination, gateway, onlink, metrics }) => ({
        family,
        destination,
        gateway,
        onlink,
        mtu: metrics?.mtu,
      })),
      [
        { family: 'ip', destination: 'default', gateway: '10.0.2.253', onlink: false, mtu: undefined },
        { family: 'ip', destination: 'default', gateway: '169.254.1.1', onlink: true, mtu: 1200 },
        { family: 'ip', destination: '192.0.2.0/24', gateway: undefined, onlink: false, mtu: undefined },
        { family: 'ip6', destination: 'default', gateway: 'fd10:0:2::ff', onlink: false, mtu: undefined },
      ],
    );
    assert.deepEqual(
      listRoutes(a, { table: 1000 }).map(({ type }) => type),
      ['blackhole'],
    );
    const shown = execFileSync('ip', ['-n', nameA, '-4', '-d', 'route'], { encoding: 'utf8' });
    assert.match(shown, /default via 169\.254\.1\.1 dev test8 proto static scope global metric 7 onlink mtu 1200/);
    assert.match(shown, /192\.0\.2\.0\/24 dev test8 proto static scope link src 10\.0\.2\.1/);
    deleteRoute(a, { destination: '192.0.2.0/24', linkIndex: index });
    assert.throws(() => deleteRoute(a, { destination: '192.0.2.0/24', linkIndex: index }), { code: 'ESRCH' });
    deleteAddress(a, { linkIndex: index, address: '10.0.2.1/24' });
    deleteLink(a, { index });
  });

  test('neighbours', () => {
    const { index } = createLink(a, { name: 'test9', kind: 'bridge', up: true });
    ip(nameA, 'neigh', 'add', '10.9.9.9', 'lladdr', '02:00:00:00:00:09', 'dev', 'test9', 'nud', 'permanent');
    const found = listNeighbours(a).find(({ linkIndex, address }) => linkIndex === index && address === '10.9.9.9');
    assert.equal(found?.macAddress, '02:00:00:00:00:09');
    assert.deepEqual(found?.state, ['permanent']);
    deleteLink(a, { index });
  });

  test('many requests go in one datagram; the first refusal is reported by name', () => {
    executeAll(a, [
      createLinkRequest({ name: 'br2', kind: 'bridge', index: 77 }),
      createLinkRequest({ name: 'port2', kind: 'veth', master: 77, peer: { name: 'peer2' } }),
      addAddressRequest({ linkIndex: 77, address: '10.7.0.1/24' }),
      changeLinkRequest({ index: 77 }, { up: true }),
    ]);
    assert.equal(listAddresses(a, { linkIndex: 77 })[0]?.address, '10.7.0.1');
    assert.throws(
      () =>
        executeAll(a, [
          changeLinkRequest({ name: 'nope' }, { up: true }),
          changeLinkRequest({ name: 'br2' }, { up: false }),
        ]),
      (error: Error) => {
        assert.match(error.message, /^RTM_NEWLINK link "nope" in netns \d+: ENODEV/);
        return true;
      },
    );
    assert.equal(getLink(a, { index: 77 }).up, false);
    assert.equal(deleteLinkIfPresent(a, { name: 'br2' }), true);
    assert.equal(deleteLinkIfPresent(a, { name: 'br2' }), false);
    deleteLink(a, { name: 'port2' });
  });

  test('a TAP device and the forwarding table of its bridge', (t) => {
    if (!existsSync('/dev/net/tun')) {
      t.skip('no /dev/net/tun');
      return;
    }
    const tuntap = ['tuntap', 'add', 'tap5', 'mode', 'tap', 'user', '107', 'group', '107', 'multi_queue', 'vnet_hdr'];
    execFileSync('ip', ['-n', nameA, ...tuntap], { timeout: 10_000 });
    const bridge = createBridge(a, { name: 'br5', up: true });
    setLink(a, { name: 'tap5' }, { master: bridge.index, mtu: 1400, address: '02:00:00:00:00:05', up: true });
    const tap = getLink(a, { name: 'tap5' });
    assert.deepEqual(
      { ...tap.tun, queues: undefined, disabledQueues: undefined },
      {
        type: 'tap',
        owner: 107,
        group: 107,
        packetInformation: false,
        vnetHdr: true,
        persist: true,
        multiQueue: true,
        queues: undefined,
        disabledQueues: undefined,
      },
    );
    assert.equal(tap.master, bridge.index);
    assert.equal(tap.mtu, 1400);
    const own = listNeighbours(a, { family: 'bridge' }).find((entry) => entry.linkIndex === tap.index);
    assert.equal(own?.macAddress, '02:00:00:00:00:05');
    deleteLink(a, { name: 'tap5' });
    deleteLink(a, { name: 'br5' });
  });

  test('changes are announced', () => {
    using listener = openNetlink({ protocol: NETLINK_ROUTE, netns: nsA, groups: [RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR] });
    const { index } = createBridge(a, { name: 'br4' });
    addAddress(a, { linkIndex: index, address: '10.4.0.1/24' });
    deleteLink(a, { index });
    const seen: RouteNotification[] = [];
    while (!seen.some((one) => one.kind === 'link' && one.change === 'deleted')) {
      const received = listener.receive({ wait: true, target: 'notifications' });
      assert.ok(received.kind === 'datagram');
      seen.push(...decodeRouteNotifications(received.bytes));
    }
    assert.ok(seen.some((one) => one.kind === 'link' && one.change === 'new' && one.link.name === 'br4'));
    assert.ok(seen.some((one) => one.kind === 'address' && one.address.address === '10.4.0.1'));
  });

  test('errors carry the extended acknowledgement', () => {
    createBridge(a, { name: 'br3' });
    assert.throws(
      () => createLink(a, { name: 'bad', kind: 'no-such-kind' }),
      (error: Error) => {
        assert.match(error.message, /^RTM_NEWLINK no-such-kind link "bad" in netns \d+: .*\(.*Unknown device type/);
        return true;
      },
    );
    assert.throws(() => createBridge(a, { name: 'br3' }), { code: 'EEXIST' });
    deleteLink(a, { name: 'br3' });
  });
});
