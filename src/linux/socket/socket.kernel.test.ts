import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { withDeadline } from '../../base/deadline.ts';
import type { Fd } from '../fd/fd.ts';
import {
  createPinnedNetworkNamespace,
  inNetworkNamespace,
  openNamespace,
  removePinnedNamespace,
} from '../namespace/namespace.ts';
import { createReactor, type Reactor } from '../reactor/reactor.ts';
import { openIcmp6Socket, openUdpSocket, type Datagram, type DatagramSocket } from './datagram.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root';
const DEADLINE_MS = 5000;

/** Two namespaces joined by a veth pair v0 (server) and v1 (client). */
function pair(cleanup: DisposableStack): { server: Fd; client: Fd; serverIndex: number; clientIndex: number } {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'vmlet-socket-'));
  cleanup.defer(() => fs.rmSync(directory, { recursive: true }));
  const [server, client] = ['server', 'client'].map((name) => {
    const file = path.join(directory, name);
    createPinnedNetworkNamespace(file);
    cleanup.defer(() => removePinnedNamespace(file));
    return { file, ns: cleanup.use(openNamespace(file, 'net')) };
  });
  assert.ok(server !== undefined && client !== undefined);
  const ip = (file: string, ...args: string[]): string =>
    execFileSync('nsenter', [`--net=${file}`, 'ip', ...args], { encoding: 'utf8', timeout: 5000 });
  ip(server.file, 'link', 'add', 'v0', 'type', 'veth', 'peer', 'name', 'v1');
  const pidOfClient = client.file;
  // `ip link set netns` takes a file under /run/netns or a pid only, so hand it an open path.
  ip(server.file, 'link', 'set', 'v1', 'netns', pidOfClient);
  for (const [file, device, address] of [
    [server.file, 'v0', '10.0.2.1/24'],
    [client.file, 'v1', '10.0.2.2/24'],
  ] as const) {
    ip(file, 'addr', 'add', address, 'dev', device);
    ip(file, 'link', 'set', device, 'addrgenmode', 'eui64');
    fs.accessSync(file);
    execFileSync('nsenter', [`--net=${file}`, 'sh', '-c', `echo 0 > /proc/sys/net/ipv6/conf/${device}/accept_dad`]);
    ip(file, 'link', 'set', device, 'up');
  }
  const index = (file: string, device: string): number =>
    (JSON.parse(ip(file, '-j', 'link', 'show', device)) as { ifindex: number }[])[0]?.ifindex ?? 0;
  return {
    server: server.ns,
    client: client.ns,
    serverIndex: index(server.file, 'v0'),
    clientIndex: index(client.file, 'v1'),
  };
}

async function receiveOne(reactor: Reactor, socket: DatagramSocket): Promise<Datagram> {
  const { promise, resolve } = Promise.withResolvers<Datagram>();
  using _watch = reactor.watch(socket.fd, () => {
    const datagram = socket.receive();
    if (datagram !== undefined) {
      resolve(datagram);
    }
  });
  return await withDeadline(promise, DEADLINE_MS, `a packet on ${socket.fd.label}`);
}

void test('DHCP shape: broadcast request from 0.0.0.0, unicast answer, bound to one device', { skip }, async () => {
  using cleanup = new DisposableStack();
  const { server, client } = pair(cleanup);
  const reactor = createReactor();
  cleanup.defer(() => reactor.close());
  reactor.ref();
  const answerer = cleanup.use(
    inNetworkNamespace(server, () =>
      openUdpSocket({
        bind: { family: 'ipv4', address: '0.0.0.0', port: 67 },
        device: 'v0',
        broadcast: true,
        reuseAddress: true,
      }),
    ),
  );
  const asker = cleanup.use(
    inNetworkNamespace(client, () =>
      openUdpSocket({ bind: { family: 'ipv4', address: '0.0.0.0', port: 68 }, device: 'v1', broadcast: true }),
    ),
  );
  assert.equal(answerer.receive(), undefined);
  assert.equal(answerer.localAddress.port, 67);
  assert.ok(asker.send(Buffer.from('discover'), { family: 'ipv4', address: '255.255.255.255', port: 67 }));
  const request = await receiveOne(reactor, answerer);
  assert.equal(request.data.toString(), 'discover');
  assert.equal(request.from.port, 68);
  assert.ok(answerer.send(Buffer.from('offer'), { family: 'ipv4', address: '10.0.2.2', port: 68 }));
  assert.equal((await receiveOne(reactor, asker)).data.toString(), 'offer');
});

void test('DHCPv6 and router advertisement shape: multicast groups, hop limit, filter', { skip }, async () => {
  using cleanup = new DisposableStack();
  const { server, client, serverIndex, clientIndex } = pair(cleanup);
  const reactor = createReactor();
  cleanup.defer(() => reactor.close());
  reactor.ref();
  const dhcp = cleanup.use(
    inNetworkNamespace(server, () =>
      openUdpSocket({
        bind: { family: 'ipv6', address: '::', port: 547, scopeId: 0 },
        device: 'v0',
        multicast: { groups: ['ff02::1:2'], interfaceIndex: serverIndex },
      }),
    ),
  );
  const asker = cleanup.use(
    inNetworkNamespace(client, () =>
      openUdpSocket({ bind: { family: 'ipv6', address: '::', port: 546, scopeId: 0 }, device: 'v1' }),
    ),
  );
  asker.send(Buffer.from('solicit'), { family: 'ipv6', address: 'ff02::1:2', port: 547, scopeId: clientIndex });
  const solicit = await receiveOne(reactor, dhcp);
  assert.equal(solicit.data.toString(), 'solicit');
  assert.equal(solicit.to, 'ff02::1:2');
  assert.equal(solicit.interfaceIndex, serverIndex);
  assert.match(solicit.from.address, /^fe80::/);

  const ROUTER_SOLICITATION = 133;
  const ROUTER_ADVERTISEMENT = 134;
  const router = cleanup.use(
    inNetworkNamespace(server, () =>
      openIcmp6Socket({
        device: 'v0',
        interfaceIndex: serverIndex,
        receiveTypes: [ROUTER_SOLICITATION],
        groups: ['ff02::2'],
      }),
    ),
  );
  const host = cleanup.use(
    inNetworkNamespace(client, () =>
      openIcmp6Socket({ device: 'v1', interfaceIndex: clientIndex, receiveTypes: [ROUTER_ADVERTISEMENT], groups: [] }),
    ),
  );
  const solicitation = Buffer.from([ROUTER_SOLICITATION, 0, 0, 0, 0, 0, 0, 0]);
  host.send(solicitation, { family: 'ipv6', address: 'ff02::2', port: 0, scopeId: clientIndex });
  const seen = await receiveOne(reactor, router);
  assert.equal(seen.data[0], ROUTER_SOLICITATION);
  assert.notEqual(seen.data.readUInt16BE(2), 0, 'the kernel filled the checksum');
  assert.equal(seen.hopLimit, 255);
  assert.equal(seen.to, 'ff02::2');
  const advertisement = Buffer.alloc(16);
  advertisement[0] = ROUTER_ADVERTISEMENT;
  router.send(advertisement, { family: 'ipv6', address: 'ff02::1', port: 0, scopeId: serverIndex });
  assert.equal((await receiveOne(reactor, host)).data[0], ROUTER_ADVERTISEMENT);
});

void test('errors name the socket and what was asked', { skip }, () => {
  assert.throws(
    () => openUdpSocket({ bind: { family: 'ipv4', address: '127.0.0.1', port: 0 }, device: 'no-such-link' }),
    { code: 'ENODEV' },
  );
  assert.throws(() => openUdpSocket({ bind: { family: 'ipv4', address: '192.0.2.77', port: 9 } }), { op: 'bind' });
});
