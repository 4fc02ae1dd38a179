import type { NetlinkRequest } from '../netlink/exchange.ts';
import { type FuzzTarget, seed } from '../netlink/fuzz.ts';
import { MessageWriter } from '../netlink/writer.ts';
import { addAddressRequest, decodeAddress } from './addresses/codec.ts';
import { addBridgeVlansRequest, decodeBridgeVlans } from './bridge-vlans/bridge-vlans.ts';
import { IFLA_STATS64 } from './constants.ts';
import { addForwardingEntryRequest, decodeForwardingEntry } from './forwarding/forwarding.ts';
import { decodeLink } from './links/decode.ts';
import { addAlternativeNamesRequest, changeLinkRequest, createLinkRequest } from './links/encode.ts';
import { decodeNamespaceId, assignNamespaceIdRequest } from './namespace-ids/namespace-ids.ts';
import { addNeighbourRequest, decodeNeighbour } from './neighbours/neighbours.ts';
import { decodeRouteNotifications } from './notifications.ts';
import { addRouteRequest, decodeRoute } from './routes/codec.ts';
import { addRuleRequest, decodeRule } from './rules/codec.ts';

const links: readonly NetlinkRequest[] = [
  createLinkRequest({
    name: 'br0',
    kind: 'bridge',
    mtu: 1400,
    bridge: { stp: false, vlanFiltering: true, vlanProtocol: '802.1Q' },
  }),
  createLinkRequest({ name: 'v0', kind: 'veth', peer: { name: 'v1' } }),
  createLinkRequest({ name: 'vlan7', kind: 'vlan', link: 3, vlan: { id: 7, flags: { gvrp: true } } }),
  createLinkRequest({ name: 'mv0', kind: 'macvlan', link: 3, macvlan: { mode: 'bridge' } }),
  createLinkRequest({ name: 'iv0', kind: 'ipvlan', link: 3, ipvlan: { mode: 'l2', flags: 1 } }),
  createLinkRequest({
    name: 'vx0',
    kind: 'vxlan',
    vxlan: { id: 7, remote: '192.0.2.1', local: 'fd00::1', port: 4789, sourcePorts: { low: 1, high: 2 } },
  }),
  // Kinds that are only reported: IFLA_BOND_MODE and IFLA_BOND_MIIMON, IFLA_TUN_OWNER and IFLA_TUN_TYPE.
  createLinkRequest({ name: 'bond0', kind: 'bond', data: '05000100010000000800030064000000' }),
  createLinkRequest({ name: 'tap0', kind: 'tun', data: '080001006b0000000500030002000000' }),
  changeLinkRequest({ index: 3 }, { bridgePort: { learning: false, isolated: true, state: 'forwarding', cost: 4 } }),
  changeLinkRequest(
    { index: 3 },
    {
      virtualFunctions: [
        { index: 0, address: '02:00:00:00:00:01', vlan: { id: 7, protocol: '802.1ad' }, trust: true },
        { index: 1, address: '02:00:00:00:00:02', rateMbps: { minimum: 1, maximum: 2 }, linkState: 'auto' },
      ],
    },
  ),
  addAlternativeNamesRequest({ index: 3 }, ['one', 'two']),
];

const bridgeVlans = addBridgeVlansRequest({ linkIndex: 3 }, [
  { id: 1, pvid: true, untagged: true },
  { id: 5, lastId: 9 },
]);
const addresses = [
  addAddressRequest({ linkIndex: 3, address: '10.0.0.1/24', broadcast: '10.0.0.255' }),
  addAddressRequest({ linkIndex: 3, address: 'fd00::1/64', noDad: true, noPrefixRoute: true }),
];
const routes = [
  addRouteRequest({ destination: '10.0.0.0/8', gateway: 'fd00::2', linkIndex: 3, metrics: { mtu: 1300, advmss: 7 } }),
  addRouteRequest({
    destination: 'fd00::/8',
    table: 1000,
    nextHops: [
      { linkIndex: 3, gateway: 'fd00::1', weight: 7 },
      { linkIndex: 4, onlink: true },
    ],
  }),
];
const rules = [
  addRuleRequest({ family: 'ip', source: '10.0.0.0/8', mark: 1, table: 1000, inputInterface: 'eth0' }),
  addRuleRequest({ family: 'ip6', userIds: { first: 1, last: 2 }, destinationPorts: { first: 1, last: 2 } }),
];
const neighbours = [addNeighbourRequest({ linkIndex: 3, address: 'fd00::1', macAddress: '02:00:00:00:00:01' })];
const forwarding = addForwardingEntryRequest({
  linkIndex: 3,
  macAddress: '02:00:00:00:00:01',
  vlan: 7,
  destination: '192.0.2.1',
  port: 4789,
  vni: 7,
});
const namespaceId = assignNamespaceIdRequest({ pid: 1 }, 7);

const payload = (request: NetlinkRequest): Buffer => seed(request.encode);

const statistics = seed((writer) => {
  writer.raw(Buffer.alloc(16));
  writer.bytesAttribute(IFLA_STATS64, Buffer.alloc(25 * 8));
});

/** One datagram with a message of each request, as a subscription receives it. */
function datagram(requests: readonly NetlinkRequest[]): Buffer {
  const writer = new MessageWriter();
  for (const request of requests) {
    writer.beginMessage({ type: request.type, flags: 0, sequence: 1 });
    request.encode(writer);
    writer.endMessage();
  }
  return Buffer.from(writer.bytes());
}

/** The decoders of rtnetlink; see FuzzTarget. */
export const fuzzTargets: readonly FuzzTarget[] = [
  { name: 'rtnetlink link', decode: decodeLink, seeds: [...links.map(payload), statistics] },
  { name: 'rtnetlink address', decode: decodeAddress, seeds: addresses.map(payload) },
  { name: 'rtnetlink route', decode: decodeRoute, seeds: routes.map(payload) },
  { name: 'rtnetlink rule', decode: decodeRule, seeds: rules.map(payload) },
  { name: 'rtnetlink neighbour', decode: decodeNeighbour, seeds: [...neighbours, forwarding].map(payload) },
  { name: 'rtnetlink forwarding entry', decode: decodeForwardingEntry, seeds: [payload(forwarding)] },
  { name: 'rtnetlink bridge VLANs', decode: decodeBridgeVlans, seeds: [payload(bridgeVlans)] },
  { name: 'rtnetlink namespace id', decode: decodeNamespaceId, seeds: [payload(namespaceId)] },
  {
    name: 'rtnetlink notifications',
    decode: decodeRouteNotifications,
    seeds: [
      datagram(links.slice(0, 3)),
      datagram([...addresses, ...routes]),
      datagram([...rules, ...neighbours, forwarding, bridgeVlans, namespaceId]),
    ],
  },
];
