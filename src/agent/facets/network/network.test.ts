import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { checkLaws } from '../testing/laws.ts';
import { machineInput, podNic } from '../testing/machines.ts';
import { networkFacet } from './facet.ts';
import { FakeNetwork } from './fake-network.test-helper.ts';
import type { NetworkOp, NetworkSpec, ObservedNetwork } from './model.ts';
import { planNetwork, planNetworkRemoval } from './plan.ts';
import { compileNetwork, podInterfacesOf } from './spec.ts';

const namespaceSysctls = fc.record(
  {
    'net/ipv4/ip_forward': fc.constantFrom('0', '1'),
    'net/ipv4/conf/all/send_redirects': fc.constant('1'),
    'net/ipv4/conf/all/arp_ignore': fc.constant('0'),
    'net/ipv6/conf/all/forwarding': fc.constantFrom('0', '1'),
    'net/bridge/bridge-nf-call-iptables': fc.constant('1'),
    'net/bridge/bridge-nf-call-ip6tables': fc.constantFrom('0', '1'),
  },
  {
    requiredKeys: [
      'net/ipv4/ip_forward',
      'net/ipv4/conf/all/send_redirects',
      'net/ipv4/conf/all/arp_ignore',
      'net/ipv6/conf/all/forwarding',
    ],
  },
);

interface Case {
  readonly spec: NetworkSpec;
  readonly kernel: FakeNetwork;
  readonly plan: (observed: ObservedNetwork) => readonly NetworkOp[];
}

/** A pod as its pod network made it, with a bridge, a port and a table of somebody else's in it. */
const cases: fc.Arbitrary<Case> = fc.tuple(machineInput, podNic, namespaceSysctls).map(([{ vmi }, nic, sysctls]) => {
  const podNics = podInterfacesOf(vmi).map((name) => ({ ...nic, name }));
  const spec = compileNetwork(vmi, { podNics });
  const kernel = new FakeNetwork({ podNics, sysctls });
  const theirs = { kind: 'bridge', macAddress: '02:ff:ff:ff:ff:ff', mtu: 1500, up: true, alias: 'of another program' };
  const bridge = { ...theirs, index: 90, name: 'foreign0', master: undefined, learning: undefined };
  kernel.addLink({ ...bridge, tapOwner: undefined, addresses: ['192.0.2.1/24'] });
  kernel.addLink({
    ...bridge,
    index: 91,
    name: 'foreign1',
    kind: 'veth',
    master: 'foreign0',
    tapOwner: undefined,
    addresses: [],
  });
  kernel.addTable({ family: 'inet', name: 'foreign', sets: [], chains: [] });
  return { spec, kernel, plan: (observed) => planNetwork(spec, observed) };
});

function assertOnlyOurs(ops: readonly NetworkOp[]): void {
  for (const op of ops) {
    assert.doesNotMatch(JSON.stringify(op), /foreign/);
  }
}

test('setup: empty after apply, the same twice, finished after a cut anywhere, foreign objects untouched', () => {
  fc.assert(
    fc.property(cases, ({ kernel, plan }) => {
      assertOnlyOurs(plan(kernel.observe()));
      checkLaws(kernel, plan);
    }),
    { numRuns: 1000 },
  );
});

test('repair: whatever somebody took away or changed is put back, from a cut anywhere too', () => {
  const disturbance = fc.constantFrom('delete-links', 'flush', 'rules', 'down', 'settings', 'orphan', 'steal' as const);
  fc.assert(
    fc.property(
      cases,
      fc.array(disturbance, { minLength: 1, maxLength: 3 }),
      ({ spec, kernel, plan }, disturbances) => {
        const settled = checkLaws(kernel, plan) as FakeNetwork;
        const wanted = settled.links();
        for (const kind of disturbances) {
          settled.disturb(kind, spec.mark);
        }
        assertOnlyOurs(plan(settled.observe()));
        const repaired = checkLaws(settled, plan) as FakeNetwork;
        assert.equal(repaired.links().length, wanted.length);
        assert.deepEqual(repaired.observe().table, spec.table);
      },
    ),
    { numRuns: 300 },
  );
});

test('removal, after a setup cut off anywhere, gives the pod its links back as they were', () => {
  fc.assert(
    fc.property(cases, fc.nat(100), ({ spec, kernel, plan }, share) => {
      const before = kernel.links();
      const cutOff = kernel.clone();
      const ops = plan(kernel.observe());
      ops.slice(0, Math.ceil((ops.length * share) / 100)).forEach((op) => cutOff.apply(op));
      const removal = planNetworkRemoval(spec, cutOff.observe());
      assertOnlyOurs(removal);
      removal.forEach((op) => cutOff.apply(op));
      assert.deepEqual(planNetworkRemoval(spec, cutOff.observe()), []);
      assert.deepEqual(cutOff.links(), before);
      assert.deepEqual(cutOff.foreign(), kernel.foreign());
    }),
    { numRuns: 1000 },
  );
});

test('explain has every operation of a start from a sandbox that is not there yet', () => {
  fc.assert(
    fc.property(machineInput, (input) => {
      const host = {
        emulationReason: undefined,
        sandboxUid: 107,
        sandboxPidsMax: undefined,
        vhostNet: false,
        cgroupVersion: 'v2',
        cpus: [0],
      } as const;
      const spec = networkFacet.compile(input, networkFacet.assume(input, host), {});
      const ops = networkFacet.plan(spec, networkFacet.nothing(spec));
      assert.equal(
        ops.some(({ kind }) => kind === 'create-tap'),
        spec.interfaces.length > 0,
      );
      for (const op of ops) {
        assert.notEqual(networkFacet.describe(op), '');
        assert.notEqual(networkFacet.reason(op), '');
      }
    }),
    { numRuns: 200 },
  );
});
