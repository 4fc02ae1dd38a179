import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { promisify } from 'node:util';
import { openFds } from '../../../linux/fd/fd.ts';
import type { Fd } from '../../../linux/fd/fd.ts';
import { inNetworkNamespace, openNamespace } from '../../../linux/namespace/namespace.ts';
import { createReactor } from '../../../linux/reactor/reactor.ts';
import { openUdpSocket } from '../../../linux/socket/datagram.ts';
import type { Interface } from '../../../vm/kinds/virtualmachineinstance/device-types.ts';
import type { VirtualMachineInstance } from '../../../vm/kinds/virtualmachineinstance/types.ts';
import { startAddressServers } from '../../network/address-servers.ts';
import type { Lease } from '../../network/lease-book.ts';
import { describeOp } from './describe.ts';
import { ensureVmNetwork, inspectVmNetwork, planVmNetwork, removeVmNetwork } from './vm-network.ts';

const isRoot = process.getuid?.() === 0;
const podName = `vn-p-${process.pid}`;
const peerName = `vn-x-${process.pid}`;
const podMac = '0a:58:0a:f4:00:05';
const execFileAsync = promisify(execFile);

function run(netns: string, ...argv: string[]): string {
  return execFileSync('ip', ['netns', 'exec', netns, ...argv], { encoding: 'utf8', timeout: 10_000 });
}

function vmiWith(iface: Partial<Interface>, devices: Record<string, unknown> = {}): VirtualMachineInstance {
  return {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachineInstance',
    metadata: { name: 'vm', namespace: 'default', uid: '8a1f2c3d-0000-4000-8000-000000000001' },
    spec: {
      domain: {
        cpu: { cores: 2 },
        devices: { interfaces: [{ name: 'default', ...iface }], ...devices },
      },
      networks: [{ name: 'default', pod: {} }],
    },
  };
}

describe('VM network on the kernel', { skip: isRoot ? false : 'needs root' }, () => {
  let netns: Fd;

  beforeEach(() => {
    // A pod as a pod network makes it, with a neighbour on the pod network.
    for (const name of [podName, peerName]) {
      execFileSync('ip', ['netns', 'add', name], { timeout: 10_000 });
      run(name, 'ip', 'link', 'set', 'lo', 'up');
    }
    run(podName, 'ip', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'peer0', 'netns', peerName);
    run(podName, 'ip', 'link', 'set', 'eth0', 'mtu', '1450', 'address', podMac, 'up');
    run(peerName, 'ip', 'link', 'set', 'peer0', 'mtu', '1450', 'up');
    run(podName, 'ip', 'addr', 'add', '10.244.0.5/24', 'dev', 'eth0');
    run(podName, 'ip', 'addr', 'add', 'fd44::5/64', 'dev', 'eth0', 'nodad');
    run(podName, 'ip', 'route', 'add', 'default', 'via', '10.244.0.1');
    run(peerName, 'ip', 'addr', 'add', '10.244.0.1/24', 'dev', 'peer0');
    run(peerName, 'ip', 'addr', 'add', 'fd44::1/64', 'dev', 'peer0', 'nodad');
    netns = openNamespace(`/run/netns/${podName}`, 'net');
  });

  afterEach(() => {
    netns.close();
    execFileSync('ip', ['netns', 'del', podName], { timeout: 10_000 });
    execFileSync('ip', ['netns', 'del', peerName], { timeout: 10_000 });
    assert.deepEqual(openFds(), []);
  });

  test('masquerade: everything is made once, and the plan is empty after it', () => {
    const vmi = vmiWith({ masquerade: {}, ports: [{ port: 80 }] });
    const [iface] = ensureVmNetwork(vmi, netns).interfaces;
    assert.deepEqual(planVmNetwork(vmi, netns).map(describeOp), []);
    assert.deepEqual(ensureVmNetwork(vmi, netns).steps, []);
    assert.equal(iface?.macAddress, podMac);
    assert.equal(iface.mtu, 1450);
    assert.equal(iface.queues, 1);
    assert.deepEqual(iface.guestAddresses, ['10.0.2.2/24', 'fd10:0:2::2/120']);
    assert.deepEqual(iface.podAddresses, ['10.244.0.5', 'fd44::5']);
    const rules = run(podName, 'nft', '-nn', 'list', 'table', 'inet', 'vmlet');
    assert.match(rules, /tcp dport 80 counter packets 0 bytes 0 dnat ip to 10\.0\.2\.2/);
    const tap = run(podName, 'ip', '-d', 'link', 'show', 'tap0');
    assert.match(tap, /mtu 1450 .*master k6t-eth0/);
    assert.match(tap, /vnet_hdr on persist on user \S+ group \S+/);
    const shown = inspectVmNetwork(netns);
    assert.ok(shown.nftables.some((line) => line.includes('masquerade')));
    assert.ok(shown.addresses.includes('k6t-eth0 10.0.2.1/24'));
  });

  test('only virtio with multiqueue gets a queue per virtual CPU', () => {
    const [iface] = ensureVmNetwork(
      vmiWith({ masquerade: {} }, { networkInterfaceMultiqueue: true }),
      netns,
    ).interfaces;
    assert.equal(iface?.queues, 2);
    assert.match(run(podName, 'ip', '-d', 'link', 'show', 'tap0'), /multi_queue/);
  });

  test('what is damaged is mended and what is foreign stays', () => {
    const vmi = vmiWith({ masquerade: {} });
    ensureVmNetwork(vmi, netns);
    run(podName, 'nft', 'add', 'table', 'inet', 'foreign');
    run(podName, 'ip', 'link', 'add', 'other0', 'type', 'bridge');
    run(podName, 'ip', 'addr', 'add', '192.0.2.9/32', 'dev', 'k6t-eth0');
    run(podName, 'ip', 'addr', 'del', '10.0.2.1/24', 'dev', 'k6t-eth0');
    run(podName, 'ip', 'link', 'set', 'tap0', 'nomaster');
    run(podName, 'nft', 'flush', 'chain', 'inet', 'vmlet', 'postrouting');
    run(podName, 'sysctl', '-qw', 'net.ipv4.ip_forward=0');
    const { steps } = ensureVmNetwork(vmi, netns);
    assert.equal(steps.length, 4, steps.join('; '));
    assert.deepEqual(planVmNetwork(vmi, netns).map(describeOp), []);
    removeVmNetwork(vmi, netns);
    const left = run(podName, 'ip', '-br', 'link');
    assert.match(left, /other0/);
    assert.doesNotMatch(left, /tap0|k6t/);
    assert.equal(run(podName, 'nft', 'list', 'tables').trim(), 'table inet foreign');
  });

  test('a link of somebody else with our name is refused by name', () => {
    run(podName, 'ip', 'link', 'add', 'k6t-eth0', 'type', 'bridge');
    assert.throws(() => ensureVmNetwork(vmiWith({ masquerade: {} }), netns), {
      code: 'LinkConflict',
      message: /k6t-eth0 .* not made for this VM/,
    });
  });

  test('a guest gets its addresses, over and over the same, and is told once', async () => {
    const vmi = vmiWith({ masquerade: {} });
    const network = ensureVmNetwork(vmi, netns);
    plugGuest('k6t-eth0');
    const told: Lease[] = [];
    using reactor = disposableReactor();
    for (let round = 0; round < 2; round++) {
      using servers = startAddressServers({
        netns,
        reactor: reactor.reactor,
        network,
        hostname: 'vm-a',
        dns: { servers: ['192.0.2.53', 'fd44::53'], searches: ['example.org'], domain: 'example.org' },
        onLease: (lease) => told.push(lease),
      });
      for (let lease = 0; lease < 2; lease++) {
        const environment = await udhcpc(peerName, 'guest0');
        assert.equal(environment['ip'], '10.0.2.2');
        assert.equal(environment['subnet'], '255.255.255.0');
        assert.equal(environment['router'], '10.0.2.1');
        assert.equal(environment['dns'], '192.0.2.53');
        assert.equal(environment['hostname'], 'vm-a');
        assert.equal(environment['mtu'], '1450');
        assert.equal(environment['search'], 'example.org');
      }
      assert.equal(servers.leases().length, 1);
      assert.equal(told.length, round + 1, 'a renewed lease is not news');
      assert.equal(told[round]?.address, '10.0.2.2');
    }
  });

  test('a guest that floods the server is taken a little at a time, and gets its address all the same', async () => {
    const network = ensureVmNetwork(vmiWith({ masquerade: {} }), netns);
    plugGuest('k6t-eth0');
    using reactor = disposableReactor();
    using _servers = startAddressServers({
      netns,
      reactor: reactor.reactor,
      network,
      hostname: 'vm-a',
      dns: { servers: [], searches: [] },
      onLease: () => undefined,
    });
    using guest = openNamespace(`/run/netns/${peerName}`, 'net');
    using flood = inNetworkNamespace(guest, () =>
      openUdpSocket({
        bind: { family: 'ipv4', address: '0.0.0.0', port: 0 },
        device: 'guest0',
        broadcast: true,
        reuseAddress: true,
      }),
    );
    const server = { family: 'ipv4', address: '255.255.255.255', port: 67 } as const;
    for (let burst = 0; burst < 20; burst++) {
      for (let count = 0; count < 100; count++) {
        flood.send(Buffer.alloc(300), server);
      }
      await setImmediate();
    }
    assert.equal((await udhcpc(peerName, 'guest0'))['ip'], '10.0.2.2');
  });

  test('bridge: the guest takes the pod address, across a restart too; removal gives it back', async () => {
    const vmi = vmiWith({ bridge: {} });
    const network = ensureVmNetwork(vmi, netns);
    assert.deepEqual(planVmNetwork(vmi, netns).map(describeOp), []);
    assert.deepEqual(ensureVmNetwork(vmi, netns).interfaces, network.interfaces);
    const [iface] = network.interfaces;
    assert.deepEqual(iface?.guestAddresses, ['10.244.0.5/24']);
    assert.equal(iface.macAddress, podMac);
    plugGuest('k6t-eth0');
    run(peerName, 'ip', 'link', 'set', 'guest0', 'address', podMac);
    using reactor = disposableReactor();
    using _servers = startAddressServers({
      netns,
      reactor: reactor.reactor,
      network,
      hostname: 'vm-a',
      dns: { servers: [], searches: [] },
      onLease: () => undefined,
    });
    const environment = await udhcpc(peerName, 'guest0');
    assert.equal(environment['ip'], '10.244.0.5');
    assert.equal(environment['router'], '10.244.0.1');
    removeVmNetwork(vmi, netns);
    assert.match(run(podName, 'ip', 'addr', 'show', 'eth0'), /inet 10\.244\.0\.5\/24/);
    assert.match(run(podName, 'ip', 'link', 'show', 'eth0'), new RegExp(podMac));
    assert.match(run(podName, 'ip', 'route'), /default via 10\.244\.0\.1/);
    ensureVmNetwork(vmi, netns);
    assert.deepEqual(planVmNetwork(vmi, netns).map(describeOp), []);
  });

  /** A veth in the place of the TAP: its other end is the guest's card, in the namespace of the neighbour. */
  function plugGuest(bridge: string): void {
    run(podName, 'ip', 'link', 'add', 'plug0', 'type', 'veth', 'peer', 'name', 'guest0', 'netns', peerName);
    run(podName, 'ip', 'link', 'set', 'plug0', 'master', bridge, 'up');
    run(peerName, 'ip', 'link', 'set', 'guest0', 'up');
  }
});

function disposableReactor(): Disposable & { readonly reactor: ReturnType<typeof createReactor> } {
  const reactor = createReactor();
  return { reactor, [Symbol.dispose]: () => reactor.close() };
}

/** One lease by a real client; gives what it passes to its script as environment. */
async function udhcpc(netns: string, device: string): Promise<Record<string, string>> {
  const directory = mkdtempSync(join(tmpdir(), 'vmlet-dhcp-'));
  try {
    const script = join(directory, 'script');
    writeFileSync(script, '#!/bin/sh\n[ "$1" = bound ] && env > "$0.env"\nexit 0\n', { mode: 0o700 });
    const options = ['-O', 'mtu', '-O', 'search', '-O', 'hostname'];
    const argv = ['udhcpc', '-f', '-n', '-q', '-t', '5', '-T', '1', '-i', device, '-s', script, ...options];
    await execFileAsync('ip', ['netns', 'exec', netns, 'busybox', ...argv], { timeout: 20_000 });
    const lines = readFileSync(`${script}.env`, 'utf8').trim().split('\n');
    return Object.fromEntries(lines.map((line) => [line.split('=')[0] ?? '', line.slice(line.indexOf('=') + 1)]));
  } finally {
    rmSync(directory, { recursive: true });
  }
}
