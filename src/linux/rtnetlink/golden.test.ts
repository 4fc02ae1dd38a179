import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { NetlinkRequest } from '../netlink/exchange.ts';
import { decodeAttributes } from '../netlink/reader.ts';
import { MessageWriter } from '../netlink/writer.ts';
import { addAddressRequest } from './addresses/codec.ts';
import {
  addBridgeVlansRequest,
  deleteBridgeVlansRequest,
  listBridgeVlansRequest,
} from './bridge-vlans/bridge-vlans.ts';
import { addForwardingEntryRequest, deleteForwardingEntryRequest } from './forwarding/forwarding.ts';
import { addAlternativeNamesRequest, changeLinkRequest, createLinkRequest, deleteLinkRequest } from './links/encode.ts';
import type { VirtualFunctionChange } from './links/virtual-functions.ts';
import { addNeighbourRequest, deleteNeighbourRequest } from './neighbours/neighbours.ts';
import { addRouteRequest } from './routes/codec.ts';
import { addRuleRequest, deleteRuleRequest } from './rules/codec.ts';

/** Indexes of the bridge and of `vm1` in the namespace where the files were captured. */
const bridge = 2;
const vm1 = 4;
/** Indexes in the namespace of the later files: a bridge, a veth whose peer is its port, a vxlan. */
const br0 = 10;
const lower = 11;
const lowerPeer = 12;
const vx0 = 3;
/** What `ip route` sets when it is not told. */
const RTPROT_BOOT = 3;

/** Header size of each message family and the request that must mean the same as what `ip` sent. */
const cases: readonly (readonly [file: string, headerSize: number, request: NetlinkRequest])[] = [
  [
    'create-bridge',
    16,
    createLinkRequest({
      name: 'k6t-eth0',
      kind: 'bridge',
      address: '02:00:00:00:00:00',
      mtu: 1450,
      bridge: { forwardDelayMs: 0, stp: false },
    }),
  ],
  ['create-veth', 16, createLinkRequest({ name: 'vm1', kind: 'veth', mtu: 1450, peer: { name: 'eth0' } })],
  ['set-master', 16, changeLinkRequest({ index: vm1 }, { master: bridge })],
  ['set-up', 16, changeLinkRequest({ index: vm1 }, { up: true })],
  ['add-address-v4', 8, addAddressRequest({ linkIndex: bridge, address: '10.0.2.1/24' })],
  ['add-address-v6', 8, addAddressRequest({ linkIndex: bridge, address: 'fd10:0:2::1/120', noDad: true })],
  ['add-default-route', 12, addRouteRequest({ destination: 'default', gateway: '10.0.2.254', linkIndex: bridge })],
  [
    'add-onlink-route',
    12,
    addRouteRequest({
      destination: '192.0.2.0/24',
      gateway: '169.254.1.1',
      linkIndex: bridge,
      onlink: true,
      priority: 7,
    }),
  ],
  ['delete-link', 16, deleteLinkRequest({ index: vm1 })],
  ['create-dummy', 16, createLinkRequest({ name: 'd0', kind: 'dummy' })],
  [
    'create-vlan',
    16,
    createLinkRequest({
      name: 'v42',
      kind: 'vlan',
      link: lower,
      vlan: { id: 42, protocol: '802.1ad', flags: { looseBinding: true, reorderHeader: false } },
    }),
  ],
  ['create-macvlan', 16, createLinkRequest({ name: 'mv0', kind: 'macvlan', link: lower, macvlan: { mode: 'bridge' } })],
  [
    'create-macvtap',
    16,
    createLinkRequest({
      name: 'mt0',
      kind: 'macvtap',
      link: lower,
      address: '02:00:00:00:00:07',
      macvtap: { mode: 'passthru', flags: 1 },
    }),
  ],
  [
    'create-ipvlan',
    16,
    createLinkRequest({ name: 'iv0', kind: 'ipvlan', link: lower, ipvlan: { mode: 'l2', flags: 1 } }),
  ],
  [
    'create-vxlan',
    16,
    createLinkRequest({
      name: 'vx0',
      kind: 'vxlan',
      vxlan: {
        id: 100,
        lowerLink: lower,
        remote: '192.0.2.1',
        local: '192.0.2.2',
        port: 4789,
        ttl: 5,
        learning: false,
        sourcePorts: { low: 10_000, high: 20_000 },
      },
    }),
  ],
  [
    'create-vxlan6',
    16,
    createLinkRequest({
      name: 'vx6',
      kind: 'vxlan',
      vxlan: { id: 7, remote: 'fd00::1', port: 8472, learning: true, l2Miss: true, proxy: true },
    }),
  ],
  [
    'create-bridge-vlan-filtering',
    16,
    createLinkRequest({
      name: 'br1',
      kind: 'bridge',
      bridge: { vlanFiltering: true, vlanDefaultPvid: 0, multicastQuerier: true, ageingTimeMs: 300_000 },
    }),
  ],
  ['set-vf-mac', 16, virtualFunction({ address: '02:00:00:00:00:33' })],
  ['set-vf-vlan', 16, virtualFunction({ vlan: { id: 100, qos: 2 } })],
  ['set-vf-vlan-ad', 16, virtualFunction({ vlan: { id: 100, qos: 2, protocol: '802.1ad' } })],
  ['set-vf-spoofchk', 16, virtualFunction({ spoofCheck: false })],
  ['set-vf-trust', 16, virtualFunction({ trust: true })],
  ['set-vf-state', 16, virtualFunction({ linkState: 'disable' })],
  ['set-vf-rate', 16, virtualFunction({ rateMbps: { minimum: 10, maximum: 1000 } })],
  ['add-altname', 16, addAlternativeNamesRequest({ index: lower }, ['lower-uplink-of-the-host'])],
  ['move-pid', 16, changeLinkRequest({ index: lower }, { netnsPid: 1 })],
  ['add-vlan', 16, addBridgeVlansRequest({ linkIndex: lowerPeer }, [{ id: 100, pvid: true, untagged: true }])],
  ['add-vlan-range', 16, addBridgeVlansRequest({ linkIndex: lowerPeer }, [{ id: 200, lastId: 210 }])],
  ['add-vlan-self', 16, addBridgeVlansRequest({ linkIndex: br0, self: true }, [{ id: 100 }])],
  ['delete-vlan', 16, deleteBridgeVlansRequest({ linkIndex: lowerPeer }, [{ id: 100 }])],
  ['list-vlans', 16, listBridgeVlansRequest()],
  ['add-fdb', 12, addForwardingEntryRequest({ linkIndex: lowerPeer, macAddress: '02:00:00:00:00:09' })],
  [
    'add-fdb-vlan',
    12,
    addForwardingEntryRequest({ linkIndex: lowerPeer, macAddress: '02:00:00:00:00:0a', vlan: 5, isSticky: true }),
  ],
  [
    'add-fdb-vxlan',
    12,
    addForwardingEntryRequest({
      linkIndex: vx0,
      macAddress: '02:00:00:00:00:0b',
      table: 'self',
      state: 'local',
      destination: '192.0.2.9',
      port: 4790,
      vni: 200,
      viaLink: lower,
    }),
  ],
  [
    'delete-fdb',
    12,
    deleteForwardingEntryRequest({ linkIndex: lowerPeer, macAddress: '02:00:00:00:00:09', state: 'local' }),
  ],
  [
    'add-route-multipath',
    12,
    addRouteRequest({
      destination: '198.51.100.0/24',
      protocol: RTPROT_BOOT,
      nextHops: [
        { gateway: '10.0.0.2', linkIndex: br0, weight: 3 },
        { gateway: '10.0.0.3', linkIndex: br0, onlink: true },
      ],
    }),
  ],
  [
    'add-route-metrics',
    12,
    addRouteRequest({
      destination: '203.0.113.0/24',
      gateway: '10.0.0.2',
      linkIndex: br0,
      table: 1000,
      protocol: RTPROT_BOOT,
      metrics: { mtu: 1300, advmss: 1260, hopLimit: 33, initialCongestionWindow: 20, window: 65_535 },
    }),
  ],
  [
    'add-route-via-inet6',
    12,
    addRouteRequest({ destination: '203.0.114.0/24', gateway: 'fd00::2', linkIndex: br0, protocol: RTPROT_BOOT }),
  ],
  [
    'add-route-unreachable',
    12,
    addRouteRequest({ destination: '203.0.115.0/24', type: 'unreachable', priority: 100, protocol: RTPROT_BOOT }),
  ],
  [
    'add-rule',
    12,
    addRuleRequest({
      family: 'ip',
      priority: 100,
      source: '10.1.0.0/16',
      mark: 0x10,
      markMask: 0xff,
      inputInterface: 'lower',
      table: 1000,
    }),
  ],
  [
    'add-rule-ip6',
    12,
    addRuleRequest({
      family: 'ip6',
      invert: true,
      destination: 'fd00::/8',
      priority: 7,
      ipProtocol: 17,
      destinationPorts: { first: 53, last: 54 },
      action: 'prohibit',
    }),
  ],
  [
    'add-rule-uid',
    12,
    addRuleRequest({ family: 'ip', priority: 8, userIds: { first: 100, last: 200 }, suppressPrefixLength: 0 }),
  ],
  ['delete-rule', 12, deleteRuleRequest({ family: 'ip', priority: 100 })],
  ['add-neighbour', 12, addNeighbourRequest({ linkIndex: br0, address: '10.0.0.9', macAddress: '02:00:00:00:00:09' })],
  ['add-neighbour-proxy', 12, addNeighbourRequest({ linkIndex: br0, address: 'fd00::9', proxy: true })],
  ['delete-neighbour', 12, deleteNeighbourRequest({ linkIndex: br0, address: '10.0.0.9' })],
];

function virtualFunction(change: Omit<VirtualFunctionChange, 'index'>): NetlinkRequest {
  return changeLinkRequest({ index: lower }, { virtualFunctions: [{ index: 3, ...change }] });
}

function golden(name: string): Buffer {
  const text = readFileSync(new URL(`golden/${name}.hex`, import.meta.url), 'utf8');
  return Buffer.from(text.split('\n')[1] ?? '', 'hex');
}

/** Attributes as a tree without order; `ip` does not set NLA_F_NESTED, so a nest is known by ours. */
function tree(ours: Buffer, theirs: Buffer): readonly [unknown, unknown] {
  const mine = decodeAttributes(ours);
  const other = decodeAttributes(theirs);
  const byType = <T extends { readonly type: number }>(list: readonly T[]): T[] =>
    [...list].sort((a, b) => a.type - b.type);
  const pairs = byType(mine).map((attribute): readonly [unknown, unknown] => {
    // The attributes of a list share their type, so the nth is compared with the nth.
    const position = mine.filter(({ type }) => type === attribute.type).indexOf(attribute);
    const match = other.filter(({ type }) => type === attribute.type)[position];
    if (match === undefined) {
      return [attribute.type, undefined];
    }
    // VETH_INFO_PEER starts with a struct ifinfomsg.
    const isPeer = attribute.payload.length > 16 && attribute.payload.readUInt32LE(0) === 0;
    if (attribute.nested && !isPeer) {
      const [left, right] = tree(attribute.payload, match.payload);
      return [
        [attribute.type, left],
        [attribute.type, right],
      ];
    }
    const text = (payload: Buffer): string => payload.toString('hex').replace(/(00)+$/, '');
    return [
      [attribute.type, text(attribute.payload)],
      [attribute.type, text(match.payload)],
    ];
  });
  const extra = byType(other)
    .filter(({ type }) => !mine.some((attribute) => attribute.type === type))
    .map(({ type }) => type);
  return [pairs.map(([left]) => left), [...pairs.map(([, right]) => right), ...extra]];
}

for (const [file, headerSize, request] of cases) {
  test(`${file}: the same as ip sends`, () => {
    const writer = new MessageWriter();
    request.encode(writer);
    const ours = writer.bytes();
    const theirs = golden(file);
    assert.equal(ours.toString('hex', 0, headerSize), theirs.toString('hex', 0, headerSize));
    const [left, right] = tree(ours.subarray(headerSize), theirs.subarray(headerSize));
    assert.deepEqual(left, right);
  });
}
