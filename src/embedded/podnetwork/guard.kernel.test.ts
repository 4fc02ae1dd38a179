/** Pods that pose as others: nothing of it reaches the host or another pod, and what is their own does. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { silentLogger } from '../../base/logger.ts';
import { type Fd, openFds } from '../../linux/fd/fd.ts';
import { inNetworkNamespace, openNamespace } from '../../linux/namespace/namespace.ts';
import { openIcmp6Socket, openUdpSocket } from '../../linux/socket/datagram.ts';
import { encodeIpv6 } from '../../linux/socket/address.ts';
import { addressAt, linkLocalAddress, podMacAddress } from './addresses.ts';
import { type HostPodNetwork, openPodNetwork } from './host-network.ts';
import { bridgeMacAddress } from './host-side.ts';

const isRoot = process.getuid?.() === 0;
const hostName = `pg-h-${process.pid}`;
const bridge = 'vmg0';
const cidr = '10.97.0.0/24';
const cidrV6 = 'fd99:2::/64';
const guestMac = '02:00:00:00:0c:01';
const macOf = (number: number): string => podMacAddress(addressAt(cidr, number));

function onHost(...argv: string[]): string {
  return execFileSync('ip', ['netns', 'exec', hostName, ...argv], { encoding: 'utf8', timeout: 10_000 });
}

interface JsonRule {
  readonly rule?: {
    readonly comment?: string;
    readonly expr: readonly { readonly counter?: { readonly packets: number } }[];
  };
}

/** Packets that the guard dropped for this reason. */
function dropped(reason: string): number {
  const { nftables } = JSON.parse(onHost('nft', '-j', 'list', 'table', 'bridge', bridge)) as { nftables: JsonRule[] };
  return nftables
    .filter(({ rule }) => rule?.comment === reason)
    .flatMap(({ rule }) => rule?.expr ?? [])
    .reduce((sum, { counter }) => sum + (counter?.packets ?? 0), 0);
}

describe('what a pod may send', { skip: isRoot ? false : 'needs root' }, () => {
  let directory: string;
  let host: Fd;
  let network: HostPodNetwork;
  let a: string;
  let b: string;

  const inPod = (path: string, ...argv: string[]): string =>
    execFileSync('nsenter', [`--net=${path}`, ...argv], { encoding: 'utf8', timeout: 10_000 });
  const pings = (path: string, ...words: string[]): boolean => {
    try {
      inPod(path, 'busybox', 'ping', '-c1', '-W1', ...words);
      return true;
    } catch {
      return false;
    }
  };
  const refused = (reason: string, act: () => void): void => {
    const earlier = dropped(reason);
    act();
    assert.ok(
      dropped(reason) > earlier,
      `nothing was dropped as "${reason}":\n${onHost('nft', 'list', 'table', 'bridge', bridge)}`,
    );
  };

  before(() => {
    execFileSync('ip', ['netns', 'add', hostName], { timeout: 10_000 });
    onHost('ip', 'link', 'set', 'lo', 'up');
    host = openNamespace(`/run/netns/${hostName}`, 'net');
  });
  after(() => {
    host.close();
    execFileSync('ip', ['netns', 'del', hostName], { timeout: 10_000 });
    assert.deepEqual(openFds(), []);
  });
  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'vmlet-pg-'));
    network = await openPodNetwork({
      runDir: join(directory, 'run'),
      stateDir: join(directory, 'state'),
      bridge,
      cidr,
      cidrV6,
      logger: silentLogger,
      hostNetns: host,
      guestMacAddresses: ({ name }) => (name === 'with-mac' ? [guestMac] : []),
    });
    a = (await network.setup({ uid: 'a', namespace: 'default', name: 'a' })).netnsPath;
    b = (await network.setup({ uid: 'b', namespace: 'default', name: 'b' })).netnsPath;
  });
  afterEach(async () => {
    await network.retainOnly(new Set());
    await network.removeHost();
    rmSync(directory, { recursive: true });
    assert.doesNotMatch(onHost('nft', 'list', 'tables'), /vmg0/);
  });

  test('its own addresses, link-local ones of its choice among them', () => {
    assert.ok(network.guarded);
    assert.ok(pings(a, '10.97.0.1'));
    assert.ok(pings(a, '10.97.0.3'));
    assert.ok(pings(a, 'fd99:2::3'));
    assert.ok(pings(a, `${linkLocalAddress(bridgeMacAddress(bridge))}%eth0`));
    inPod(a, 'ip', 'addr', 'add', 'fe80::abcd/64', 'dev', 'eth0', 'nodad');
    inPod(a, 'ip', '-6', 'addr', 'del', `${linkLocalAddress(macOf(2))}/64`, 'dev', 'eth0');
    assert.ok(pings(a, `${linkLocalAddress(macOf(3))}%eth0`));
  });

  test("another pod's IPv4 address: not in ARP, not in packets", () => {
    assert.ok(pings(b, '10.97.0.1'));
    inPod(a, 'ip', 'addr', 'add', '10.97.0.3/32', 'dev', 'eth0');
    refused('speaks for another', () => {
      inPod(a, 'busybox', 'arping', '-U', '-c', '2', '-w', '2', '-I', 'eth0', '10.97.0.3');
    });
    assert.match(onHost('ip', 'neigh', 'show', '10.97.0.3'), new RegExp(macOf(3)));
    inPod(a, 'ip', 'neigh', 'replace', '10.97.0.1', 'lladdr', bridgeMacAddress(bridge), 'dev', 'eth0');
    refused('address of another', () => assert.ok(!pings(a, '-I', '10.97.0.3', '10.97.0.1')));
    assert.ok(pings(b, '10.97.0.1'));
  });

  test("another pod's MAC address", () => {
    assert.ok(pings(b, '10.97.0.1'));
    inPod(a, 'ip', 'link', 'set', 'eth0', 'address', macOf(3));
    inPod(a, 'ip', 'neigh', 'replace', '10.97.0.1', 'lladdr', bridgeMacAddress(bridge), 'dev', 'eth0');
    refused('address of another', () => assert.ok(!pings(a, '10.97.0.1')));
    assert.ok(pings(b, '10.97.0.1'));
  });

  test("another pod's IPv6 address, or the gateway's: neither advertised nor sent from", () => {
    assert.ok(pings(b, 'fd99:2::1'));
    inPod(a, 'ip', 'addr', 'add', 'fd99:2::3/128', 'dev', 'eth0', 'nodad');
    refused('address of another', () => assert.ok(!pings(a, '-I', 'fd99:2::3', 'fd99:2::1')));
    for (const target of [
      'fd99:2::1',
      'fd99:2::3',
      linkLocalAddress(bridgeMacAddress(bridge)),
      linkLocalAddress(macOf(3)),
    ]) {
      // Neighbour advertisement with override, and a target link-layer address option (RFC 4861, 4.4).
      const head = Buffer.from([136, 0, 0, 0, 0x20, 0, 0, 0]);
      const option = Buffer.concat([Buffer.from([2, 1]), Buffer.from(macOf(2).replaceAll(':', ''), 'hex')]);
      refused('speaks for another', () => sendIcmp6(a, Buffer.concat([head, encodeIpv6(target), option]), 'ff02::1'));
    }
    assert.doesNotMatch(inPod(b, 'ip', 'neigh', 'show', 'fd99:2::1'), new RegExp(macOf(2)));
    assert.ok(pings(b, 'fd99:2::1'));
  });

  test('the part of a router or of a DHCP server', () => {
    const advertisement = Buffer.from([134, 0, 0, 0, 64, 0, 0x07, 0x08, 0, 0, 0, 0, 0, 0, 0, 0]);
    refused('router', () => sendIcmp6(a, advertisement, 'ff02::1'));
    refused('router', () =>
      sendIcmp6(a, Buffer.concat([Buffer.from([137, 0, 0, 0, 0, 0, 0, 0]), Buffer.alloc(32)]), 'ff02::1'),
    );
    const servers = [
      {
        reason: 'DHCP server',
        bind: { family: 'ipv4', address: '0.0.0.0', port: 67 },
        to: { family: 'ipv4', address: '10.97.0.255', port: 68 },
      },
      {
        reason: 'DHCPv6 server',
        bind: { family: 'ipv6', address: '::', port: 547, scopeId: 0 },
        to: { family: 'ipv6', address: 'ff02::1', port: 546, scopeId: indexOfEth0(a) },
      },
    ] as const;
    for (const { reason, bind, to } of servers) {
      using netns = openNamespace(a, 'net');
      using socket = inNetworkNamespace(netns, () => openUdpSocket({ bind, device: 'eth0', broadcast: true }));
      refused(reason, () => assert.ok(socket.send(Buffer.alloc(300), to)));
    }
  });

  test('what it sends to all does not come back by its own port', () => {
    const mac = macOf(2);
    inPod(a, 'nft', 'add table netdev own');
    inPod(a, 'nft', 'add chain netdev own c { type filter hook ingress device eth0 priority 0; }');
    inPod(a, 'nft', `add rule netdev own c ether saddr ${mac} counter`);
    const returned = (): number =>
      Number(/packets (\d+)/u.exec(inPod(a, 'nft', 'list', 'table', 'netdev', 'own'))?.[1]);
    const callAll = (): void => {
      assert.ok(!pings(a, '10.97.0.99'));
      assert.ok(!pings(a, 'fd99:2::99'));
    };
    refused('not to the pod itself', callAll);
    assert.equal(returned(), 0);
    onHost('nft', 'flush', 'chain', 'bridge', bridge, 'forward');
    callAll();
    assert.ok(returned() > 0, 'without the rule it would');
    network.repair();
  });

  test('frames of a VLAN', (t) => {
    try {
      inPod(a, 'ip', 'link', 'add', 'link', 'eth0', 'name', 'eth0.7', 'type', 'vlan', 'id', '7');
    } catch {
      t.skip('this kernel has no VLAN links to send from');
      return;
    }
    inPod(a, 'ip', 'addr', 'add', '10.50.0.1/24', 'dev', 'eth0.7');
    inPod(a, 'ip', 'link', 'set', 'eth0.7', 'up');
    refused('neither IP nor ARP', () => assert.ok(!pings(a, '10.50.0.2')));
  });

  test("a MAC address that its VM was given instead of the pod's, also after a restart", async () => {
    const { netnsPath: c } = await network.setup({ uid: 'c', namespace: 'default', name: 'with-mac' });
    inPod(c, 'ip', 'link', 'set', 'eth0', 'address', guestMac);
    assert.ok(pings(c, '10.97.0.1'));
    network.close();
    network = await openPodNetwork({
      runDir: join(directory, 'run'),
      stateDir: join(directory, 'state'),
      bridge,
      cidr,
      cidrV6,
      logger: silentLogger,
      hostNetns: host,
    });
    assert.deepEqual(network.plan(), []);
    assert.ok(pings(c, '10.97.0.1'));
  });

  test('a pod that comes or goes changes elements and no rule; links of others are not looked at', async () => {
    const handles = (): string =>
      onHost('nft', '-a', 'list', 'table', 'bridge', bridge).replaceAll(
        /elements = \{[^}]*\}|packets \d+ bytes \d+/g,
        '',
      );
    const earlier = handles();
    await network.setup({ uid: 'c', namespace: 'default', name: 'c' });
    await network.teardown('c');
    assert.equal(handles(), earlier);
    onHost('ip', 'link', 'add', 'own0', 'type', 'veth', 'peer', 'name', 'own1');
    onHost('ip', 'link', 'set', 'own0', 'master', bridge, 'up');
    const path = join(directory, 'run/netns/b');
    onHost('ip', 'link', 'set', 'own1', 'netns', path);
    inPod(path, 'ip', 'addr', 'add', '10.97.0.200/24', 'dev', 'own1');
    inPod(path, 'ip', 'link', 'set', 'own1', 'up');
    assert.ok(pings(path, '-I', 'own1', '10.97.0.1'));
    onHost('ip', 'link', 'del', 'own0');
  });

  function sendIcmp6(path: string, message: Buffer, to: string): void {
    using netns = openNamespace(path, 'net');
    const interfaceIndex = indexOfEth0(path);
    using socket = inNetworkNamespace(netns, () =>
      openIcmp6Socket({ device: 'eth0', interfaceIndex, receiveTypes: [], groups: [] }),
    );
    assert.ok(socket.send(message, { family: 'ipv6', address: to, port: 0, scopeId: interfaceIndex }));
  }

  function indexOfEth0(path: string): number {
    const [link] = JSON.parse(inPod(path, 'ip', '-j', 'link', 'show', 'eth0')) as { ifindex: number }[];
    return link?.ifindex ?? 0;
  }
});
