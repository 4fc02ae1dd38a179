/** What a guest sends to the address servers, as fuzz targets: any input gives a value or a DecodeError. */
import { BOOTREQUEST, MESSAGE_TYPE, OPTION, decodeDhcp4, encodeDhcp4 } from './dhcp4/codec.ts';
import { answerDhcp4 } from './dhcp4/responder.ts';
import {
  OPTION6,
  MESSAGE6,
  decodeDhcp6,
  decodeIaAddress,
  decodeIaNa,
  encodeDhcp6,
  encodeIaAddress,
  encodeIaNa,
} from './dhcp6/codec.ts';
import { parseResolvConf } from './dns-settings.ts';
import { decodeRouterAdvertisement, encodeRouterAdvertisement, isRouterSolicitation } from './ra/codec.ts';

const discover = Buffer.from(
  encodeDhcp4({
    op: BOOTREQUEST,
    xid: 7,
    secs: 1,
    flags: 0,
    ciaddr: '0.0.0.0',
    yiaddr: '0.0.0.0',
    siaddr: '0.0.0.0',
    giaddr: '0.0.0.0',
    chaddr: Uint8Array.of(2, 0, 0, 0, 0, 9),
    options: new Map([
      [OPTION.MESSAGE_TYPE, Uint8Array.of(MESSAGE_TYPE.DISCOVER)],
      [OPTION.PARAMETER_REQUEST_LIST, Uint8Array.of(1, 3, 6, 15, 121)],
      [OPTION.HOST_NAME, Buffer.from('guest')],
    ]),
  }),
);
const config4 = {
  serverAddress: '10.0.2.1',
  address: '10.0.2.2',
  prefixLength: 24,
  routers: ['10.0.2.1'],
  routes: [{ destination: '192.0.2.0/24', gateway: '10.0.2.1' }],
  dnsServers: ['192.0.2.53'],
  searchDomains: ['cluster.local'],
  hostname: 'vm1',
  domainName: 'cluster.local',
  mtu: 1450,
  ntpServers: [],
  tftpServerName: undefined,
  bootFileName: undefined,
  privateOptions: [],
  clientMac: undefined,
};
const address = { address: new Uint8Array(16), preferredLifetime: 1, validLifetime: 2, options: [] };
const association = {
  iaid: 1,
  t1: 0,
  t2: 0,
  options: [{ code: OPTION6.IAADDR, data: encodeIaAddress(address) }],
};
const solicit = Buffer.from(
  encodeDhcp6({
    type: MESSAGE6.SOLICIT,
    transactionId: 99,
    options: [
      { code: OPTION6.CLIENTID, data: Uint8Array.of(0, 3, 0, 1, 2, 0, 0, 0, 0, 9) },
      { code: OPTION6.IA_NA, data: encodeIaNa(association) },
    ],
  }),
);
const advertisement = Buffer.from(
  encodeRouterAdvertisement({
    hopLimit: 64,
    managed: true,
    other: true,
    routerLifetime: 1800,
    mtu: 1450,
    sourceMac: '02:00:00:00:00:01',
    prefixes: [{ prefix: 'fd10:0:2::', length: 120, onLink: true, autonomous: false, lifetime: 3600 }],
    dnsServers: ['2001:db8::53'],
    searchDomains: ['cluster.local'],
  }),
);

export const fuzzTargets: readonly {
  readonly name: string;
  readonly decode: (bytes: Buffer) => unknown;
  readonly seeds: readonly Buffer[];
}[] = [
  { name: 'DHCPv4', decode: decodeDhcp4, seeds: [discover] },
  { name: 'DHCPv4 answer', decode: (bytes) => answerDhcp4(bytes, config4), seeds: [discover] },
  { name: 'DHCPv6', decode: decodeDhcp6, seeds: [solicit] },
  { name: 'DHCPv6 IA_NA', decode: decodeIaNa, seeds: [Buffer.from(encodeIaNa(association))] },
  { name: 'DHCPv6 IAADDR', decode: decodeIaAddress, seeds: [Buffer.from(encodeIaAddress(address))] },
  { name: 'router advertisement', decode: decodeRouterAdvertisement, seeds: [advertisement] },
  {
    name: 'router solicitation',
    decode: isRouterSolicitation,
    seeds: [Buffer.from('85000000000000000101020000000009', 'hex')],
  },
  {
    name: 'resolv.conf',
    decode: (bytes) => parseResolvConf(bytes.toString('utf8')),
    seeds: [Buffer.from('search a.example b.example\nnameserver 192.0.2.53\noptions ndots:5\n')],
  },
];
