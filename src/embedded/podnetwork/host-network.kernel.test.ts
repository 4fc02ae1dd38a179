import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { silentLogger } from '../../base/logger.ts';
import { openFds } from '../../linux/fd/fd.ts';
import type { Fd } from '../../linux/fd/fd.ts';
import { openNamespace } from '../../linux/namespace/namespace.ts';
import { type HostPodNetwork, openPodNetwork } from './host-network.ts';
import { hostLinkName } from './pod-side.ts';

const isRoot = process.getuid?.() === 0;
const hostName = `pn-h-${process.pid}`;
const outsideName = `pn-o-${process.pid}`;

function run(netns: string, ...argv: string[]): string {
  return execFileSync('ip', ['netns', 'exec', netns, ...argv], { encoding: 'utf8', timeout: 10_000 });
}

function inPod(path: string, ...argv: string[]): string {
  return execFileSync('nsenter', [`--net=${path}`, ...argv], { encoding: 'utf8', timeout: 10_000 });
}

function pod(uid: string): { uid: string; namespace: string; name: string } {
  return { uid, namespace: 'default', name: `pod-${uid}` };
}

describe('pod network of a host', { skip: isRoot ? false : 'needs root' }, () => {
  let directory: string;
  let host: Fd;
  let network: HostPodNetwork;

  const open = (extra: { cidr?: string | undefined } = {}): Promise<HostPodNetwork> =>
    openPodNetwork({
      runDir: join(directory, 'run'),
      stateDir: join(directory, 'state'),
      bridge: 'vmt0',
      cidr: extra.cidr,
      cidrV6: 'fd99:1::/64',
      logger: silentLogger,
      hostNetns: host,
    });

  before(() => {
    // A host with an uplink to an outside that knows no way back to pods.
    for (const name of [hostName, outsideName]) {
      execFileSync('ip', ['netns', 'add', name], { timeout: 10_000 });
      run(name, 'ip', 'link', 'set', 'lo', 'up');
    }
    run(hostName, 'ip', 'link', 'add', 'up0', 'type', 'veth', 'peer', 'name', 'out0', 'netns', outsideName);
    run(hostName, 'sysctl', '-qw', 'net.ipv6.conf.up0.accept_dad=0');
    run(outsideName, 'sysctl', '-qw', 'net.ipv6.conf.out0.accept_dad=0');
    run(hostName, 'ip', 'addr', 'add', '198.51.100.1/24', 'dev', 'up0');
    run(hostName, 'ip', 'addr', 'add', '2001:db8::1/64', 'dev', 'up0');
    run(outsideName, 'ip', 'addr', 'add', '198.51.100.2/24', 'dev', 'out0');
    run(outsideName, 'ip', 'addr', 'add', '2001:db8::2/64', 'dev', 'out0');
    run(hostName, 'ip', 'link', 'set', 'up0', 'mtu', '1400', 'up');
    run(outsideName, 'ip', 'link', 'set', 'out0', 'mtu', '1400', 'up');
    run(hostName, 'ip', 'route', 'add', 'default', 'via', '198.51.100.2');
    run(hostName, 'ip', 'route', 'add', '10.114.0.0/16', 'via', '198.51.100.2');
    host = openNamespace(`/run/netns/${hostName}`, 'net');
  });

  after(() => {
    host.close();
    execFileSync('ip', ['netns', 'del', hostName], { timeout: 10_000 });
    execFileSync('ip', ['netns', 'del', outsideName], { timeout: 10_000 });
    assert.deepEqual(openFds(), []);
  });

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'vmlet-pn-'));
    network = await open();
  });

  afterEach(async () => {
    await network.retainOnly(new Set());
    await network.removeHost();
    rmSync(directory, { recursive: true });
  });

  test('chooses a network that the host has no route to, and keeps it', async () => {
    assert.equal(network.cidr, '10.214.0.0/22');
    const again = await open();
    assert.equal(again.cidr, '10.214.0.0/22');
    await again.setup(pod('keeps'));
    await assert.rejects(open({ cidr: '10.77.0.0/24' }), { code: 'PodCidrInUse' });
    await again.removeHost();
  });

  test('the host reaches a pod at once, by both families, and the pod the outside', async () => {
    const { netnsPath, ips } = await network.setup(pod('a'));
    assert.deepEqual(ips, ['10.214.0.2', 'fd99:1::2']);
    for (const address of ips) {
      run(hostName, 'busybox', 'ping', '-c1', '-W1', address);
    }
    inPod(netnsPath, 'busybox', 'ping', '-c1', '-W1', '198.51.100.2');
    // The first solicitation to a link that has just come up may be lost.
    inPod(netnsPath, 'busybox', 'ping', '-c1', '-W4', '2001:db8::2');
    inPod(netnsPath, 'busybox', 'ping', '-c1', '-W1', '127.0.0.1');
    assert.match(inPod(netnsPath, 'ip', 'link', 'show', 'eth0'), /mtu 1400/);
  });

  test('pods reach each other with their own addresses', async () => {
    const [a, b] = await Promise.all([network.setup(pod('a')), network.setup(pod('b'))]);
    assert.notDeepEqual(a.ips, b.ips);
    for (const address of b.ips) {
      inPod(a.netnsPath, 'busybox', 'ping', '-c1', '-W1', address);
    }
    const table = run(hostName, 'nft', '-nn', 'list', 'table', 'inet', 'vmt0');
    assert.match(table, /ip saddr 10\.214\.0\.0\/22 oifname != "vmt0" counter packets 0 bytes 0 masquerade/);
  });

  test('what a pod sends with a forged source does not leave', async () => {
    const { netnsPath, ips } = await network.setup(pod('a'));
    const forge = (address: string, to: string): void => {
      inPod(netnsPath, 'ip', 'addr', 'replace', address, 'dev', 'eth0', ...(address.includes(':') ? ['nodad'] : []));
      const source = address.split('/')[0] ?? '';
      // The first packets may be lost while the gateway is still asked for.
      assert.throws(() => inPod(netnsPath, 'busybox', 'ping', '-c4', '-W1', '-I', source, to), source);
    };
    // Where the kernel cannot guard ports, routing does.
    run(hostName, 'nft', 'delete', 'table', 'bridge', 'vmt0');
    forge('203.0.113.9/32', '198.51.100.2');
    forge('2001:db8:9::9/128', '2001:db8::2');
    const chain = run(hostName, 'nft', 'list', 'chain', 'inet', 'vmt0', 'forward');
    assert.match(chain, /ip saddr != 10\.214\.0\.0\/22 counter packets [1-9]\d* bytes \d+ drop/);
    assert.match(chain, /ip6 saddr != fd99:1::\/64 counter packets [1-9]\d* bytes \d+ drop/);
    network.repair();
    forge('203.0.113.9/32', '198.51.100.2');
    forge('2001:db8:9::9/128', '2001:db8::2');
    const guard = run(hostName, 'nft', 'list', 'table', 'bridge', 'vmt0');
    assert.match(guard, /chain ipv[46] \{[^}]*counter packets [1-9]\d* bytes \d+ drop comment "address of another"/);
    inPod(netnsPath, 'busybox', 'ping', '-c1', '-W1', '-I', ips[0] ?? '', '198.51.100.2');
  });

  test('a host without IPv6 gives its pods IPv4', async () => {
    await network.removeHost();
    run(hostName, 'sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1', 'net.ipv6.conf.default.disable_ipv6=1');
    try {
      network = await open();
      const { netnsPath, ips } = await network.setup(pod('a'));
      assert.deepEqual(ips, ['10.214.0.2']);
      assert.deepEqual((await network.setup(pod('a'))).ips, ips);
      inPod(netnsPath, 'busybox', 'ping', '-c1', '-W1', '198.51.100.2');
    } finally {
      run(hostName, 'sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=0', 'net.ipv6.conf.default.disable_ipv6=0');
      run(hostName, 'ip', 'addr', 'replace', '2001:db8::1/64', 'dev', 'up0', 'nodad');
    }
  });

  test('setup may be repeated, also by another process, and mends the link', async () => {
    const first = await network.setup(pod('a'));
    const link = hostLinkName('vmt0', 'a');
    const before = run(hostName, 'ip', '-o', 'link', 'show', link).split(':')[0];
    run(hostName, 'ip', 'link', 'set', link, 'nomaster', 'down');
    const other = await open();
    assert.deepEqual(await other.setup(pod('a')), first);
    assert.equal(run(hostName, 'ip', '-o', 'link', 'show', link).split(':')[0], before);
    run(hostName, 'busybox', 'ping', '-c1', '-W1', first.ips[0] ?? '');
    // Gone altogether: made anew with the same addresses.
    run(hostName, 'ip', 'link', 'del', link);
    assert.deepEqual(await other.setup(pod('a')), first);
    run(hostName, 'busybox', 'ping', '-c1', '-W1', first.ips[1] ?? '');
    // A process that is started later gives nobody else this address.
    const second = await other.setup(pod('b'));
    assert.notDeepEqual(second.ips, first.ips);
    await other.removeHost();
  });

  test('a start that was cut off is done again', async () => {
    const { ips } = await network.setup(pod('a'));
    run(hostName, 'ip', 'link', 'set', hostLinkName('vmt0', 'a'), 'alias', '');
    inPod(join(directory, 'run/netns/a'), 'ip', 'addr', 'flush', 'dev', 'eth0');
    assert.deepEqual((await network.setup(pod('a'))).ips, ips);
    run(hostName, 'busybox', 'ping', '-c1', '-W1', ips[0] ?? '');
  });

  test('teardown and retainOnly leave nothing, and nothing else', async () => {
    const foreign = run(hostName, 'ip', '-br', 'link').split('\n').length;
    await network.setup(pod('a'));
    await network.setup(pod('b'));
    await network.teardown('a');
    await network.teardown('a');
    await network.retainOnly(new Set(['b']));
    assert.match(run(hostName, 'ip', '-br', 'link'), new RegExp(hostLinkName('vmt0', 'b')));
    await network.retainOnly(new Set());
    assert.equal(run(hostName, 'ip', '-br', 'link').split('\n').length, foreign);
  });

  test('refuses what could leave its directory, and links of others', async () => {
    await assert.rejects(network.setup(pod('../x')), { code: 'InvalidPodUid' });
    await assert.rejects(network.teardown('..'), { code: 'InvalidPodUid' });
    run(hostName, 'ip', 'link', 'add', hostLinkName('vmt0', 'c'), 'type', 'bridge');
    await assert.rejects(network.setup(pod('c')), { code: 'LinkConflict' });
    await network.teardown('c');
    run(hostName, 'ip', 'link', 'del', hostLinkName('vmt0', 'c'));
  });
});
