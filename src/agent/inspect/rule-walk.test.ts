import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  accept,
  counter,
  ctState,
  daddr,
  dnatTo,
  drop,
  etherSaddr,
  goBack,
  goTo,
  iifname,
  inSet,
  jumpTo,
  limitRate,
  masquerade,
  nfproto,
  not,
  oifname,
  reject,
  rule,
  saddr,
  tcpDport,
} from '../../linux/nftables/build.ts';
import type { BaseChain, Chain, Rule, Table } from '../../linux/nftables/types.ts';
import { addressHex, concatHex, interfaceHex } from '../../linux/nftables/values.ts';
import { walkRules, type WalkedPacket } from './rule-walk.ts';

const packet: WalkedPacket = {
  family: 'ip',
  source: '10.1.0.2',
  destination: '198.51.100.1',
  iifname: 'br0',
  oifname: 'eth0',
  sender: '0a:58:0a:01:00:02',
};
const base: BaseChain = { type: 'filter', hook: 'forward', priority: 0, policy: 'accept' };
const ip = { families: ['inet', 'ip', 'ip6'], hooks: ['forward'] } as const;

function table(
  rules: readonly Rule[],
  more: Partial<Table> & { base?: Partial<BaseChain>; others?: readonly Chain[] } = {},
): Table {
  const { base: change, others = [], ...rest } = more;
  return {
    family: 'inet',
    name: 't',
    sets: [],
    chains: [{ name: 'c', base: { ...base, ...change }, rules }, ...others],
    ...rest,
  };
}

const cases: readonly (readonly [what: string, table: Table, dropped: RegExp | undefined])[] = [
  ['no rule', table([]), undefined],
  ['policy drop', table([], { base: { policy: 'drop' } }), /policy drop of chain inet t c/],
  ['drop of all', table([rule(counter(), drop())]), /rule "drop" of chain inet t c/],
  ['reject', table([rule(reject('inet'))]), /reject/],
  ['drop of this source', table([rule(saddr('10.1.0.2'), drop())]), /ip saddr 10\.1\.0\.2 drop/],
  ['drop of its network', table([rule(saddr('10.1.0.0/16'), drop())]), /10\.1\.0\.0\/16/],
  ['drop of another network', table([rule(saddr('10.2.0.0/16'), drop())]), undefined],
  ['drop of all but its network', table([rule(not(saddr('10.1.0.0/16')), drop())]), undefined],
  ['drop to this destination', table([rule(daddr('198.51.100.1'), drop())]), /daddr/],
  ['drop on its interfaces', table([rule(iifname('br0'), oifname('eth0'), drop())]), /iifname "br0"/],
  ['drop on another interface', table([rule(iifname('br1'), drop())]), undefined],
  ['drop of IPv6', table([rule(nfproto('ip6'), drop())]), undefined],
  ['drop of new connections', table([rule(ctState('new'), drop())]), /ct state new drop/],
  ['drop of established ones', table([rule(ctState('established', 'related'), drop())]), undefined],
  ['a port may be another', table([rule(tcpDport(80), drop())]), undefined],
  ['accept before the drop', table([rule(iifname('br0'), accept()), rule(drop())]), undefined],
  ['an accept that may match', table([rule(tcpDport(80), accept()), rule(drop())]), undefined],
  ['an accept that does not match', table([rule(iifname('br1'), accept()), rule(drop())]), /rule "drop"/],
  ['a limit may be reached', table([rule(limitRate(1, 'second'), accept())], { base: { policy: 'drop' } }), undefined],
  [
    'jump to a drop',
    table([rule(jumpTo('d'))], { others: [{ name: 'd', rules: [rule(drop())] }] }),
    /of chain inet t d/,
  ],
  [
    'jump that returns, then a drop',
    table([rule(jumpTo('d')), rule(drop())], { others: [{ name: 'd', rules: [rule(goBack()), rule(accept())] }] }),
    /of chain inet t c/,
  ],
  [
    'goto that falls through to the policy',
    table([rule(goTo('d')), rule(accept())], { base: { policy: 'drop' }, others: [{ name: 'd', rules: [] }] }),
    /policy drop/,
  ],
  [
    'goto that accepts',
    table([rule(goTo('d'))], { base: { policy: 'drop' }, others: [{ name: 'd', rules: [rule(accept())] }] }),
    undefined,
  ],
  [
    'a return that may match leaves what follows open',
    table([rule(jumpTo('d'))], { others: [{ name: 'd', rules: [rule(tcpDport(80), goBack()), rule(drop())] }] }),
    undefined,
  ],
  [
    'chains without end',
    table([rule(jumpTo('d'))], { others: [{ name: 'd', rules: [rule(jumpTo('d'))] }] }),
    undefined,
  ],
  ['a table that sleeps', table([rule(drop())], { flags: ['dormant'] }), undefined],
  ['a table of the other family', table([rule(drop())], { family: 'ip6' }), undefined],
  ['another hook', table([rule(drop())], { base: { hook: 'output' } }), undefined],
  [
    'a set that has it',
    table([rule(inSet(['ip saddr'], 's'), drop())], {
      sets: [{ name: 's', key: ['ipv4_addr'], flags: [], elements: [{ key: addressHex('10.1.0.2') }] }],
    }),
    /@s drop/,
  ],
  [
    'an interval that does not',
    table([rule(inSet(['ip saddr'], 's'), drop())], {
      sets: [
        {
          name: 's',
          key: ['ipv4_addr'],
          flags: ['interval'],
          elements: [{ key: addressHex('10.2.0.0'), keyEnd: addressHex('10.2.255.255') }],
        },
      ],
    }),
    undefined,
  ],
];
for (const [what, one, dropped] of cases) {
  test(`rules: ${what}`, () => {
    const found = walkRules([one], ip, packet).dropped;
    if (dropped === undefined) {
      assert.equal(found, undefined);
    } else {
      assert.match(found ?? '', dropped);
    }
  });
}

test('an accept in one table does not help against a drop in a later one', () => {
  const friendly = table([rule(accept())], { name: 'a', base: { priority: -10 } });
  const strict = table([], { name: 'b', base: { policy: 'drop' } });
  assert.match(walkRules([strict, friendly], ip, packet).dropped ?? '', /inet b c/);
});

test('keys of several fields, in a bridge: interface, MAC and IP address', () => {
  const key = concatHex(interfaceHex('br0'), '0a580a010002', addressHex('10.1.0.2'));
  const guard = (keys: string[]): Table =>
    table([rule(inSet(['meta iifname', 'ether saddr', 'ip saddr'], 's'), accept()), rule(drop())], {
      family: 'bridge',
      sets: [
        {
          name: 's',
          key: ['ifname', 'ether_addr', 'ipv4_addr'],
          flags: [],
          elements: keys.map((one) => ({ key: one })),
        },
      ],
    });
  const bridge = { families: ['bridge'], hooks: ['forward'] } as const;
  assert.equal(walkRules([guard([key])], bridge, packet).dropped, undefined);
  assert.match(walkRules([guard([])], bridge, packet).dropped ?? '', /rule "drop"/);
  const { sender: _, ...unknown } = packet;
  assert.equal(walkRules([guard([])], bridge, unknown).dropped, undefined);
  const other = table([rule(etherSaddr('0a:58:0a:01:00:03'), drop())], { family: 'bridge' });
  assert.equal(walkRules([other], bridge, packet).dropped, undefined);
  assert.equal(walkRules([guard([])], ip, packet).dropped, undefined);
});

test('chains of devices only see their own', () => {
  const ingress = table([rule(drop())], { family: 'netdev', base: { hook: 'ingress', devices: ['tap0'] } });
  const at = (device: string) =>
    walkRules([ingress], { families: ['netdev'], hooks: ['ingress'], device }, packet).dropped;
  assert.notEqual(at('tap0'), undefined);
  assert.equal(at('tap1'), undefined);
});

test('translations', () => {
  const masquerading = table([rule(saddr('10.1.0.0/24'), oifname('eth0'), masquerade())]);
  assert.equal(walkRules([masquerading], ip, packet).sourceTranslated, true);
  assert.equal(walkRules([masquerading], ip, { ...packet, source: '10.9.0.1' }).sourceTranslated, false);
  const forwarding = table([rule(tcpDport(80), dnatTo('10.0.2.2'))]);
  assert.equal(walkRules([forwarding], ip, packet).destinationTranslated, true);
  assert.equal(walkRules([], ip, packet).destinationTranslated, false);
});
