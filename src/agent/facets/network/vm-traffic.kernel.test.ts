import assert from 'node:assert/strict';
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { pollUntil, withDeadline } from '../../../base/deadline.ts';
import { openFds } from '../../../linux/fd/fd.ts';
import type { Fd } from '../../../linux/fd/fd.ts';
import { inNetworkNamespace, openNamespace } from '../../../linux/namespace/namespace.ts';
import { decodeIpAddress, encodeMacAddress } from '../../../linux/netlink/ip-address.ts';
import { createReactor, type Reactor } from '../../../linux/reactor/reactor.ts';
import { openUdpSocket } from '../../../linux/socket/datagram.ts';
import type { Port } from '../../../vm/kinds/virtualmachineinstance/device-types.ts';
import type { VirtualMachineInstance } from '../../../vm/kinds/virtualmachineinstance/types.ts';
import { type AddressServers, startAddressServers } from '../../network/address-servers.ts';
import {
  decodeDhcp6,
  decodeIaAddress,
  decodeIaNa,
  type Dhcp6Message,
  type Dhcp6Option,
  encodeDhcp6,
  encodeIaNa,
  MESSAGE6,
  OPTION6,
} from '../../network/dhcp6/codec.ts';
import { ensureVmNetwork } from './vm-network.ts';

const isRoot = process.getuid?.() === 0;
const pod = `vt-p-${process.pid}`;
const outside = `vt-o-${process.pid}`;
const guest = `vt-g-${process.pid}`;
const podMac = '0a:58:0a:f4:00:05';
const execFileAsync = promisify(execFile);

function run(netns: string, ...argv: string[]): string {
  return execFileSync('ip', ['netns', 'exec', netns, ...argv], { encoding: 'utf8', timeout: 10_000 });
}

/** Answers each connection with who called, as this end sees it. */
const serverScript = `
  const server = require('node:net').createServer((socket) => {
    socket.on('error', () => {});
    socket.end(socket.remoteAddress.replace('::ffff:', ''));
  });
  const [port] = process.argv.slice(1);
  server.listen({ host: '::', port: Number(port) }, () => console.log('listening'));
`;
const clientScript = `
  const [host, port] = process.argv.slice(1);
  const socket = require('node:net').connect({ host, port: Number(port), timeout: 1500 });
  socket.on('timeout', () => { console.log('timeout'); process.exit(0); });
  socket.on('error', (error) => console.log(error.code));
  socket.on('data', (data) => console.log(String(data)));
`;

/** What the server at the other end answers: the caller's address; or the error's code, or `timeout`. */
async function call(netns: string, host: string, port: number): Promise<string> {
  const argv = ['netns', 'exec', netns, process.execPath, '-e', clientScript, host, String(port)];
  return (await execFileAsync('ip', argv, { timeout: 10_000 })).stdout.trim();
}

function vmiWith(ports: Port[] | undefined): VirtualMachineInstance {
  return {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachineInstance',
    metadata: { name: 'vm', namespace: 'default', uid: '8a1f2c3d-0000-4000-8000-000000000002' },
    spec: {
      domain: {
        devices: { interfaces: [{ name: 'default', masquerade: {}, ...(ports === undefined ? {} : { ports }) }] },
      },
      networks: [{ name: 'default', pod: {} }],
    },
  };
}

describe('traffic of a masqueraded guest', { skip: isRoot ? false : 'needs root' }, () => {
  const servers: ChildProcess[] = [];
  let netns: Fd;
  let guestNetns: Fd;
  let reactor: Reactor;
  let addressServers: AddressServers;

  async function startServer(where: string, port: number): Promise<void> {
    const argv = ['netns', 'exec', where, process.execPath, '-e', serverScript, String(port)];
    const child = spawn('ip', argv, { stdio: ['ignore', 'pipe', 'inherit'] });
    servers.push(child);
    await withDeadline(once(child.stdout, 'data'), 10_000, `server in ${where}`);
  }

  before(async () => {
    for (const name of [pod, outside, guest]) {
      execFileSync('ip', ['netns', 'add', name], { timeout: 10_000 });
      run(name, 'ip', 'link', 'set', 'lo', 'up');
      run(name, 'sysctl', '-qw', 'net.ipv6.conf.default.accept_dad=0');
    }
    run(pod, 'ip', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'out0', 'netns', outside);
    run(pod, 'ip', 'link', 'set', 'eth0', 'address', podMac, 'mtu', '1450', 'up');
    run(outside, 'ip', 'link', 'set', 'out0', 'up');
    run(pod, 'ip', 'addr', 'add', '10.244.0.5/24', 'dev', 'eth0');
    run(pod, 'ip', 'addr', 'add', 'fd44::5/64', 'dev', 'eth0', 'nodad');
    run(pod, 'ip', 'route', 'add', 'default', 'via', '10.244.0.1');
    run(pod, 'ip', 'route', 'add', 'default', 'via', 'fd44::1');
    run(outside, 'ip', 'addr', 'add', '10.244.0.1/24', 'dev', 'out0');
    run(outside, 'ip', 'addr', 'add', 'fd44::1/64', 'dev', 'out0', 'nodad');
    netns = openNamespace(`/run/netns/${pod}`, 'net');
    guestNetns = openNamespace(`/run/netns/${guest}`, 'net');
    const network = ensureVmNetwork(vmiWith(undefined), netns);

    reactor = createReactor();
    addressServers = startAddressServers({
      netns,
      reactor,
      network,
      hostname: 'vm-a',
      dns: { servers: ['192.0.2.53', 'fd44::53'], searches: ['example.org'], domain: 'example.org' },
      onLease: () => undefined,
    });
    // A veth in the place of the TAP: the other end is the guest's card.
    run(pod, 'ip', 'link', 'add', 'plug0', 'type', 'veth', 'peer', 'name', 'guest0', 'netns', guest);
    run(pod, 'sysctl', '-qw', 'net.ipv6.conf.plug0.disable_ipv6=1');
    run(pod, 'ip', 'link', 'set', 'plug0', 'mtu', '1450', 'master', 'k6t-eth0', 'up');
    run(guest, 'ip', 'link', 'set', 'guest0', 'address', podMac, 'up');
    run(guest, 'ip', 'addr', 'add', '10.0.2.2/24', 'dev', 'guest0');
    run(guest, 'ip', 'route', 'add', 'default', 'via', '10.0.2.1');
    await startServer(guest, 8080);
    await startServer(outside, 8081);
  });

  after(async () => {
    for (const child of servers) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    addressServers.close();
    reactor.close();
    netns.close();
    guestNetns.close();
    for (const name of [pod, outside, guest]) {
      execFileSync('ip', ['netns', 'del', name], { timeout: 10_000 });
    }
    assert.deepEqual(openFds(), []);
  });

  test('the router is learned from advertisements, without configuration', async () => {
    const route = await pollUntil(() => run(guest, 'ip', '-6', 'route', 'show', 'default').trim() || undefined, {
      timeoutMs: 10_000,
      doing: 'default route of the guest',
    });
    assert.match(route, /^default via fe80::1 dev guest0 proto ra .*hoplimit 64/);
    assert.match(route, /expires 6\d{4}sec/);
    assert.match(run(guest, 'ip', '-6', 'route', 'show', 'fd10:0:2::/120'), /dev guest0 proto kernel/);
    assert.equal(run(guest, 'cat', '/proc/sys/net/ipv6/conf/guest0/mtu').trim(), '1450');
    assert.equal(
      run(guest, 'ip', '-6', 'addr', 'show', 'dev', 'guest0', 'scope', 'global'),
      '',
      'the prefix is not for autoconfiguration',
    );
  });

  test('the IPv6 address comes by DHCPv6', async () => {
    const advertise = await exchange6(MESSAGE6.SOLICIT, []);
    assert.equal(advertise.type, MESSAGE6.ADVERTISE);
    const serverId = advertise.options.filter(({ code }) => code === OPTION6.SERVERID);
    const reply = await exchange6(MESSAGE6.REQUEST, serverId);
    assert.equal(reply.type, MESSAGE6.REPLY);
    const ia = decodeIaNa(reply.options.find(({ code }) => code === OPTION6.IA_NA)?.data ?? new Uint8Array(0));
    const [address] = ia.options.filter(({ code }) => code === OPTION6.IAADDR).map(({ data }) => decodeIaAddress(data));
    assert.equal(decodeIpAddress(address?.address ?? new Uint8Array(16)), 'fd10:0:2::2');
    assert.deepEqual(addressServers.leases(), [
      { interface: 'default', address: 'fd10:0:2::2', mac: podMac, hostname: undefined },
    ]);
    run(guest, 'ip', 'addr', 'add', 'fd10:0:2::2/128', 'dev', 'guest0', 'nodad');
  });

  test('both families: in by the pod address, out with it, to itself by it, and by 127.0.0.1 of the pod', async () => {
    assert.equal(await call(outside, '10.244.0.5', 8080), '10.244.0.1', 'the guest sees who calls');
    assert.equal(await call(outside, 'fd44::5', 8080), 'fd44::1');
    assert.equal(await call(guest, '10.244.0.1', 8081), '10.244.0.5', 'the outside sees the pod');
    assert.equal(await call(guest, 'fd44::1', 8081), 'fd44::5');
    assert.equal(await call(guest, '10.244.0.5', 8080), '10.0.2.1', 'hairpin');
    assert.equal(await call(guest, 'fd44::5', 8080), 'fd10:0:2::1', 'hairpin');
    assert.equal(await call(pod, '127.0.0.1', 8080), '10.0.2.1', 'loopback');
    assert.equal(await call(pod, '::1', 8080), 'ECONNREFUSED', 'IPv6 has no route_localnet');
  });

  test('the guest does not pass for another pod', async () => {
    const filtered = (): number => {
      const [names = '', values = ''] = run(pod, 'cat', '/proc/net/netstat').split('\n');
      return Number(values.split(' ')[names.split(' ').indexOf('IPReversePathFilter')]);
    };
    const before = filtered();
    run(guest, 'ip', 'addr', 'add', '10.244.0.77/32', 'dev', 'guest0');
    run(guest, 'ip', 'route', 'add', '10.244.0.1/32', 'via', '10.0.2.1', 'src', '10.244.0.77');
    assert.equal(await call(guest, '10.244.0.1', 8081), 'timeout');
    assert.ok(filtered() > before);
    run(guest, 'ip', 'addr', 'del', '10.244.0.77/32', 'dev', 'guest0');
    run(guest, 'ip', 'route', 'flush', '10.244.0.1/32');
    assert.equal(await call(guest, '10.244.0.1', 8081), '10.244.0.5');
  });

  test('the guest does not reach the loopback of the pod', async () => {
    await startServer(pod, 8082);
    run(guest, 'ip', 'route', 'add', '127.0.0.5/32', 'via', '10.0.2.1', 'dev', 'guest0', 'table', '100');
    run(guest, 'sysctl', '-qw', 'net.ipv4.conf.all.route_localnet=1');
    run(guest, 'ip', 'rule', 'add', 'to', '127.0.0.5', 'lookup', '100', 'pref', '0');
    run(guest, 'ip', 'rule', 'add', 'lookup', 'local', 'pref', '1');
    run(guest, 'ip', 'rule', 'del', 'lookup', 'local', 'pref', '0');
    assert.equal(await call(guest, '127.0.0.5', 8082), 'timeout');
    const dropped = run(pod, 'nft', 'list', 'chain', 'inet', 'vmlet', 'prerouting');
    assert.match(dropped, /ip daddr 127\.0\.0\.0\/8 counter packets [1-9]\d* bytes \d+ drop/);
  });

  test('listed ports reach the guest, others the pod', async () => {
    ensureVmNetwork(vmiWith([{ port: 9090 }, { port: 8080, protocol: 'TCP' }]), netns);
    await startServer(guest, 9090);
    assert.equal(await call(outside, '10.244.0.5', 9090), '10.244.0.1');
    assert.equal(await call(outside, 'fd44::5', 8080), 'fd44::1');
    assert.equal(await call(outside, '10.244.0.5', 9999), 'ECONNREFUSED', 'by the pod, which has no such server');
    assert.equal(await call(pod, '127.0.0.1', 9090), '10.0.2.1');
  });

  /** One message to the server and its answer, as a client in the guest. */
  async function exchange6(type: number, more: readonly Dhcp6Option[]): Promise<Dhcp6Message> {
    const scopeId = Number(run(guest, 'cat', '/sys/class/net/guest0/ifindex').trim());
    using socket = inNetworkNamespace(guestNetns, () =>
      openUdpSocket({ bind: { family: 'ipv6', address: '::', port: 546, scopeId: 0 }, device: 'guest0' }),
    );
    const received = Promise.withResolvers<Dhcp6Message>();
    using _watch = reactor.watch(socket.fd, () => {
      const datagram = socket.receive();
      if (datagram !== undefined) {
        received.resolve(decodeDhcp6(datagram.data));
      }
    });
    const duid = Buffer.concat([Buffer.of(0, 3, 0, 1), encodeMacAddress(podMac)]);
    const options = [
      { code: OPTION6.CLIENTID, data: duid },
      ...more,
      { code: OPTION6.IA_NA, data: encodeIaNa({ iaid: 1, t1: 0, t2: 0, options: [] }) },
    ];
    const to = { family: 'ipv6', address: 'ff02::1:2', port: 547, scopeId } as const;
    socket.send(encodeDhcp6({ type, transactionId: 0x10203, options }), to);
    return await withDeadline(received.promise, 10_000, 'DHCPv6 answer');
  }
});
