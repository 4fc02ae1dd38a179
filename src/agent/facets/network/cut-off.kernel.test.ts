import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { openFds } from '../../../linux/fd/fd.ts';
import { openNamespace } from '../../../linux/namespace/namespace.ts';
import type { Interface } from '../../../vm/kinds/virtualmachineinstance/device-types.ts';
import type { VirtualMachineInstance } from '../../../vm/kinds/virtualmachineinstance/types.ts';
import { applyNetworkOps } from './apply.ts';
import { describeOp } from './describe.ts';
import { openNetworkSession } from './session.ts';
import { ensureVmNetwork, planVmNetwork, removeVmNetwork } from './vm-network.ts';

const isRoot = process.getuid?.() === 0;
const pod = `vc-p-${process.pid}`;

function vmiWith(iface: Partial<Interface>): VirtualMachineInstance {
  return {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachineInstance',
    metadata: { name: 'vm', namespace: 'default', uid: '8a1f2c3d-0000-4000-8000-000000000003' },
    spec: {
      domain: { devices: { interfaces: [{ name: 'default', ...iface }] } },
      networks: [{ name: 'default', pod: {} }],
    },
  };
}

function run(...argv: string[]): string {
  return execFileSync('ip', ['netns', 'exec', pod, ...argv], { encoding: 'utf8', timeout: 10_000 });
}

function createPod(): void {
  const commands = [
    'link add eth0 address 0a:58:0a:f4:00:05 mtu 1450 type veth peer name far0',
    'link set eth0 up',
    'addr add 10.244.0.5/24 dev eth0',
    'addr add fd44::5/64 dev eth0 nodad',
    'route add default via 10.244.0.1 proto static',
  ];
  execFileSync('ip', ['netns', 'add', pod], { timeout: 10_000 });
  execFileSync('ip', ['-n', pod, '-batch', '-'], { input: commands.join('\n'), timeout: 10_000 });
}

/** Pod NIC, its addresses and routes as `ip` tells, without what differs from one making to the next. */
function podSide(): unknown {
  const [link] = JSON.parse(run('ip', '-j', 'addr', 'show', 'eth0')) as [
    { address: string; mtu: number; flags: string[]; addr_info: { local: string; scope: string }[] },
  ];
  const addresses = link.addr_info.filter(({ scope }) => scope === 'global').map(({ local }) => local);
  return { mac: link.address, mtu: link.mtu, addresses, routes: run('ip', 'route').trim() };
}

/**
 * A process can be killed between any two steps. Whatever it was, the next one finishes the work, to the same end as
 * without the cut, and a removal after a cut gives the pod NIC back.
 */
describe('a start cut off at any step', { skip: isRoot ? false : 'needs root' }, () => {
  for (const [name, iface] of Object.entries({ masquerade: { masquerade: {} }, bridge: { bridge: {} } })) {
    test(`${name}: is finished by the next, and undone by a removal`, () => {
      const vmi = vmiWith(iface);
      for (let cut = 0, steps = 1; cut <= steps; cut++) {
        createPod();
        try {
          const before = podSide();
          using netns = openNamespace(`/run/netns/${pod}`, 'net');
          const ops = planVmNetwork(vmi, netns);
          steps = ops.length;
          {
            using session = openNetworkSession(netns);
            applyNetworkOps(session, ops.slice(0, cut));
          }
          const doing = `after ${cut} of ${steps} steps, ${ops.slice(0, cut).map(describeOp).at(-1) ?? 'none'}`;
          if (cut % 2 === 0) {
            const [made] = ensureVmNetwork(vmi, netns).interfaces;
            assert.deepEqual(planVmNetwork(vmi, netns).map(describeOp), [], doing);
            assert.equal(made?.macAddress, '0a:58:0a:f4:00:05', doing);
            assert.deepEqual(made.podAddresses.slice(0, 1), ['10.244.0.5'], doing);
          }
          removeVmNetwork(vmi, netns);
          assert.deepEqual(podSide(), before, doing);
          assert.doesNotMatch(run('ip', '-br', 'link'), /tap0|k6t|-nic/, doing);
          assert.equal(run('nft', 'list', 'ruleset').trim(), '', doing);
        } finally {
          execFileSync('ip', ['netns', 'del', pod], { timeout: 10_000 });
        }
      }
      assert.deepEqual(openFds(), []);
    });
  }
});
