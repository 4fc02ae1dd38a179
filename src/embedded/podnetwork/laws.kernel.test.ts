/**
 * The laws of plan, apply and observe for the pod network, on the kernel: after apply the plan is empty; a start cut off
 * at any step is finished by the next; whatever was disturbed is put back; what is not ours is never touched.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import * as fc from 'fast-check';
import { silentLogger } from '../../base/logger.ts';
import { type Fd, openFds } from '../../linux/fd/fd.ts';
import { isNamespaceFile, openNamespace } from '../../linux/namespace/namespace.ts';
import { applyPodNetworkOps } from './apply.ts';
import { describeOp, reasonOf } from './describe.ts';
import { type HostPodNetwork, openPodNetwork } from './host-network.ts';
import { type HostSettings, type HostSide, hostSpec, openHostSide } from './host-side.ts';
import type { PodNetworkOp } from './model.ts';
import { observeHost, observeLink, observePod } from './observe.ts';
import { planHost } from './plan-host.ts';
import { planPod } from './plan-pod.ts';
import { hostLinkName, podSpec, type TakenNics } from './pod-side.ts';

const isRoot = process.getuid?.() === 0;
const hostName = `pl-h-${process.pid}`;
const bridge = 'vml0';
const uid = 'law-pod';
const link = hostLinkName(bridge, uid);
const settings: HostSettings = { bridge, cidr: '10.96.0.0/24', cidrV6: 'fd99:3::/64', mtu: 1500, guards: true };
const takenNics: TakenNics = {
  notePrefix: 'vmlet-nic',
  form: ({ name, macAddress }) => ({ name: 'eth0-nic', alias: `vmlet-nic ${name} ${macAddress}` }),
};

function onHost(...argv: string[]): string {
  return execFileSync('ip', ['netns', 'exec', hostName, ...argv], { encoding: 'utf8', timeout: 10_000 });
}

function ifThere(...argv: string[]): void {
  try {
    execFileSync('ip', ['netns', 'exec', hostName, ...argv], { timeout: 10_000, stdio: 'ignore' });
  } catch {
    // Taken away by an earlier disturbance.
  }
}

/** All that is not ours. */
function foreign(): unknown {
  const links = JSON.parse(onHost('ip', '-j', 'addr', 'show')) as { ifname: string; addr_info: object[] }[];
  return {
    links: links
      .filter(({ ifname }) => ifname.startsWith('own'))
      // Link-local addresses appear a moment after the link is up.
      .map(({ addr_info, ...rest }) => ({
        ...rest,
        addr_info: addr_info.filter((info) => !JSON.stringify(info).includes('fe80')),
      })),
    table: onHost('nft', 'list', 'table', 'inet', 'own'),
    bridgeTable: onHost('nft', 'list', 'table', 'bridge', 'own'),
  };
}

describe('the laws of the pod network', { skip: isRoot ? false : 'needs root' }, () => {
  let host: Fd;
  let directory: string;
  let netnsPath: string;

  before(() => {
    execFileSync('ip', ['netns', 'add', hostName], { timeout: 10_000 });
    onHost('ip', 'link', 'add', 'own0', 'address', '02:ff:00:00:00:01', 'type', 'bridge');
    onHost('ip', 'link', 'add', 'own1', 'type', 'veth', 'peer', 'name', 'own2');
    onHost('ip', 'link', 'set', 'own1', 'master', 'own0');
    onHost('ip', 'link', 'set', 'own0', 'up');
    onHost('ip', 'addr', 'add', '192.0.2.1/24', 'dev', 'own0');
    onHost(
      'nft',
      'add table inet own; add chain inet own c; add rule inet own c tcp dport 1 drop; add table bridge own',
    );
    host = openNamespace(`/run/netns/${hostName}`, 'net');
    directory = mkdtempSync(join(tmpdir(), 'vmlet-pl-'));
    mkdirSync(join(directory, 'netns'));
    netnsPath = join(directory, 'netns', uid);
  });
  after(() => {
    host.close();
    execFileSync('ip', ['netns', 'del', hostName], { timeout: 10_000 });
    rmSync(directory, { recursive: true });
    assert.deepEqual(openFds(), []);
  });

  const open = (): Promise<HostPodNetwork> =>
    openPodNetwork({
      runDir: directory,
      stateDir: directory,
      bridge,
      cidr: settings.cidr,
      cidrV6: 'fd99:3::/64',
      logger: silentLogger,
      hostNetns: host,
      takenNics,
    });
  const pod = { uid, namespace: 'default', name: 'pod' };

  function planAll(side: HostSide): { readonly forHost: PodNetworkOp[]; readonly forPod: PodNetworkOp[] } {
    const spec = hostSpec(settings, []);
    const wanted = podSpec({ uid, number: 2 }, settings, takenNics);
    using files = new DisposableStack();
    const pinned = isNamespaceFile(netnsPath);
    const netns = pinned ? files.use(openNamespace(netnsPath, 'net')) : undefined;
    const bridgeIndex = observeLink(side.route, bridge)?.index;
    return {
      forHost: planHost(spec, observeHost(side, spec)),
      forPod: planPod(wanted, observePod(side, wanted, { netns, pinned, bridgeIndex })),
    };
  }

  test('a start cut off at any step is finished by the next, and nothing of others is touched', async () => {
    const theirs = foreign();
    for (let cut = 0, steps = 1; cut <= steps; cut++) {
      let doing = '';
      {
        using side = openHostSide(host);
        const { forHost, forPod } = planAll(side);
        const ops = [...forHost, ...forPod].slice(0, cut);
        steps = forHost.length + forPod.length;
        doing = `after ${cut} of ${steps} steps, ${ops.map(describeOp).at(-1) ?? 'none'}`;
        applyPodNetworkOps(side, ops, { netnsPath, netns: undefined });
      }
      const network = await open();
      assert.deepEqual((await network.setup(pod)).ips, ['10.96.0.2', 'fd99:3::2'], doing);
      assert.deepEqual(network.plan(), [], doing);
      assert.deepEqual(network.repair(), [], doing);
      onHost('busybox', 'ping', '-c1', '-W1', '10.96.0.2');
      await network.retainOnly(new Set());
      await network.removeHost();
      assert.deepEqual(foreign(), theirs, doing);
      assert.doesNotMatch(onHost('ip', '-br', 'link'), /vml/, doing);
      assert.doesNotMatch(onHost('nft', 'list', 'tables'), /vml0/, doing);
    }
  });

  /** What others do, on the host and in the pod. */
  const inPod = (...argv: string[]): void => {
    try {
      execFileSync('nsenter', [`--net=${netnsPath}`, ...argv], { timeout: 10_000, stdio: 'ignore' });
    } catch {
      // As above.
    }
  };
  const disturbances = {
    'delete the bridge': () => ifThere('ip', 'link', 'del', bridge),
    'bridge down': () => ifThere('ip', 'link', 'set', bridge, 'down'),
    'bridge alias': () => ifThere('ip', 'link', 'set', bridge, 'alias', 'x'),
    'bridge MTU': () => ifThere('ip', 'link', 'set', bridge, 'mtu', '1300'),
    'bridge addresses': () => ifThere('ip', 'addr', 'flush', 'dev', bridge),
    'another address': () => ifThere('ip', 'addr', 'add', '10.95.0.1/24', 'dev', bridge),
    'flush our tables': () => {
      ifThere('nft', 'flush', 'table', 'inet', bridge);
      ifThere('nft', 'delete', 'table', 'bridge', bridge);
    },
    'an element of the guard': () => ifThere('nft', 'flush', 'set', 'bridge', bridge, 'ports'),
    forwarding: () => ifThere('sysctl', '-qw', 'net.ipv4.ip_forward=0', 'net.ipv6.conf.all.forwarding=0'),
    'delete the pair': () => ifThere('ip', 'link', 'del', link),
    'pair out of the bridge': () => ifThere('ip', 'link', 'set', link, 'nomaster', 'down'),
    'no hairpin': () => ifThere('ip', 'link', 'set', link, 'type', 'bridge_slave', 'hairpin', 'off'),
    'alias of the pair': () => ifThere('ip', 'link', 'set', link, 'alias', 'somebody'),
    'pod addresses': () => inPod('ip', 'addr', 'flush', 'dev', 'eth0'),
    'pod link down': () => inPod('ip', 'link', 'set', 'eth0', 'down'),
    'pod MAC address': () => inPod('ip', 'link', 'set', 'eth0', 'address', '02:11:11:11:11:11'),
    'pod route': () => inPod('ip', 'route', 'del', 'default'),
    'delete eth0': () => inPod('ip', 'link', 'del', 'eth0'),
    'file of the namespace': () => execFileSync('umount', ['--lazy', netnsPath], { timeout: 10_000 }),
  } as const;

  test('whatever is disturbed is put back in one repair', async () => {
    const theirs = foreign();
    const network = await open();
    await network.setup(pod);
    const names = Object.keys(disturbances) as (keyof typeof disturbances)[];
    for (const name of names) {
      disturbances[name]();
      assert.notDeepEqual(network.plan(), [], `${name} is seen`);
      network.repair();
      assert.deepEqual(network.plan(), [], name);
      onHost('busybox', 'ping', '-c1', '-W2', '10.96.0.2');
    }
    fc.assert(
      fc.property(
        fc.shuffledSubarray(
          names.filter((name) => name !== 'file of the namespace'),
          { minLength: 2 },
        ),
        (chosen) => {
          chosen.forEach((name) => disturbances[name]());
          network.repair();
          assert.deepEqual(network.plan(), [], chosen.join(', '));
        },
      ),
      { numRuns: 25 },
    );
    onHost('busybox', 'ping', '-c1', '-W2', '10.96.0.2');
    assert.deepEqual(foreign(), theirs);
    await network.retainOnly(new Set());
    await network.removeHost();
    assert.deepEqual(foreign(), theirs);
  });

  test('a NIC that a VM took over is left alone, and made again in its form when it is lost', async () => {
    const network = await open();
    await network.setup(pod);
    const note = `vmlet-nic eth0 0a:58:0a:60:00:02`;
    inPod('ip', 'link', 'set', 'eth0', 'alias', note);
    inPod('ip', 'link', 'set', 'eth0', 'down');
    inPod('ip', 'link', 'set', 'eth0', 'name', 'eth0-nic');
    inPod('ip', 'addr', 'flush', 'dev', 'eth0-nic');
    inPod('ip', 'link', 'set', 'eth0-nic', 'address', '02:22:22:22:22:22');
    assert.deepEqual(network.plan(), []);
    // The stand-in of its name.
    inPod('ip', 'link', 'add', 'eth0', 'type', 'bridge');
    assert.deepEqual(network.plan(), []);
    ifThere('ip', 'link', 'del', link);
    network.repair();
    assert.deepEqual(network.plan(), []);
    const links = execFileSync('nsenter', [`--net=${netnsPath}`, 'ip', 'link'], { encoding: 'utf8', timeout: 10_000 });
    assert.match(links, /eth0-nic@if\d+/);
    assert.ok(links.includes(note));
    await network.retainOnly(new Set());
    await network.removeHost();
  });

  test("somebody else's bridge of our name is a conflict, said in words, and stays", async () => {
    onHost('ip', 'link', 'add', bridge, 'type', 'bridge');
    await assert.rejects(open(), { code: 'LinkConflict' });
    onHost('ip', 'link', 'del', bridge);
  });

  test('each step says what it does and why', () => {
    using side = openHostSide(host);
    const { forHost, forPod } = planAll(side);
    const ops = [...forHost, ...forPod];
    assert.ok(ops.length > 15);
    for (const op of ops) {
      assert.ok(describeOp(op).length > 5 && reasonOf(op).length > 5);
    }
  });
});
