import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { openFds } from '../../../linux/fd/fd.ts';
import { openNamespace } from '../../../linux/namespace/namespace.ts';
import { machineInput } from '../testing/machines.ts';
import { applyNetworkOps } from './apply.ts';
import { describeOp } from './describe.ts';
import { openNetworkSession } from './session.ts';
import { ensureVmNetwork, planVmNetwork, removeVmNetwork } from './vm-network.ts';

const isRoot = process.getuid?.() === 0;
const pod = `vlaw-${process.pid}`;

function run(...argv: string[]): string {
  return execFileSync('ip', ['netns', 'exec', pod, ...argv], { encoding: 'utf8', timeout: 10_000 });
}

/** A pod with a bridge, a port and tables of somebody else's. */
function createPod(): void {
  const links = [
    'link add eth0 address 0a:58:0a:f4:00:05 mtu 1450 type veth peer name far0',
    'link set eth0 up',
    'addr add 10.244.0.5/24 dev eth0',
    'addr add fd44::5/64 dev eth0 nodad',
    'link add foreign0 address 02:ff:ff:ff:ff:01 type bridge',
    'link add foreign1 type veth peer name foreign2',
    'link set foreign1 master foreign0',
    'link set foreign0 up',
    'addr add 192.0.2.1/24 dev foreign0',
  ];
  execFileSync('ip', ['netns', 'add', pod], { timeout: 10_000 });
  execFileSync('ip', ['-n', pod, '-batch', '-'], { input: links.join('\n'), timeout: 10_000 });
  loadForeignTable();
}

function loadForeignTable(): void {
  run('nft', 'add table inet foreign; add chain inet foreign input; add rule inet foreign input tcp dport 1 drop');
}

/** All that is not the VM's, as `ip` and `nft` tell. */
function foreign(): unknown {
  const links = JSON.parse(run('ip', '-j', 'addr', 'show')) as { ifname: string; addr_info: object[] }[];
  return {
    links: links
      .filter(({ ifname }) => ifname.startsWith('foreign'))
      // Which appear a moment after the link is up.
      .map((link) => ({ ...link, addr_info: link.addr_info.filter((info) => !JSON.stringify(info).includes('fe80')) })),
    table: run('nft', 'list', 'table', 'inet', 'foreign'),
  };
}

function linkNames(): string {
  const links = JSON.parse(run('ip', '-j', 'link')) as { ifname: string; address: string; mtu: number }[];
  return links
    .map(({ ifname, address, mtu }) => `${ifname} ${ifname.startsWith('eth') ? `${address} ${mtu}` : ''}`)
    .toSorted()
    .join('\n');
}

/** What others do to a pod between two looks. */
const disturbances = {
  none: () => undefined,
  // As container engines and firewalls do when they are restarted: everything goes, and they load their own again.
  flush: () => {
    run('nft', 'flush', 'ruleset');
    loadForeignTable();
  },
  'delete tap0': () => ifThere('ip', 'link', 'del', 'tap0'),
  'delete the bridge': () => ifThere('ip', 'link', 'del', 'k6t-eth0'),
  'tap0 down': () => ifThere('ip', 'link', 'set', 'tap0', 'down', 'nomaster'),
  forwarding: () => run('sysctl', '-qw', 'net.ipv4.ip_forward=0', 'net.ipv6.conf.all.forwarding=0'),
} as const;

function ifThere(...argv: string[]): void {
  try {
    execFileSync('ip', ['netns', 'exec', pod, ...argv], { timeout: 10_000, stdio: 'ignore' });
  } catch {
    // The random VM has no such link, or it was not made yet.
  }
}

describe('the laws of the loop on the kernel', { skip: isRoot ? false : 'needs root' }, () => {
  test('any VM: cut off, disturbed, finished, the same again, and taken away; foreign objects untouched', () => {
    fc.assert(
      fc.property(
        machineInput,
        fc.nat(100),
        fc.constantFrom(...(Object.keys(disturbances) as (keyof typeof disturbances)[])),
        ({ vmi }, share, disturbance) => {
          createPod();
          try {
            const before = linkNames();
            const theirs = foreign();
            using netns = openNamespace(`/run/netns/${pod}`, 'net');
            const ops = planVmNetwork(vmi, netns);
            const cut = Math.ceil((ops.length * share) / 100);
            {
              using session = openNetworkSession(netns);
              applyNetworkOps(session, ops.slice(0, cut));
            }
            disturbances[disturbance]();
            const doing = `${disturbance} after ${cut} of ${ops.length}: ${ops.slice(0, cut).map(describeOp).at(-1) ?? ''}`;
            ensureVmNetwork(vmi, netns);
            assert.deepEqual(planVmNetwork(vmi, netns).map(describeOp), [], doing);
            assert.deepEqual(ensureVmNetwork(vmi, netns).steps, [], doing);
            assert.deepEqual(foreign(), theirs, doing);
            removeVmNetwork(vmi, netns);
            assert.deepEqual(foreign(), theirs, doing);
            assert.equal(linkNames(), before, doing);
            assert.doesNotMatch(run('nft', 'list', 'tables'), /vmlet/);
          } finally {
            execFileSync('ip', ['netns', 'del', pod], { timeout: 10_000 });
          }
        },
      ),
      { numRuns: 25 },
    );
    assert.deepEqual(openFds(), []);
  });
});
