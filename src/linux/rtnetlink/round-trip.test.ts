/** What is written is read: random specs of every kind through their own decoder. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { decodeIpAddress, decodeMacAddress } from '../netlink/ip-address.ts';
import { MessageWriter } from '../netlink/writer.ts';
import { addBridgeVlansRequest, decodeBridgeVlans } from './bridge-vlans/bridge-vlans.ts';
import { addForwardingEntryRequest, decodeForwardingEntry } from './forwarding/forwarding.ts';
import { decodeLink } from './links/decode.ts';
import { changeLinkRequest, createLinkRequest } from './links/encode.ts';
import { addNeighbourRequest, decodeNeighbour } from './neighbours/neighbours.ts';
import { addRouteRequest, decodeRoute } from './routes/codec.ts';
import { addRuleRequest, decodeRule } from './rules/codec.ts';

const u8 = fc.nat(0xff);
const u16 = fc.nat(0xffff);
const u32 = fc.nat(0xffff_ffff);
const flag = fc.boolean();
const mac = fc.uint8Array({ minLength: 6, maxLength: 6 }).map(decodeMacAddress);
const ip4 = fc.uint8Array({ minLength: 4, maxLength: 4 }).map(decodeIpAddress);
const ip6 = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(decodeIpAddress);
const ip = fc.oneof(ip4, ip6);
const index = fc.integer({ min: 1, max: 0x7fff_ffff });
const name = fc.stringMatching(/^[a-z0-9.-]{1,15}$/);
const vlanProtocol = fc.constantFrom('802.1Q' as const, '802.1ad' as const);
const ticks = fc.nat(100_000).map((value) => value * 10);
const optional = { requiredKeys: [] };
const range = fc.record({ first: u16, last: u16 });

function encoded(request: { readonly encode: (writer: MessageWriter) => void }): Buffer {
  const writer = new MessageWriter();
  request.encode(writer);
  return writer.bytes();
}

const kinds = {
  bridge: fc.record(
    {
      forwardDelayMs: ticks,
      helloTimeMs: ticks,
      ageingTimeMs: ticks,
      stp: flag,
      priority: u16,
      vlanFiltering: flag,
      vlanDefaultPvid: u16,
      vlanProtocol,
      vlanStatistics: flag,
      multicastSnooping: flag,
      multicastQuerier: flag,
      groupForwardMask: u16,
      nfCallIptables: flag,
      nfCallIp6tables: flag,
    },
    optional,
  ),
  vlan: fc.record(
    {
      id: u16,
      protocol: vlanProtocol,
      flags: fc.record(
        { reorderHeader: flag, gvrp: flag, looseBinding: flag, mvrp: flag, bridgeBinding: flag },
        optional,
      ),
    },
    optional,
  ),
  macvlan: fc.record(
    { mode: fc.constantFrom('private', 'vepa', 'bridge', 'passthru', 'source', 99), flags: u16 },
    optional,
  ),
  macvtap: fc.record({ mode: fc.constantFrom('private', 'bridge', 'passthru') }, optional),
  ipvlan: fc.record({ mode: fc.constantFrom('l2', 'l3', 'l3s'), flags: u16 }, optional),
  vxlan: fc.record(
    {
      id: u32,
      remote: ip,
      local: ip,
      lowerLink: u32,
      port: u16,
      sourcePorts: fc.record({ low: u16, high: u16 }),
      ttl: u8,
      tos: u8,
      learning: flag,
      ageingSeconds: u32,
      entryLimit: u32,
      proxy: flag,
      routeShortCircuit: flag,
      l2Miss: flag,
      l3Miss: flag,
      udpChecksum: flag,
      external: flag,
    },
    optional,
  ),
} as const;

/** Records of fast-check have no prototype, which strict equality would tell from the decoder's. */
function plain<T>(value: T): T {
  return structuredClone(value);
}

for (const [kind, attributes] of Object.entries(kinds)) {
  test(`${kind} attributes`, () => {
    fc.assert(
      fc.property(name, attributes as fc.Arbitrary<object>, (linkName, given) => {
        const link = decodeLink(encoded(createLinkRequest({ name: linkName, kind, [kind]: given })));
        assert.equal(link.kind, kind);
        assert.deepEqual(link[kind as keyof typeof kinds], plain(given));
      }),
    );
  });
}

test('bridge port attributes', () => {
  const port = fc.record(
    {
      learning: flag,
      isolated: flag,
      hairpin: flag,
      unicastFlood: flag,
      multicastFlood: flag,
      broadcastFlood: flag,
      neighbourSuppression: flag,
      proxyArp: flag,
      locked: flag,
      state: fc.constantFrom('disabled' as const, 'forwarding' as const, 'blocking' as const),
      priority: u16,
      cost: u32,
    },
    optional,
  );
  fc.assert(
    fc.property(port, (given) => {
      const link = decodeLink(encoded(changeLinkRequest({ index: 3 }, { bridgePort: given })));
      assert.deepEqual(link.bridgePort, plain(given));
    }),
  );
});

test('virtual functions', () => {
  const virtualFunction = fc.record(
    {
      index: u16,
      address: mac,
      vlan: fc.record({ id: u16, qos: fc.nat(7), protocol: vlanProtocol }),
      spoofCheck: flag,
      trust: flag,
      rssQuery: flag,
      linkState: fc.constantFrom('auto' as const, 'enable' as const, 'disable' as const),
      rateMbps: fc.record({ minimum: u32, maximum: u32 }),
    },
    { requiredKeys: ['index', 'address'] },
  );
  fc.assert(
    fc.property(fc.array(virtualFunction, { maxLength: 8 }), (given) => {
      const link = decodeLink(encoded(changeLinkRequest({ index: 3 }, { virtualFunctions: given })));
      assert.deepEqual(
        link.virtualFunctions,
        given.map(({ rateMbps, ...rest }) =>
          plain({
            ...rest,
            ...(rateMbps && { minimumRateMbps: rateMbps.minimum, maximumRateMbps: rateMbps.maximum }),
          }),
        ),
      );
    }),
  );
});

test('bridge VLANs', () => {
  const vlan = fc
    .tuple(fc.integer({ min: 1, max: 4_000 }), fc.nat(94), flag, flag)
    .map(([id, length, pvid, untagged]) => ({
      id,
      ...(length === 0 ? {} : { lastId: id + length }),
      ...(pvid && length === 0 ? { pvid } : {}),
      ...(untagged ? { untagged } : {}),
    }));
  fc.assert(
    fc.property(index, fc.array(vlan, { maxLength: 50 }), (linkIndex, vlans) => {
      assert.deepEqual(decodeBridgeVlans(encoded(addBridgeVlansRequest({ linkIndex }, vlans))), { linkIndex, vlans });
    }),
  );
});

test('forwarding entries', () => {
  const entry = fc.record(
    {
      linkIndex: index,
      macAddress: mac,
      vlan: u16,
      destination: ip,
      port: u16,
      vni: u32,
      viaLink: u32,
      isSticky: flag,
      isExternallyLearned: flag,
      state: fc.constantFrom('local' as const, 'static' as const, 'dynamic' as const),
    },
    { requiredKeys: ['linkIndex', 'macAddress'] },
  );
  fc.assert(
    fc.property(entry, (given) => {
      assert.deepEqual(
        decodeForwardingEntry(encoded(addForwardingEntryRequest(given))),
        plain({
          state: 'static',
          isSticky: false,
          isExternallyLearned: false,
          ...given,
          isOffloaded: false,
          unknown: [],
        }),
      );
    }),
  );
});

test('neighbours', () => {
  fc.assert(
    fc.property(index, ip, mac, u8, (linkIndex, address, macAddress, protocol) => {
      const request = addNeighbourRequest({ linkIndex, address, macAddress, protocol, state: 'reachable' });
      assert.deepEqual(decodeNeighbour(encoded(request)), {
        family: address.includes(':') ? 'ip6' : 'ip',
        linkIndex,
        address,
        macAddress,
        state: ['reachable'],
        protocol,
        flags: 0,
        unknown: [],
      });
    }),
  );
});

test('rules', () => {
  const rule = (family: 'ip' | 'ip6', address: fc.Arbitrary<string>, bits: number) => {
    const prefix = fc.tuple(address, fc.nat(bits)).map(([text, length]) => `${text}/${length}`);
    return fc.record(
      {
        family: fc.constant(family),
        priority: u32,
        table: u32,
        action: fc.constantFrom('table' as const, 'blackhole' as const, 'unreachable' as const, 99),
        invert: flag,
        source: prefix,
        destination: prefix,
        inputInterface: name,
        outputInterface: name,
        mark: u32,
        markMask: u32,
        tos: fc.integer({ min: 1, max: 255 }),
        ipProtocol: u8,
        sourcePorts: range,
        destinationPorts: range,
        userIds: fc.record({ first: u32, last: u32 }),
        suppressPrefixLength: fc.nat(128),
        protocol: u8,
      },
      { requiredKeys: ['family', 'priority', 'table', 'action', 'invert'] },
    );
  };
  fc.assert(
    fc.property(fc.oneof(rule('ip', ip4, 32), rule('ip6', ip6, 128)), (given) => {
      assert.deepEqual(decodeRule(encoded(addRuleRequest(given))), plain({ ...given, unknown: [] }));
    }),
  );
});

test('routes', () => {
  const metrics = fc.record(
    { lock: u32, mtu: u32, window: u32, advmss: u32, hopLimit: u32, initialCongestionWindow: u32, quickAck: u32 },
    optional,
  );
  const hop = fc.record(
    { gateway: ip, linkIndex: index, weight: fc.integer({ min: 1, max: 256 }), onlink: flag },
    { requiredKeys: ['linkIndex', 'weight', 'onlink'] },
  );
  const route = fc.record(
    {
      destination: fc.tuple(ip4, fc.integer({ min: 1, max: 32 })).map(([text, length]) => `${text}/${length}`),
      gateway: ip,
      linkIndex: index,
      source: ip4,
      priority: u32,
      table: fc.integer({ min: 1, max: 0xffff_ffff }),
      scope: fc.constantFrom('global' as const, 'link' as const, 7),
      protocol: u8,
      type: fc.constantFrom('unicast' as const, 'blackhole' as const, 'local' as const),
      onlink: flag,
      metrics,
      nextHops: fc.array(hop, { maxLength: 16 }),
    },
    { requiredKeys: ['destination', 'table', 'scope', 'protocol', 'type', 'onlink'] },
  );
  fc.assert(
    fc.property(route, (given) => {
      assert.deepEqual(decodeRoute(encoded(addRouteRequest(given))), plain({ family: 'ip', ...given, unknown: [] }));
    }),
  );
});
