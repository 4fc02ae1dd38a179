/**
 * What a pod may send: frames from its own MAC address with its own IP addresses, and no word of a router or DHCP
 * server. One table of family bridge, before the bridge looks at a frame; what a pod may send are elements of its
 * sets, so a pod that comes or goes changes no rule.
 *
 *   frame from port --in @ports?--no--> (not a pod: not looked at)
 *                        | yes
 *        ARP  --> own MAC and own address, or a probe (sender 0.0.0.0)
 *        IPv4 --> own MAC and address, no DHCP server's port
 *        IPv6 --> own MAC and address; no router advertisement, redirect, DHCPv6 server; neighbour advertisements and
 *                 duplicate detection only for own addresses
 *        else --> dropped (VLAN tags among it: the pod network has none)
 *
 *   frame to the port that it came from (hairpin) --> only to the pod's own MAC
 *
 * A pod that is an endpoint of its own Service sends to itself by the bridge: with br_netfilter the translation happens
 * there, and what would leave by its own port is lost unless the port is a hairpin. All else that a hairpin would send
 * back, each broadcast and each neighbour solicitation, would be an address that somebody else has already.
 *
 * A guest behind masquerade never gets here, a guest with bridge binding has the pod's MAC and addresses or a MAC of its
 * own choice. Link-local addresses of such a guest are its own choice too (RFC 7217), so those are free but for the
 * gateway's and other pods'.
 */
import type { Expression } from '../../linux/nftables/expressions/types.ts';
import {
  accept,
  type Clause,
  commented,
  counter,
  drop,
  etherType,
  goTo,
  icmpv6Type,
  inSet,
  ip6Saddr,
  ipSaddr,
  not,
  rule,
  udpSport,
} from '../../linux/nftables/build.ts';
import { type FieldName, loadField } from '../../linux/nftables/fields.ts';
import type { SetShape } from '../../linux/nftables/requests.ts';
import type { BaseChain, NftSet, Rule, SetElement, SetType, Table } from '../../linux/nftables/types.ts';
import { addressHex, concatHex, interfaceHex, uintHex } from '../../linux/nftables/values.ts';
import { linkLocalAddress } from './addresses.ts';
import type { SetElements } from './model.ts';

/** Before everything else that looks at frames of a bridge (NF_BR_PRI_NAT_DST_BRIDGED of linux/netfilter_bridge.h). */
const PRIORITY = -300;
const ND_TARGET_OFFSET = 8;
const ARPOP_REQUEST = 1;
const [ND_ROUTER_ADVERT, ND_NEIGHBOR_SOLICIT, ND_NEIGHBOR_ADVERT, ND_REDIRECT] = [134, 135, 136, 137];
const [DHCP_SERVER_PORT, DHCPV6_SERVER_PORT] = [67, 547];

/** Who sends from one port. */
export interface GuardedPort {
  /** Link name of the host's end. */
  readonly hostLink: string;
  /** The pod's own, and those that its guest may have instead. */
  readonly macAddresses: readonly string[];
  /** Without prefix, both families. */
  readonly addresses: readonly string[];
}

const forwardBase: BaseChain = { type: 'filter', hook: 'forward', priority: PRIORITY, policy: 'accept' };
const base: BaseChain = { type: 'filter', hook: 'prerouting', priority: PRIORITY, policy: 'accept' };

const shapes = {
  ports: ['ifname'],
  senders: ['ifname', 'ether_addr'],
  ipv4: ['ifname', 'ether_addr', 'ipv4_addr'],
  ipv6: ['ifname', 'ether_addr', 'ipv6_addr'],
  // Of the gateway and of all pods: nobody else's choice.
  linklocal: ['ipv6_addr'],
  // From a port back to it.
  returns: ['ifname', 'ifname'],
} as const satisfies Readonly<Record<string, readonly SetType[]>>;
type SetName = keyof typeof shapes;

/** The whole table. `gatewayMac` is the bridge's. Pure. */
export function guardTable(options: {
  readonly name: string;
  readonly gatewayMac: string;
  readonly ports: readonly GuardedPort[];
}): Table {
  const elements = elementsOf(options.ports);
  elements.linklocal.push({ key: addressHex(linkLocalAddress(options.gatewayMac)) });
  const sets = (Object.keys(shapes) as SetName[]).map((name): NftSet => ({
    ...setShape(name),
    elements: withoutRepeats(elements[name]),
  }));
  return {
    family: 'bridge',
    name: options.name,
    comment: 'made by vmlet: what its pods may send',
    sets,
    chains: [
      {
        name: 'prerouting',
        base,
        rules: [rule(inSet(['meta iifname'], 'ports'), goTo('port'))],
      },
      {
        name: 'forward',
        base: forwardBase,
        rules: [
          refuse(
            'not to the pod itself',
            inSet(['meta iifname', 'meta oifname'], 'returns'),
            not(inSet(['meta oifname', 'ether daddr'], 'senders')),
          ),
        ],
      },
      {
        name: 'port',
        rules: [
          rule(etherType('ip'), goTo('ipv4')),
          rule(etherType('ip6'), goTo('ipv6')),
          rule(etherType('arp'), goTo('arp')),
          refuse('neither IP nor ARP'),
        ],
      },
      {
        name: 'ipv4',
        rules: [
          refuse('DHCP server', udpSport(DHCP_SERVER_PORT)),
          rule(inSet(['meta iifname', 'ether saddr', 'ip saddr'], 'ipv4'), accept()),
          refuse('address of another'),
        ],
      },
      {
        name: 'ipv6',
        rules: [
          refuse('router', icmpv6Type(ND_ROUTER_ADVERT)),
          refuse('router', icmpv6Type(ND_REDIRECT)),
          refuse('DHCPv6 server', udpSport(DHCPV6_SERVER_PORT)),
          rule(icmpv6Type(ND_NEIGHBOR_ADVERT), goTo('target')),
          rule(ip6Saddr('::'), icmpv6Type(ND_NEIGHBOR_SOLICIT), goTo('target')),
          rule(inSet(['meta iifname', 'ether saddr', 'ip6 saddr'], 'ipv6'), accept()),
          refuse('address of another', inSet(['ip6 saddr'], 'linklocal')),
          rule(ip6Saddr('fe80::/10'), inSet(['meta iifname', 'ether saddr'], 'senders'), accept()),
          refuse('address of another'),
        ],
      },
      {
        // Of an advertisement or of duplicate detection: only who owns an address may speak for it.
        name: 'target',
        rules: [
          refuse('MAC address of another', not(inSet(['meta iifname', 'ether saddr'], 'senders'))),
          rule(targetIn('ipv6'), accept()),
          refuse('speaks for another', targetIn('linklocal')),
          rule(targetIsLinkLocal(), accept()),
          refuse('speaks for another'),
        ],
      },
      {
        name: 'arp',
        rules: [
          refuse('MAC address of another', not(inSet(['meta iifname', 'ether saddr'], 'senders'))),
          rule(inSet(['meta iifname', 'arp saddr ether', 'arp saddr ip'], 'ipv4'), accept()),
          rule(
            equals('arp operation', uintHex(ARPOP_REQUEST, 2)),
            equals('arp saddr ip', addressHex('0.0.0.0')),
            inSet(['meta iifname', 'arp saddr ether'], 'senders'),
            accept(),
          ),
          refuse('speaks for another'),
        ],
      },
    ],
  };
}

/** What a port's pod is in the sets of the table. Pure. */
export function guardElements(port: GuardedPort): SetElements[] {
  const elements = elementsOf([port]);
  return (Object.keys(shapes) as SetName[]).map((name) => ({ set: setShape(name), elements: elements[name] }));
}

/** What `NFT_MSG_NEWSETELEM` needs to know of a set of the guard. */
function setShape(name: SetName): SetShape {
  return { name, key: shapes[name], flags: [] };
}

/** What to ask of a kernel before relying on it: a filter for bridges that can look into a concatenated key. */
export function guardProbe(): {
  readonly family: 'bridge';
  readonly base: BaseChain;
  readonly expressions: readonly Expression[];
} {
  return { family: 'bridge', base, expressions: rule(etherType('ip'), ipSaddr('192.0.2.1'), drop()).expressions };
}

function elementsOf(ports: readonly GuardedPort[]): Record<SetName, SetElement[]> {
  const found: Record<SetName, SetElement[]> = {
    ports: [],
    senders: [],
    ipv4: [],
    ipv6: [],
    linklocal: [],
    returns: [],
  };
  for (const { hostLink, macAddresses, addresses } of ports) {
    const port = interfaceHex(hostLink);
    found.ports.push({ key: port });
    found.returns.push({ key: concatHex(port, port) });
    for (const mac of new Set(macAddresses)) {
      const sender = concatHex(port, mac.replaceAll(':', '').toLowerCase());
      found.senders.push({ key: sender });
      const own = [...addresses, linkLocalAddress(mac)];
      found.ipv4.push(...own.filter((ip) => !ip.includes(':')).map((ip) => ({ key: `${sender}${addressHex(ip)}` })));
      found.ipv6.push(...own.filter((ip) => ip.includes(':')).map((ip) => ({ key: `${sender}${addressHex(ip)}` })));
      found.linklocal.push({ key: addressHex(linkLocalAddress(mac)) });
    }
  }
  return found;
}

/** Counted, with a word for who reads `nft list table bridge`. */
function refuse(why: string, ...clauses: readonly Clause[]): Rule {
  return commented(why, ...clauses, counter(), drop());
}

function withoutRepeats(elements: readonly SetElement[]): SetElement[] {
  return [...new Map(elements.map((element) => [element.key, element])).values()];
}

function equals(field: FieldName, value: string): Clause {
  return [loadField(field, 1), { type: 'cmp', op: 'eq', sreg: 1, value }];
}

/** Target address of a neighbour message (RFC 4861, 4.3 and 4.4). */
function loadTarget(dreg: number, length = 16): Expression {
  return { type: 'payload', base: 'transport', offset: ND_TARGET_OFFSET, length, dreg };
}

function targetIn(set: 'ipv6' | 'linklocal'): Clause {
  if (set === 'linklocal') {
    return [loadTarget(1), { type: 'lookup', set, sreg: 1 }];
  }
  const loads = inSet(['meta iifname', 'ether saddr', 'ip6 saddr'], set);
  const [port, mac, address, lookup] = loads;
  if (port === undefined || mac === undefined || address?.type !== 'payload' || lookup === undefined) {
    throw new Error('a key of three fields is three loads and a lookup');
  }
  return [port, mac, loadTarget(address.dreg), lookup];
}

/** fe80::/10 */
function targetIsLinkLocal(): Clause {
  return [
    loadTarget(1, 2),
    { type: 'bitwise', sreg: 1, dreg: 1, mask: 'ffc0', xor: '0000' },
    { type: 'cmp', op: 'eq', sreg: 1, value: 'fe80' },
  ];
}
