/**
 * The data plane as one nftables table. Pure.
 *
 *   prerouting, output (dstnat) --> services: address . protocol . port  --services4/6-->  goto service-...
 *                                            local address, port        --node-ports4/6-> goto service-...
 *   service-...:  client known in affinity-... ? its endpoint : endpoints-...[random number]  --> dnat
 *   input, forward, output (filter) --> the same keys in no-endpoints4/6, refused-ports4/6  --> reject
 *   postrouting (srcnat) --> between two pods: masquerade
 *
 * A pod that reaches another one through a Service gets its answer only when that goes through the host: on the bridge
 * the other pod would answer directly, with an address that was never asked. So the host is the source there, and for a
 * pod that reaches itself. From outside the client's address is kept, as pods answer through the host anyway.
 */
import { createHash } from 'node:crypto';
import {
  type Clause,
  commented,
  counter,
  ctState,
  ctStatus,
  daddr,
  drop,
  icmpType,
  icmpv6Type,
  inSet,
  jumpTo,
  l4proto,
  masquerade,
  nfproto,
  not,
  oifname,
  reject,
  rejectTcpReset,
  rule,
  saddr,
  toLocalAddress,
  verdictMap,
} from '../../linux/nftables/build.ts';
import { type FieldName, IPPROTO_SCTP, IPPROTO_TCP, IPPROTO_UDP, loadField } from '../../linux/nftables/fields.ts';
import type { BaseChain, Chain, NftSet, Rule, SetElement, SetType, Table } from '../../linux/nftables/types.ts';
import { addressHex, concatHex, hostUint32Hex, portHex, uintHex } from '../../linux/nftables/values.ts';
import { overlaps } from '../podnetwork/addresses.ts';
import { type Backend, portKey, type Protocol, type ServicePort } from './backends.ts';

export interface DataPlaneSettings {
  readonly table: string;
  /** Of the pod network. */
  readonly bridge: string;
  /** CIDR, one of each family that pods have. */
  readonly podNetworks: readonly string[];
}

const protocolNumbers: Readonly<Record<Protocol, number>> = { tcp: IPPROTO_TCP, udp: IPPROTO_UDP, sctp: IPPROTO_SCTP };
const [DSTNAT, FILTER, SRCNAT] = [-100, 0, 100];
const commentBytesMax = 127;
const affinityClientsMax = 65_536;
const [ICMP_REDIRECT, ND_REDIRECT] = [5, 137];

/** Register numbers: 1 and 3 are 16 bytes each, 9 is the second word of 1, 2 what follows an IPv6 address. */
const families = {
  IPv4: { suffix: '4', nfproto: 'ip', type: 'ipv4_addr', saddr: 'ip saddr', daddr: 'ip daddr', portRegister: 9 },
  IPv6: { suffix: '6', nfproto: 'ip6', type: 'ipv6_addr', saddr: 'ip6 saddr', daddr: 'ip6 daddr', portRegister: 2 },
} as const;
export type Family = keyof typeof families;
const [TARGET_REGISTER, CLIENT_REGISTER] = [1, 3];
const loopback = { IPv4: '127.0.0.0/8', IPv6: '::1/128' } as const;

/** The whole table; undefined when no Service needs one. */
export function serviceTable(settings: DataPlaneSettings, ports: readonly ServicePort[]): Table | undefined {
  return ports.length === 0 ? undefined : tableOf(settings, ports, usedFamilies(ports));
}

/** In the order in which the table has them. */
export function usedFamilies(ports: readonly ServicePort[]): Family[] {
  return (Object.keys(families) as Family[]).filter((family) => ports.some((port) => port.family === family));
}

/** The same with these ports alone, of a table that is for `used`: what two of them differ in, two tables differ in. */
export function tableOf(settings: DataPlaneSettings, ports: readonly ServicePort[], used: readonly Family[]): Table {
  const served = ports.filter(({ backends }) => backends.length > 0);
  return {
    family: 'inet',
    name: settings.table,
    comment: 'made by vmlet: its Services',
    sets: [
      ...used.flatMap((family) => familySets(settings, family, ports)),
      ...served.flatMap((port) => portSets(port)),
    ],
    chains: [...baseChains(settings, used), ...served.map((port) => portChain(port))],
  };
}

/** Chains by address and port; several keys may lead to one. */
function familySets(settings: DataPlaneSettings, family: Family, all: readonly ServicePort[]): NftSet[] {
  const { suffix, type } = families[family];
  const ports = all.filter((port) => port.family === family);
  const key: readonly SetType[] = [type, 'inet_proto', 'inet_service'];
  const verdicts = (name: string, of: readonly SetType[], elements: readonly SetElement[]): NftSet => ({
    name,
    key: of,
    data: 'verdict',
    flags: [],
    elements,
  });
  const part = (isServed: boolean) => {
    const chosen = ports.filter(({ backends }) => backends.length > 0 === isServed);
    const chainOf = (port: ServicePort): string => (isServed ? chainName(port) : 'refuse');
    return {
      addresses: chosen.map((port) => goToChain(addressKey(port), chainOf(port), port.name)),
      nodePorts: withoutRepeats(
        chosen.flatMap((port) =>
          port.nodePort === undefined
            ? []
            : [goToChain(concatHex(protocolHex(port), portHex(port.nodePort)), chainOf(port), port.name)],
        ),
      ),
    };
  };
  const [served, refused] = [part(true), part(false)];
  const outside = ports
    .flatMap(({ backends, protocol }) => backends.map((backend) => ({ ...backend, protocol })))
    .filter(({ address }) => isOutside(settings, address))
    .map(({ address, port, protocol }) => ({
      key: concatHex(addressHex(address), uintHex(protocolNumbers[protocol], 1), portHex(port)),
    }));
  return [
    verdicts(`services${suffix}`, key, served.addresses),
    verdicts(`node-ports${suffix}`, ['inet_proto', 'inet_service'], served.nodePorts),
    verdicts(`no-endpoints${suffix}`, key, refused.addresses),
    verdicts(`refused-ports${suffix}`, ['inet_proto', 'inet_service'], refused.nodePorts),
    { name: `outside${suffix}`, key, flags: [], elements: withoutRepeats(outside) },
  ];
}

/** The endpoints of a port by number, and the clients that have one. */
function portSets(port: ServicePort): NftSet[] {
  const { type } = families[port.family];
  const endpoints: NftSet = {
    name: endpointsName(port),
    key: ['mark'],
    data: [type, 'inet_service'],
    flags: [],
    elements: port.backends.map((backend, number) => ({ key: hostUint32Hex(number), data: targetHex(backend) })),
  };
  if (port.affinitySeconds === undefined) {
    return [endpoints];
  }
  return [
    endpoints,
    {
      name: affinityName(port),
      key: [type],
      data: [type, 'inet_service'],
      flags: ['timeout', 'dynamic'],
      timeoutMs: BigInt(port.affinitySeconds) * 1000n,
      size: affinityClientsMax,
      elements: [],
    },
  ];
}

function portChain(port: ServicePort): Chain {
  const { nfproto: family, portRegister, saddr: client } = families[port.family];
  const send: Clause = [
    { type: 'nat', kind: 'dnat', family, addrMin: TARGET_REGISTER, protoMin: portRegister, flags: [] },
  ];
  const pick: Clause = [
    { type: 'numgen', kind: 'random', dreg: TARGET_REGISTER, modulus: port.backends.length, offset: 0 },
    { type: 'lookup', set: endpointsName(port), sreg: TARGET_REGISTER, dreg: TARGET_REGISTER },
  ];
  const loadClient: Clause = [loadField(client, CLIENT_REGISTER)];
  const recall: Clause = [{ type: 'lookup', set: affinityName(port), sreg: CLIENT_REGISTER, dreg: TARGET_REGISTER }];
  const remember: Clause = [
    {
      type: 'dynset',
      set: affinityName(port),
      op: 'update',
      sregKey: CLIENT_REGISTER,
      sregData: TARGET_REGISTER,
    },
  ];
  // A full affinity map must not refuse a connection: that rule ends there, and the last one picks without remembering.
  const sticky: Rule[] =
    port.affinitySeconds === undefined
      ? []
      : [rule(loadClient, recall, remember, send), rule(loadClient, pick, remember, send)];
  return {
    name: chainName(port),
    rules: [...sticky, commented(cut(port.name), counter(), pick, send)],
  };
}

function baseChains(settings: DataPlaneSettings, used: readonly Family[]): Chain[] {
  const hook = (type: BaseChain['type'], name: BaseChain['hook'], priority: number): BaseChain => ({
    type,
    hook: name,
    priority,
    policy: 'accept',
  });
  const byAddress = (map: string, family: Family): Clause =>
    verdictMap([families[family].daddr, 'meta l4proto', 'th dport'], `${map}${families[family].suffix}`);
  const byPort = (map: string, family: Family): Clause =>
    verdictMap(['meta l4proto', 'th dport'], `${map}${families[family].suffix}`);
  const is = (family: Family): Clause => nfproto(families[family].nfproto);
  const refuse = used.map((family) => rule(ctState('new'), is(family), byAddress('no-endpoints', family)));
  return [
    { name: 'prerouting', base: hook('nat', 'prerouting', DSTNAT), rules: [rule(jumpTo('services'))] },
    { name: 'output', base: hook('nat', 'output', DSTNAT), rules: [rule(jumpTo('services'))] },
    {
      name: 'services',
      rules: [
        ...used.map((family) => rule(is(family), byAddress('services', family))),
        // Loopback would need route_localnet, which opens what listens there to the network.
        ...used.map((family) =>
          rule(is(family), toLocalAddress(), not(daddr(loopback[family])), byPort('node-ports', family)),
        ),
      ],
    },
    {
      name: 'filter-input',
      base: hook('filter', 'input', FILTER),
      rules: [...refuse, ...used.map((family) => rule(ctState('new'), is(family), byPort('refused-ports', family)))],
    },
    { name: 'filter-forward', base: hook('filter', 'forward', FILTER), rules: refuse },
    {
      name: 'filter-output',
      base: hook('filter', 'output', FILTER),
      rules: [
        ...refuse,
        // The host would tell a pod to send to the endpoint directly, past the translation.
        rule(oifname(settings.bridge), icmpType(ICMP_REDIRECT), counter(), drop()),
        rule(oifname(settings.bridge), icmpv6Type(ND_REDIRECT), counter(), drop()),
      ],
    },
    { name: 'refuse', rules: [rule(l4proto('tcp'), counter(), rejectTcpReset()), rule(counter(), reject('inet'))] },
    {
      name: 'postrouting',
      base: hook('nat', 'postrouting', SRCNAT),
      rules: [
        ...settings.podNetworks.map((network) =>
          rule(
            nfproto(network.includes(':') ? 'ip6' : 'ip'),
            oifname(settings.bridge),
            ctStatus('dnat'),
            saddr(network),
            counter(),
            masquerade(),
          ),
        ),
        // Endpoints that are no pods may have a way of their own back to the client.
        ...used.map((family) => rule(is(family), ctStatus('dnat'), outsideOf(family), counter(), masquerade())),
      ],
    },
  ];
}

function outsideOf(family: Family): Clause {
  const fields: FieldName[] = [families[family].daddr, 'meta l4proto', 'th dport'];
  return inSet(fields, `outside${families[family].suffix}`);
}

function goToChain(key: string, chain: string, comment: string): SetElement {
  return { key, verdict: { code: 'goto', chain }, comment: cut(comment) };
}

function addressKey(port: ServicePort): string {
  return concatHex(addressHex(port.address), protocolHex(port), portHex(port.port));
}

function protocolHex({ protocol }: ServicePort): string {
  return uintHex(protocolNumbers[protocol], 1);
}

function targetHex({ address, port }: Backend): string {
  return concatHex(addressHex(address), portHex(port));
}

const portIds = new WeakMap<ServicePort, string>();

/** By what the port is, never by its endpoints: their changes change no name. */
function portId(port: ServicePort): string {
  const known = portIds.get(port) ?? createHash('sha256').update(portKey(port)).digest('hex').slice(0, 12);
  portIds.set(port, known);
  return known;
}

export const chainName = (port: ServicePort): string => `service-${portId(port)}`;
export const endpointsName = (port: ServicePort): string => `endpoints-${portId(port)}`;
export const affinityName = (port: ServicePort): string => `affinity-${portId(port)}`;

/** Whether the endpoint is no pod of this host. */
function isOutside({ podNetworks }: DataPlaneSettings, address: string): boolean {
  const host = `${address}/${address.includes(':') ? 128 : 32}`;
  return !podNetworks.some((network) => overlaps(network, host));
}

/** Elements of the port that another port may have too: its node port, and endpoints outside. */
export function sharedElements(
  settings: DataPlaneSettings,
  { backends, family, nodePort, protocol }: ServicePort,
): string[] {
  return [
    ...(nodePort === undefined ? [] : [`${family} ${protocol} ${nodePort}`]),
    ...backends
      .filter(({ address }) => isOutside(settings, address))
      .map(({ address, port }) => `${address} ${protocol} ${port}`),
  ];
}

function withoutRepeats(elements: readonly SetElement[]): SetElement[] {
  return [...new Map(elements.toReversed().map((element) => [element.key, element])).values()].toReversed();
}

function cut(text: string): string {
  return Buffer.from(text).subarray(0, commentBytesMax).toString();
}
