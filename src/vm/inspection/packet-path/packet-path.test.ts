import assert from 'node:assert/strict';
import { test } from 'node:test';
import { observationOf, quiet, sampleHost, sampleLink, samplePath } from '../testing/path.ts';
import { formatPath } from './format.ts';
import { hasTrouble, judgePath } from './judge.ts';
import type { HostPlace, InterfacePath, NamedLink, PathLink, PathPlace } from './observation.ts';
import { hopKinds, type PathVerdict } from './report.ts';

type Path = typeof samplePath;

function judge(path: InterfacePath, before?: InterfacePath): readonly PathVerdict[] {
  const report = judgePath(observationOf(path, 1300), before === undefined ? undefined : observationOf(before));
  const verdicts = report.paths[0]?.verdicts ?? [];
  const bad = verdicts.some(({ outcome }) => outcome === 'stops' || outcome === 'loses');
  assert.equal(hasTrouble(report), bad);
  for (const { outcome, remedy } of verdicts) {
    assert.equal(outcome === 'passes', remedy === undefined);
  }
  return verdicts;
}

/** `out 4,6 stops TAP`, one for each verdict that is no pass. */
function words(verdicts: readonly PathVerdict[]): string[] {
  return verdicts
    .filter(({ outcome }) => outcome !== 'passes')
    .map(({ direction, families, outcome, hop }) => `${direction} ${families.join()} ${outcome} ${hop}`);
}

const onLink = (named: NamedLink, change: Partial<PathLink>): NamedLink => ({
  ...named,
  link: sampleLink({ ...named.link, ...change }),
});
const onSandbox = (change: Partial<PathPlace>): Path => ({
  ...samplePath,
  sandbox: { ...samplePath.sandbox, ...change },
});
const onHost = (change: Partial<HostPlace>): Path => ({ ...samplePath, host: { ...sampleHost, ...change } });
const onGuest = (change: Partial<InterfacePath['guest']>): Path => ({
  ...samplePath,
  guest: { ...samplePath.guest, ...change },
});
const drops = (direction: 'out' | 'in', place: PathPlace): PathPlace['rules'] =>
  place.rules.map((rule) =>
    rule.direction === direction && rule.family === 4
      ? { ...rule, dropped: 'rule "drop" of chain inet evil forward' }
      : rule,
  );
const untranslated = (direction: 'out' | 'in', place: PathPlace): PathPlace['rules'] =>
  place.rules.map((rule) => (rule.direction === direction ? { ...rule, translated: false } : rule));
const silent = { leases: [] };
const noNeighbours = { neighbours: [] };

const everywhere = (outcome: string, hop: string): string[] => [
  `out 4,6 ${outcome} ${hop}`,
  `in 4,6 ${outcome} ${hop}`,
];

const cases: readonly (readonly [what: string, path: InterfacePath, found: readonly string[], cause?: RegExp])[] = [
  ['nothing', samplePath, []],
  ['guest paused', onGuest({ state: 'paused' }), everywhere('stops', 'guest'), /paused/],
  ['guest gone', onGuest({ state: 'gone' }), everywhere('stops', 'guest'), /does not run/],
  [
    'no DHCP lease and no answer',
    { ...onGuest(silent), sandbox: { ...samplePath.sandbox, ...noNeighbours } },
    ['out 4 stops guest', 'out 6 stops guest', 'in 4 stops guest', 'in 6 stops guest'],
    /no DHCP lease for 10\.0\.2\.2\/24/,
  ],
  ['no lease seen, but the guest answers', onGuest({ leases: ['fd10::2'] }), []],
  [
    'guest without IPv6',
    onGuest({ leases: ['10.0.2.2'] }),
    ['out 6 absent guest', 'in 6 absent guest'],
    /uses no IPv6 address/,
  ],
  [
    'guest that never sent',
    {
      ...onGuest(silent),
      sandbox: { ...samplePath.sandbox, ...noNeighbours },
      tap: onLink(samplePath.tap, { counters: { ...quiet, rxPackets: 0 } }),
    },
    everywhere('stops', 'guest'),
    /not sent a single packet/,
  ],
  ['TAP gone', { ...samplePath, tap: { name: 'tap0', link: undefined } }, everywhere('stops', 'TAP'), /does not exist/],
  [
    'TAP gone, and the guest silent for it',
    { ...onGuest(silent), tap: { name: 'tap0', link: undefined }, sandbox: { ...samplePath.sandbox, ...noNeighbours } },
    everywhere('stops', 'TAP'),
  ],
  [
    'TAP down',
    { ...samplePath, tap: onLink(samplePath.tap, { up: false }) },
    everywhere('stops', 'TAP'),
    /tap0 is down/,
  ],
  [
    'TAP in no bridge',
    { ...samplePath, tap: onLink(samplePath.tap, { master: undefined, portState: undefined }) },
    everywhere('stops', 'TAP'),
    /port of no bridge, not of k6t-eth0/,
  ],
  [
    'TAP blocked',
    { ...samplePath, tap: onLink(samplePath.tap, { portState: 'blocking' }) },
    everywhere('stops', 'TAP'),
  ],
  [
    'queue not attached',
    { ...samplePath, queues: { attached: 0, wanted: 1 } },
    everywhere('stops', 'TAP'),
    /holds no queue of tap0/,
  ],
  ['a queue lost', { ...samplePath, queues: { attached: 3, wanted: 4 } }, everywhere('loses', 'TAP')],
  ['QEMU not looked at', { ...samplePath, queues: undefined }, []],
  [
    'smaller MTU at the TAP',
    { ...samplePath, tap: onLink(samplePath.tap, { mtu: 1300 }) },
    everywhere('loses', 'TAP'),
    /more than 1300 bytes.*the guest was told 1500/,
  ],
  [
    'sandbox bridge down',
    { ...samplePath, bridge: onLink(samplePath.bridge, { up: false }) },
    everywhere('stops', 'sandbox bridge'),
  ],
  [
    'gateway of the guest gone',
    { ...samplePath, bridge: onLink(samplePath.bridge, { addresses: ['fd10::1/120'] }) },
    ['out 4 stops sandbox bridge', 'in 4 stops sandbox bridge'],
    /no IPv4 address: the guest has no gateway/,
  ],
  ['MAC elsewhere', { ...samplePath, guestPort: 'dummy0' }, ['in 4,6 stops sandbox bridge'], /at dummy0, not at tap0/],
  [
    'forwarding off in the sandbox',
    onSandbox({ sysctls: { ...samplePath.sandbox.sysctls, 'net/ipv4/ip_forward': '0' } }),
    ['out 4 stops sandbox forwarding', 'in 4 stops sandbox forwarding'],
    /ip_forward is 0 in the sandbox/,
  ],
  [
    'no route',
    onSandbox({ defaultRoutes: samplePath.sandbox.defaultRoutes.slice(1) }),
    ['out 4 stops sandbox forwarding'],
    /no IPv4 default route/,
  ],
  [
    'the guest is routed elsewhere',
    onSandbox({ routes: [{ address: '10.0.2.2', link: 'eth0' }] }),
    ['in 4 stops sandbox forwarding'],
    /10\.0\.2\.2 is behind k6t-eth0, but the sandbox sends what is for it to eth0/,
  ],
  [
    'no way to the pod, and senders are checked',
    onHost({
      routes: [{ address: '10.1.0.2', link: undefined }],
      sysctls: { ...sampleHost.sysctls, 'net/ipv4/conf/vmlet0/rp_filter': '1' },
    }),
    ['out 4 stops host forwarding', 'in 4 stops host forwarding'],
    /the host has no route to it/,
  ],
  [
    'IPv6 off on the bridge',
    onSandbox({ sysctls: { 'net/ipv6/conf/k6t-eth0/disable_ipv6': '1' } }),
    ['out 6 stops sandbox forwarding', 'in 6 stops sandbox forwarding'],
  ],
  [
    'nft drop in the sandbox',
    onSandbox({ rules: drops('out', samplePath.sandbox) }),
    ['out 4 stops sandbox rules'],
    /nftables drops them: rule "drop" of chain inet evil forward/,
  ],
  [
    'no masquerade in the sandbox',
    onSandbox({ rules: untranslated('out', samplePath.sandbox) }),
    ['out 4,6 stops sandbox rules'],
    /no rule translates the guest's address/,
  ],
  [
    'no DNAT',
    onSandbox({ rules: untranslated('in', samplePath.sandbox) }),
    ['in 4,6 stops sandbox rules'],
    /hands packets/,
  ],
  [
    'connections full',
    onSandbox({ conntrack: { count: 1000, max: 1000 } }),
    everywhere('loses', 'sandbox rules'),
    /1000 of 1000/,
  ],
  ['pod NIC down', { ...samplePath, nic: onLink(samplePath.nic, { up: false }) }, everywhere('stops', 'pod NIC')],
  [
    'pod address gone',
    { ...samplePath, nic: onLink(samplePath.nic, { addresses: ['10.1.0.2/24'] }) },
    ['out 6 stops pod NIC', 'in 6 stops pod NIC'],
  ],
  ['host side unknown', { ...samplePath, host: 'eth0 is a macvlan' }, []],
  ['host veth down', onHost({ peer: onLink(sampleHost.peer, { up: false }) }), everywhere('stops', 'host veth')],
  [
    'host veth in no bridge',
    onHost({ peer: onLink(sampleHost.peer, { master: undefined, portState: undefined }), bridge: undefined }),
    everywhere('stops', 'host veth'),
    /port of no bridge, and no route/,
  ],
  [
    'host veth with a route instead',
    onHost({
      peer: onLink(sampleHost.peer, { master: undefined, portState: undefined }),
      bridge: undefined,
      isRouted: true,
    }),
    [],
  ],
  [
    'host bridge port disabled',
    onHost({ peer: onLink(sampleHost.peer, { portState: 'disabled' }) }),
    everywhere('stops', 'host veth'),
    /is disabled and forwards nothing/,
  ],
  [
    'host bridge down',
    onHost({ bridge: onLink({ name: 'vmlet0', link: sampleLink() }, { up: false }) }),
    everywhere('stops', 'host bridge'),
  ],
  [
    'gateway address gone',
    onHost({ addresses: ['fd76::1'] }),
    ['out 4 stops host bridge'],
    /no link of the host has the gateway's address 10\.1\.0\.1/,
  ],
  [
    'gateway silent',
    onSandbox({
      neighbours: [...samplePath.sandbox.neighbours, { address: '10.1.0.1', link: 'eth0', state: 'failed' }],
    }),
    ['out 4 stops host bridge'],
  ],
  [
    'pod silent',
    onHost({ neighbours: [{ address: '10.1.0.2', link: 'vmlet0', state: 'failed' }] }),
    ['in 4 stops host bridge'],
  ],
  [
    'host ip_forward off',
    onHost({ sysctls: { 'net/ipv4/ip_forward': '0' } }),
    ['out 4 stops host forwarding', 'in 4 stops host forwarding'],
    /this host forwards no IPv4 packets/,
  ],
  [
    'forwarding off on the uplink alone',
    onHost({ sysctls: { ...sampleHost.sysctls, 'net/ipv4/conf/enp1s0/forwarding': '0' } }),
    ['in 4 stops host forwarding'],
  ],
  ['nft drop on the host', onHost({ rules: drops('in', sampleHost) }), ['in 4 stops host rules']],
  [
    'host table missing masquerade',
    onHost({ rules: untranslated('out', sampleHost) }),
    ['out 4 stops host rules', 'out 6 stops host rules'],
    /no rule masquerades 10\.1\.0\.2/,
  ],
  ['masquerade that cannot be seen', onHost({ rules: untranslated('out', sampleHost), hasLegacyRules: true }), []],
  [
    'public addresses need no masquerade',
    {
      ...onHost({ rules: untranslated('out', sampleHost) }),
      podAddresses: ['203.0.113.2/24'],
      nic: onLink(samplePath.nic, { addresses: ['203.0.113.2/24'] }),
    },
    [],
  ],
  [
    'uplink missing',
    onHost({ defaultRoutes: [], uplinks: [] }),
    ['out 4 stops uplink', 'out 6 absent uplink'],
    /no IPv4 default route/,
  ],
  [
    'uplink gone',
    onHost({ uplinks: [{ name: 'enp1s0', link: undefined }] }),
    everywhere('stops', 'uplink'),
    /enp1s0 is gone/,
  ],
  [
    'uplink without a cable',
    onHost({ uplinks: [{ name: 'enp1s0', link: sampleLink({ lowerUp: false }) }] }),
    everywhere('stops', 'uplink'),
    /no carrier/,
  ],
  [
    "the host's gateway silent",
    onHost({ neighbours: [{ address: '192.0.2.1', link: 'enp1s0', state: 'failed' }] }),
    ['out 4 stops uplink'],
  ],
  [
    'the first hop that stops is named, not those behind it',
    { ...onHost({ sysctls: { 'net/ipv4/ip_forward': '0' } }), tap: onLink(samplePath.tap, { up: false }) },
    ['out 4,6 stops TAP', 'in 4 stops host forwarding', 'in 6 stops TAP'],
  ],
  [
    'a hop that stops outweighs one before it that loses',
    { ...samplePath, tap: onLink(samplePath.tap, { mtu: 1300 }), bridge: onLink(samplePath.bridge, { up: false }) },
    everywhere('stops', 'sandbox bridge'),
  ],
];
for (const [what, path, found, cause] of cases) {
  test(`packet path: ${what}`, () => {
    const verdicts = judge(path);
    assert.deepEqual(words(verdicts), found);
    if (cause !== undefined) {
      assert.match(verdicts.map(({ text }) => text).join('\n'), cause);
    }
  });
}

test('a smaller MTU at the uplink is a note: the guest learns it', () => {
  const path = onHost({ uplinks: [{ name: 'enp1s0', link: sampleLink({ mtu: 1400 }) }] });
  assert.deepEqual(words(judge(path)), []);
  assert.match(formatPath(judgePath(observationOf(path)), { color: false }), /note .*MTU of enp1s0 is 1400/);
});

test('bridge binding has no forwarding of its own, its NIC is a port', () => {
  const nic = { name: 'eth0-nic', link: sampleLink({ master: 'k6t-eth0', portState: 'forwarding' }) };
  const bridged: InterfacePath = {
    ...samplePath,
    binding: 'bridge',
    nic,
    sandbox: {
      ...samplePath.sandbox,
      sysctls: { 'net/ipv4/ip_forward': '0' },
      rules: untranslated('out', samplePath.sandbox),
    },
  };
  assert.deepEqual(words(judge(bridged)), []);
  assert.deepEqual(
    words(judge({ ...bridged, nic: onLink(nic, { master: undefined, portState: undefined }) })),
    everywhere('stops', 'pod NIC'),
  );
});

test('what grew between two looks counts: drops of a link, of a rule, of the host', () => {
  const busy = { ...quiet, txDropped: 12, txPackets: 95 };
  assert.deepEqual(words(judge({ ...samplePath, tap: onLink(samplePath.tap, { counters: busy }) }, samplePath)), [
    'in 4,6 loses TAP',
  ]);
  const uplink = onHost({ uplinks: [{ name: 'enp1s0', link: sampleLink({ counters: busy }) }] });
  assert.deepEqual(words(judge(uplink, samplePath)), ['out 4,6 loses uplink']);
  const dropping = onHost({ dropCounters: [{ rule: 'rule "drop" of chain inet x forward', packets: 9 }] });
  const verdicts = judge(dropping, samplePath);
  assert.deepEqual(words(verdicts), everywhere('loses', 'host rules'));
  assert.match(verdicts[0]?.text ?? '', /2 packets were dropped since the look before by rule "drop"/);
  assert.deepEqual(words(judge(onHost({ backlogDropped: 5 }), samplePath)), everywhere('loses', 'host forwarding'));
  assert.deepEqual(words(judge(samplePath, samplePath)), []);
  // Made anew: counts from nothing.
  const anew = { ...samplePath, tap: onLink(samplePath.tap, { counters: { ...quiet, rxPackets: 1, txDropped: 3 } }) };
  assert.deepEqual(words(judge(anew, samplePath)), []);
});

test('the page: verdicts first, then every hop in order with counters', () => {
  const path: InterfacePath = {
    ...samplePath,
    tap: onLink(samplePath.tap, { up: false, counters: { ...quiet, rxPackets: 104 } }),
  };
  const page = formatPath(judgePath(observationOf(path, 1300), observationOf(samplePath)), { color: false });
  assert.match(
    page,
    /^web in lab: path of its packets \(two looks, 300 ms apart\)\n\ndefault \(masquerade\)\n {2}IPv4 and IPv6: packets from the guest reach TAP tap0 and stop there: tap0 is down\n {4}remedy: nsenter -t 4242 -n ip link set tap0 up\n/,
  );
  assert.match(
    page,
    /\n {2}TAP tap0 +mtu 1500, received 104 \(\+4\), sent 90, dropped 0, errors 0, down, port of k6t-eth0, forwarding/,
  );
  const seen = hopKinds.map((kind) => page.indexOf(`\n  ${kind}`));
  assert.ok(seen.every((at) => at > 0));
  assert.deepEqual(
    seen,
    seen.toSorted((one, other) => one - other),
  );
  const odd = judgePath(
    observationOf({ ...samplePath, guest: { ...samplePath.guest, leases: ['\u001b[2J'] }, name: '\u001b[2J' }),
  );
  assert.ok(!formatPath(odd, { color: false }).includes('\u001b'));
  assert.match(formatPath({ ...odd, paths: [] }, { color: false }), /no network interface/);
});
