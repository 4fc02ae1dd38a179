/** The plans on a kernel in memory: from any state to the wanted one, also when cut off, and then nothing is left to do. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { describeOp } from './describe.ts';
import { guardTable } from './guard.ts';
import { hostSpec, type HostSettings } from './host-side.ts';
import type { HostSpec, ObservedHost, ObservedLink, ObservedPod, PodNetworkOp, PodSpec } from './model.ts';
import { planHost } from './plan-host.ts';
import { planPod } from './plan-pod.ts';
import { podSpec } from './pod-side.ts';

const settings: HostSettings = { bridge: 'vmlet0', cidr: '10.0.0.0/24', cidrV6: 'fd00::/64', mtu: 1450, guards: true };
const port = { hostLink: 'vml0', macAddresses: ['0a:58:0a:00:00:02'], addresses: ['10.0.0.2', 'fd00::2'] };
const other = { hostLink: 'vml1', macAddresses: ['0a:58:0a:00:00:03'], addresses: ['10.0.0.3', 'fd00::3'] };
const host = hostSpec(settings, [port]);
const pod = podSpec({ uid: 'p', number: 2 }, settings, {
  notePrefix: 'vmlet-nic',
  form: ({ name }) => ({ name: `${name}-nic`, alias: `vmlet-nic ${name} facts` }),
});

const bare: ObservedLink = {
  index: 0,
  name: '',
  kind: 'veth',
  macAddress: undefined,
  mtu: 1500,
  up: false,
  master: undefined,
  alias: undefined,
  peer: undefined,
  hairpin: false,
};

function applyToHost(observed: ObservedHost, op: PodNetworkOp): ObservedHost {
  const bridge = observed.bridge ?? bare;
  switch (op.kind) {
    case 'create-bridge':
      return {
        ...observed,
        bridge: { ...bare, index: 9, name: op.link, kind: 'bridge', macAddress: op.macAddress, mtu: op.mtu },
      };
    case 'set-alias':
      return { ...observed, bridge: { ...bridge, alias: op.alias } };
    case 'set-link': {
      const { master: _master, ...change } = op.change;
      return { ...observed, bridge: { ...bridge, ...change } };
    }
    case 'add-address':
      return { ...observed, addresses: [...observed.addresses, op.address] };
    case 'delete-address':
      return { ...observed, addresses: observed.addresses.filter((address) => address !== op.address) };
    case 'set-sysctl':
      return { ...observed, sysctls: new Map(observed.sysctls).set(op.key, op.value) };
    case 'load-table':
      return op.table.family === 'bridge' ? { ...observed, guard: op.table } : { ...observed, table: op.table };
    case 'change-guard': {
      const { guard } = observed;
      assert.ok(guard !== undefined);
      const sets = guard.sets.map((set) => {
        const removed = new Set(
          op.remove
            .filter((entry) => entry.set.name === set.name)
            .flatMap(({ elements }) => elements.map(({ key }) => key)),
        );
        const added = op.add.filter((entry) => entry.set.name === set.name).flatMap(({ elements }) => elements);
        return { ...set, elements: [...set.elements.filter(({ key }) => !removed.has(key)), ...added] };
      });
      return { ...observed, guard: { ...guard, sets } };
    }
    default:
      throw new Error(`${op.kind} is no step of the host's half`);
  }
}

const nothing: ObservedHost = {
  bridge: undefined,
  addresses: [],
  sysctls: new Map(),
  advertisementListeners: ['up0'],
  table: undefined,
  guard: undefined,
};

const finish = (spec: HostSpec, from: ObservedHost): ObservedHost => planHost(spec, from).reduce(applyToHost, from);
const wantedHost = finish(host, nothing);

/** The host as it may be found: parts of it gone or changed. */
const anyHost: fc.Arbitrary<ObservedHost> = fc.record({
  bridge: fc.option(
    fc.record({
      index: fc.constant(9),
      name: fc.constant('vmlet0'),
      kind: fc.constant('bridge'),
      macAddress: fc.constant(host.macAddress),
      mtu: fc.constantFrom(1300, 1450, 1500),
      up: fc.boolean(),
      master: fc.constant(undefined),
      alias: fc.constantFrom(undefined, host.mark, 'somebody'),
      peer: fc.constant(undefined),
      hairpin: fc.constant(false),
    }),
    { nil: undefined },
  ),
  addresses: fc.subarray(['10.0.0.1/24', 'fd00::1/64', '10.9.9.9/24']),
  sysctls: fc
    .array(fc.tuple(fc.constantFrom(...host.sysctls.map(({ key }) => key)), fc.constantFrom('0', '1')))
    .map((entries) => new Map(entries)),
  advertisementListeners: fc.constant([]),
  table: fc.constantFrom(undefined, host.table, { ...host.table, chains: [] }),
  guard: fc.constantFrom(
    undefined,
    host.guard,
    guardTable({ name: 'vmlet0', gatewayMac: host.macAddress, ports: [port, other] }),
    guardTable({ name: 'vmlet0', gatewayMac: host.macAddress, ports: [] }),
    { ...(host.guard ?? host.table), chains: [] },
  ),
});

test('the host from any state: then the plan is empty, also after a cut anywhere', () => {
  fc.assert(
    fc.property(anyHost, fc.nat(30), (found, cut) => {
      const start = found.bridge === undefined ? { ...found, addresses: [] } : found;
      const ops = planHost(host, start);
      const done = ops.reduce(applyToHost, start);
      assert.deepEqual(planHost(host, done).map(describeOp), []);
      const half = ops.slice(0, cut).reduce(applyToHost, start);
      assert.deepEqual(planHost(host, finish(host, half)).map(describeOp), []);
    }),
    { numRuns: 300 },
  );
});

test('pods that come and go are elements; the rules stay as they are', () => {
  const more = hostSpec(settings, [port, other]);
  assert.deepEqual(
    planHost(more, wantedHost).map(({ kind }) => kind),
    ['change-guard'],
  );
  const back = finish(more, wantedHost);
  assert.deepEqual(planHost(host, back).map(describeOp), [
    'change nftables table bridge vmlet0: 0 elements more, 7 less',
  ]);
  const unguarded = hostSpec({ ...settings, guards: false }, [port]);
  assert.deepEqual(planHost(unguarded, { ...wantedHost, guard: undefined }), []);
});

test("somebody else's link of the bridge's name stops everything", () => {
  for (const change of [
    { kind: 'dummy' },
    { macAddress: '02:00:00:00:00:01', alias: undefined },
    { macAddress: '02:00:00:00:00:01', alias: 'vmlet pod network other' },
  ]) {
    assert.throws(
      () => planHost(host, { ...wantedHost, bridge: { ...bare, name: 'vmlet0', kind: 'bridge', ...change } }),
      { code: 'LinkConflict' },
    );
  }
});

test('forwarding IPv6 leaves the host its router advertisements', () => {
  const ops = planHost(host, nothing).map(describeOp);
  const at = (text: string): number => ops.findIndex((op) => op.includes(text));
  assert.ok(at('up0/accept_ra to 2') !== -1 && at('up0/accept_ra') < at('all/forwarding'));
});

/** A pod whose pair is complete and as wanted. */
function wholePod(spec: PodSpec): ObservedPod {
  const values = (list: PodSpec['hostSysctls']): Map<string, string> =>
    new Map(list.map(({ key, value }) => [key, value]));
  const nic: ObservedLink = {
    ...bare,
    index: 2,
    name: 'eth0',
    macAddress: spec.macAddress,
    mtu: spec.mtu,
    up: true,
    peer: 7,
  };
  return {
    hostLink: {
      ...bare,
      index: 7,
      name: spec.hostLink,
      alias: spec.mark,
      mtu: spec.mtu,
      up: true,
      master: 9,
      peer: 2,
      hairpin: true,
    },
    bridgeIndex: 9,
    hostSysctls: values(spec.hostSysctls),
    inside: {
      pinned: true,
      links: [{ ...bare, index: 1, name: 'lo', kind: undefined, up: true }, nic],
      addresses: new Map([['eth0', spec.addresses]]),
      gateways: new Map([['eth0', spec.gateways]]),
      sysctls: values(spec.podSysctls),
    },
  };
}

test('a pod: nothing to do when whole; each part that is lost is one step', () => {
  const whole = wholePod(pod);
  assert.ok(whole.inside !== undefined && whole.hostLink !== undefined);
  const { hostLink, inside } = whole;
  assert.deepEqual(planPod(pod, whole), []);
  const nic = inside.links[1] ?? bare;
  const withNic = (change: Partial<ObservedLink>): ObservedPod => ({
    ...whole,
    inside: { ...inside, links: [inside.links[0] ?? bare, { ...nic, ...change }] },
  });
  const cases: readonly (readonly [ObservedPod, readonly string[]])[] = [
    [
      { ...whole, hostLink: { ...hostLink, up: false, master: undefined } },
      [`set link ${pod.hostLink}: port of vmlet0, up`, `set link ${pod.hostLink}: frames may come back`],
    ],
    [{ ...whole, hostLink: { ...hostLink, alias: 'somebody' } }, [`note on link ${pod.hostLink}: vmlet pod p`]],
    [
      { ...whole, bridgeIndex: 10 },
      [`set link ${pod.hostLink}: port of vmlet0`, `set link ${pod.hostLink}: frames may come back`],
    ],
    [{ ...whole, hostLink: { ...hostLink, hairpin: false } }, [`set link ${pod.hostLink}: frames may come back`]],
    [{ ...whole, inside: { ...inside, pinned: false } }, ['pin the network namespace of pod p again']],
    [
      { ...whole, inside: { ...inside, gateways: new Map([['eth0', ['10.0.0.1']]]) } },
      ['add default route via fd00::1 on eth0 in the pod'],
    ],
    [withNic({ up: false }), ['set link eth0 in the pod: up']],
    [withNic({ mtu: 1300 }), ['set link eth0 in the pod: MTU 1450']],
    [withNic({ alias: 'vmlet-nic eth0 facts', name: 'eth0-nic', up: false, mtu: 1300, macAddress: '02::' }), []],
  ];
  for (const [found, steps] of cases) {
    assert.deepEqual(planPod(pod, found).map(describeOp), steps);
  }
});

test('a pair that is lost is made in the form that its VM has', () => {
  const whole = wholePod(pod);
  assert.ok(whole.inside !== undefined);
  const { inside } = whole;
  const lo = inside.links[0] ?? bare;
  const kinds = (found: ObservedPod): string[] => planPod(pod, found).map(({ kind }) => kind);
  const gone: ObservedPod = {
    ...whole,
    hostLink: undefined,
    inside: { ...inside, links: [lo], addresses: new Map(), gateways: new Map() },
  };
  assert.deepEqual(kinds(gone).slice(0, 2), ['create-pair', 'set-alias']);
  assert.ok(kinds(gone).includes('add-default-route'));
  const bound: ObservedPod = {
    ...gone,
    inside: { ...inside, links: [lo, { ...bare, index: 5, name: 'eth0', kind: 'dummy' }] },
  };
  assert.deepEqual(
    planPod(pod, bound).find(({ kind }) => kind === 'create-pair'),
    {
      kind: 'create-pair',
      link: pod.hostLink,
      bridge: 'vmlet0',
      mtu: 1450,
      peer: { name: 'eth0-nic', macAddress: pod.macAddress },
    },
  );
  assert.ok(!kinds(bound).includes('add-address'));
  assert.throws(() => planPod({ ...pod, taken: undefined }, bound), { code: 'LinkConflict' });
  const foreign: ObservedPod = { ...gone, hostLink: { ...bare, index: 7, name: pod.hostLink, alias: 'somebody' } };
  assert.throws(() => planPod(pod, foreign), { code: 'LinkConflict' });
});
