/** What others change is noticed by the kernel's own word, put back at once, and told with who did it. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { pollUntil } from '../../base/deadline.ts';
import { silentLogger } from '../../base/logger.ts';
import { describeFinding } from '../../client/drift/report.ts';
import type { DriftPolicy } from '../../client/drift/loop.ts';
import { createFileWatcher, type FileWatcher } from '../../linux/fanotify/watch-files.ts';
import { type Fd, openFds } from '../../linux/fd/fd.ts';
import { openNamespace } from '../../linux/namespace/namespace.ts';
import { createReactor, type Reactor } from '../../linux/reactor/reactor.ts';
import { type HostPodNetwork, openPodNetwork } from './host-network.ts';
import { hostLinkName } from './pod-side.ts';

const isRoot = process.getuid?.() === 0;
const hostName = `pw-h-${process.pid}`;
const bridge = 'vmw0';
const link = hostLinkName(bridge, 'a');

function onHost(...argv: string[]): string {
  return execFileSync('ip', ['netns', 'exec', hostName, ...argv], { encoding: 'utf8', timeout: 10_000 });
}

describe('drift of the pod network', { skip: isRoot ? false : 'needs root' }, () => {
  let directory: string;
  let host: Fd;
  let reactor: Reactor;
  let files: FileWatcher;
  let network: HostPodNetwork;
  let told: {
    readonly pod: string | undefined;
    readonly message: string;
    readonly reason: string;
    readonly tookMs: number;
  }[];
  let policy: DriftPolicy;

  before(() => {
    execFileSync('ip', ['netns', 'add', hostName], { timeout: 10_000 });
    host = openNamespace(`/run/netns/${hostName}`, 'net');
    reactor = createReactor();
    files = createFileWatcher({ reactor });
  });
  after(() => {
    files.close();
    reactor.close();
    host.close();
    execFileSync('ip', ['netns', 'del', hostName], { timeout: 10_000 });
    assert.deepEqual(openFds(), []);
  });
  beforeEach(async () => {
    told = [];
    policy = 'repair';
    directory = mkdtempSync(join(tmpdir(), 'vmlet-pw-'));
    network = await openPodNetwork({
      runDir: join(directory, 'run'),
      stateDir: join(directory, 'state'),
      bridge,
      cidr: '10.95.0.0/24',
      cidrV6: 'fd99:4::/64',
      logger: silentLogger,
      hostNetns: host,
      watch: {
        reactor,
        files,
        resyncMs: 3_600_000,
        policy: () => policy,
        onFinding(finding, pod) {
          const { message, reason } = describeFinding(finding);
          told.push({ pod: pod?.uid, message, reason, tookMs: finding.kind === 'repaired' ? finding.tookMs : 0 });
        },
      },
    });
    await network.setup({ uid: 'a', namespace: 'default', name: 'a' });
  });
  afterEach(async () => {
    await network.retainOnly(new Set());
    await network.removeHost();
    rmSync(directory, { recursive: true });
  });

  async function hears(pod: string | undefined, pattern: RegExp): Promise<(typeof told)[number]> {
    const heard = await pollUntil(() => told.find((one) => one.pod === pod && pattern.test(one.message)), {
      timeoutMs: 5000,
      intervalMs: 2,
      doing: `hearing ${String(pattern)}; told: ${JSON.stringify(told)}`,
    });
    // 100 ms on a machine that has nothing else to do; this one runs other tests too.
    assert.ok(heard.tookMs <= 1000, `${heard.message} took ${heard.tookMs} ms`);
    return heard;
  }

  test('our own set-up is no finding', async () => {
    await network.setup({ uid: 'b', namespace: 'default', name: 'b' });
    await network.teardown('b');
    onHost('ip', 'link', 'set', bridge, 'mtu', '1300');
    await hears(undefined, /MTU/);
    assert.equal(told.length, 1, JSON.stringify(told));
  });

  test('forwarding that somebody switched off, with who', async () => {
    onHost('sysctl', '-qw', 'net.ipv4.ip_forward=0');
    const { message } = await hears(undefined, /net\/ipv4\/ip_forward to 1 \(was 0\)/);
    assert.match(message, files.namesWriter ? /what (sysctl \(pid|pid) \d+/ : /what was changed/);
    onHost('sysctl', '-qw', 'net.ipv6.conf.all.forwarding=0');
    await hears(undefined, /net\/ipv6\/conf\/all\/forwarding to 1/);
    assert.equal(onHost('sysctl', '-n', 'net.ipv4.ip_forward').trim(), '1');
  });

  test('a firewall flushed as others do it at their start, with who; theirs stays as it is', async () => {
    onHost(
      'nft',
      'flush ruleset; add table inet theirs; add chain inet theirs c; add rule inet theirs c tcp dport 1 drop',
    );
    const { message } = await hears(undefined, /load nftables table inet vmw0, load nftables table bridge vmw0/);
    assert.match(message, /what nft \(pid \d+\) changed/);
    assert.match(onHost('nft', 'list', 'table', 'inet', 'theirs'), /tcp dport 1 drop/);
    assert.match(onHost('nft', 'list', 'table', 'bridge', bridge), new RegExp(link));
    onHost('nft', 'delete', 'table', 'inet', 'theirs');
  });

  test('bridge and pairs', async () => {
    onHost('ip', 'link', 'del', bridge);
    await hears(undefined, /create bridge/);
    await hears('a', /port of vmw0/);
    onHost('ip', 'link', 'del', link);
    await hears('a', /create link vml/);
    onHost('ip', 'link', 'set', link, 'alias', 'mine');
    await hears('a', /note on link vml\w+: vmlet pod a/);
    onHost('ip', 'addr', 'del', '10.95.0.1/24', 'dev', bridge);
    await hears(undefined, /add address 10\.95\.0\.1\/24/);
    onHost('busybox', 'ping', '-c1', '-W1', '10.95.0.2');
  });

  test('a VM that wants it told only, or not at all', async () => {
    policy = 'report';
    onHost('ip', 'link', 'set', link, 'mtu', '1300');
    const { reason } = await hears('a', /MTU 1500/);
    assert.equal(reason, 'DriftFound');
    assert.match(onHost('ip', 'link', 'show', link), /mtu 1300/);
    policy = 'repair';
    onHost('ip', 'link', 'set', link, 'mtu', '1310');
    await pollUntil(() => (/mtu 1500/.test(onHost('ip', 'link', 'show', link)) ? true : undefined), {
      timeoutMs: 5000,
      doing: 'the repair',
    });
  });

  test('a fight is given up for a while and told', async () => {
    await pollUntil(
      () => {
        onHost('ip', 'link', 'set', link, 'mtu', '1300');
        return told.find(({ reason }) => reason === 'DriftFlapping');
      },
      { timeoutMs: 8000, intervalMs: 60, doing: 'the word of a fight' },
    );
    assert.equal(network.plan().length, 1, 'it rests');
    // The bridge is another matter.
    onHost('ip', 'link', 'set', bridge, 'down');
    await hears(undefined, /set link vmw0: up/);
  });
});
