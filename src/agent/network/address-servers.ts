/**
 * What gives a guest its addresses: DHCPv4, DHCPv6 and router advertisements on the bridges of its sandbox. The
 * sockets belong to the sandbox's network namespace; nothing runs there.
 *
 *   reactor --readable--> socket.receive() --> answerDhcp4 / answerDhcp6 (pure) --> socket.send()
 *
 * The servers have no state that matters: everything they tell is derived from the VM, so a restart forgets nothing.
 */
import { isIPv4, isIPv6 } from 'node:net';
import { KernelError } from '../../base/errors.ts';
import type { Fd } from '../../linux/fd/fd.ts';
import { inNetworkNamespace } from '../../linux/namespace/namespace.ts';
import { NETLINK_ROUTE } from '../../linux/netlink/constants.ts';
import { openNetlink } from '../../linux/netlink/socket.ts';
import type { Reactor } from '../../linux/reactor/reactor.ts';
import { getLink } from '../../linux/rtnetlink/links/links.ts';
import type { SocketAddress } from '../../linux/socket/address.ts';
import { type Datagram, type DatagramSocket, openIcmp6Socket, openUdpSocket } from '../../linux/socket/datagram.ts';
import type { BoundInterface, DhcpFacts } from '../../vm/bindings/types.ts';
import type { Dhcp4Config } from './dhcp4/options.ts';
import { answerDhcp4 } from './dhcp4/responder.ts';
import { answerDhcp6, type Dhcp6Config } from './dhcp6/responder.ts';
import type { DnsSettings } from './dns-settings.ts';
import { createLeaseBook, type Lease } from './lease-book.ts';
import { ADVERTISEMENT_INTERVAL_MS, routerAdvertisement } from './ra/advertisement.ts';
import { encodeRouterAdvertisement, isRouterSolicitation, ND_ROUTER_SOLICIT } from './ra/codec.ts';
import type { NetworkSpec } from '../facets/network/model.ts';

export interface AddressServers extends Disposable {
  /** What the guest holds as far as this process has seen. */
  leases(): readonly Lease[];
  close(): void;
}

export interface AddressServerOptions {
  readonly netns: Fd;
  readonly reactor: Reactor;
  readonly network: Pick<NetworkSpec, 'interfaces'>;
  /** What the guest is told to be called. */
  readonly hostname: string;
  readonly dns: DnsSettings;
  /** Called when a lease is new or different, not when it is renewed. */
  readonly onLease: (lease: Lease) => void;
}

const DHCP4_SERVER_PORT = 67;
const DHCP4_CLIENT_PORT = 68;
const DHCP6_SERVER_PORT = 547;
const ALL_DHCP_SERVERS = 'ff02::1:2';
const ALL_NODES = 'ff02::1';
const ALL_ROUTERS = 'ff02::2';
const BROADCAST = '255.255.255.255';
/** Hop limit of a packet that no router has forwarded: RFC 4861 section 6.1.1. */
const FROM_THIS_LINK = 255;
/** A guest that floods waits for the next turn of the loop, not everybody else. */
const DATAGRAMS_PER_TURN = 16;
/** A guest asks a few times in its life. Beyond this it waits out the window, and the kernel drops what its queue cannot hold. */
const DATAGRAMS_PER_WINDOW = 256;
const WINDOW_MS = 500;

/** Opens the sockets; the interfaces must be there. Throws KernelError. */
export function startAddressServers(options: AddressServerOptions): AddressServers {
  using opened = new DisposableStack();
  const leases = createLeaseBook(options.onLease);
  const advertisers: (() => void)[] = [];
  using route = openNetlink({ protocol: NETLINK_ROUTE, netns: options.netns });
  for (const iface of options.network.interfaces) {
    const { dhcp } = iface;
    if (dhcp === undefined) {
      continue;
    }
    const { index } = getLink(route, { name: iface.bridge });
    const place: Place = { ...options, iface, linkIndex: index, leases, resources: opened };
    if (dhcp.v4 !== undefined) {
      serveDhcp4(place, dhcp, dhcp.v4);
    }
    if (dhcp.v6 !== undefined) {
      serveDhcp6(place, dhcp, dhcp.v6);
      advertisers.push(serveRouterDiscovery(place, dhcp, dhcp.v6));
    }
  }
  const advertiseAll = (): void => advertisers.forEach((advertise) => advertise());
  advertiseAll();
  const timer = setInterval(advertiseAll, ADVERTISEMENT_INTERVAL_MS);
  timer.unref();
  opened.defer(() => clearInterval(timer));
  const owned = opened.move();
  return { leases: () => leases.list(), close: () => owned.dispose(), [Symbol.dispose]: () => owned.dispose() };
}

interface Place extends Omit<AddressServerOptions, 'onLease'> {
  readonly iface: BoundInterface;
  readonly linkIndex: number;
  readonly leases: ReturnType<typeof createLeaseBook>;
  readonly resources: DisposableStack;
}

function serveDhcp4(place: Place, dhcp: DhcpFacts, v4: NonNullable<DhcpFacts['v4']>): void {
  const { iface, dns } = place;
  const config: Dhcp4Config = {
    ...v4,
    dnsServers: dns.servers.filter((server) => isIPv4(server)),
    searchDomains: dns.searches,
    hostname: place.hostname,
    domainName: dns.domain,
    mtu: iface.mtu,
    ntpServers: dhcp.ntpServers.filter((server) => isIPv4(server)),
    tftpServerName: dhcp.tftpServerName,
    bootFileName: dhcp.bootFileName,
    privateOptions: dhcp.privateOptions,
  };
  // With bridge binding the guest's address is also the sandbox's: what is sent there would not leave it.
  const isShared = v4.clientMac !== undefined;
  const open = (): DatagramSocket =>
    openUdpSocket({
      bind: { family: 'ipv4', address: '0.0.0.0', port: DHCP4_SERVER_PORT },
      device: iface.bridge,
      broadcast: true,
      reuseAddress: true,
    });
  serve(place, open, (datagram, socket) => {
    const answer = answerDhcp4(datagram.data, config);
    if (answer !== undefined) {
      const address = isShared ? BROADCAST : answer.destination;
      sendIfPossible(socket, answer.bytes, { family: 'ipv4', address, port: DHCP4_CLIENT_PORT });
      note(place, answer.lease);
    }
  });
}

function serveDhcp6(place: Place, dhcp: DhcpFacts, v6: NonNullable<DhcpFacts['v6']>): void {
  const config: Dhcp6Config = {
    address: v6.address,
    serverMac: dhcp.serverMac,
    dnsServers: place.dns.servers.filter((server) => isIPv6(server)),
    searchDomains: place.dns.searches,
  };
  const open = (): DatagramSocket =>
    openUdpSocket({
      bind: { family: 'ipv6', address: '::', port: DHCP6_SERVER_PORT, scopeId: 0 },
      device: place.iface.bridge,
      reuseAddress: true,
      multicast: { groups: [ALL_DHCP_SERVERS], interfaceIndex: place.linkIndex },
    });
  serve(place, open, (datagram, socket) => {
    const answer = answerDhcp6(datagram.data, config);
    if (answer !== undefined) {
      sendIfPossible(socket, answer.bytes, datagram.from);
      note(place, answer.lease);
    }
  });
}

/** Gives back what advertises unasked. */
function serveRouterDiscovery(place: Place, dhcp: DhcpFacts, v6: NonNullable<DhcpFacts['v6']>): () => void {
  const advertisement = encodeRouterAdvertisement(
    routerAdvertisement({
      prefix: v6.prefix,
      prefixLength: v6.prefixLength,
      mtu: place.iface.mtu,
      routerMac: dhcp.serverMac,
      dnsServers: place.dns.servers.filter((server) => isIPv6(server)),
      searchDomains: place.dns.searches,
    }),
  );
  const everyone: SocketAddress = { family: 'ipv6', address: ALL_NODES, port: 0, scopeId: place.linkIndex };
  const open = (): DatagramSocket =>
    openIcmp6Socket({
      device: place.iface.bridge,
      interfaceIndex: place.linkIndex,
      receiveTypes: [ND_ROUTER_SOLICIT],
      groups: [ALL_ROUTERS],
    });
  // To everyone also when asked: there is one guest, which may have no address to answer to yet.
  const socket = serve(place, open, (datagram) => {
    if (datagram.hopLimit === FROM_THIS_LINK && isRouterSolicitation(datagram.data)) {
      sendIfPossible(socket, advertisement, everyone);
    }
  });
  return () => sendIfPossible(socket, advertisement, everyone);
}

function serve(
  place: Place,
  open: () => DatagramSocket,
  onDatagram: (datagram: Datagram, socket: DatagramSocket) => void,
): DatagramSocket {
  const socket = place.resources.use(inNetworkNamespace(place.netns, open));
  let windowStartMs = 0;
  let taken = 0;
  let pause: NodeJS.Timeout | undefined;
  let watch = place.reactor.watch(socket.fd, onReadable);
  place.resources.defer(() => {
    clearTimeout(pause);
    watch[Symbol.dispose]();
  });

  function onReadable(): void {
    if (Date.now() - windowStartMs >= WINDOW_MS) {
      windowStartMs = Date.now();
      taken = 0;
    }
    for (let count = 0; count < DATAGRAMS_PER_TURN; count++) {
      const datagram = socket.receive();
      if (datagram === undefined) {
        break;
      }
      taken += 1;
      onDatagram(datagram, socket);
    }
    if (taken >= DATAGRAMS_PER_WINDOW) {
      watch[Symbol.dispose]();
      pause = setTimeout(() => {
        watch = place.reactor.watch(socket.fd, onReadable);
      }, WINDOW_MS).unref();
    }
  }
  return socket;
}

/** An answer that the kernel refuses now is an answer lost: clients repeat. It must not take the agent down. */
function sendIfPossible(socket: DatagramSocket, bytes: Uint8Array, to: SocketAddress): void {
  try {
    socket.send(bytes, to);
  } catch (error) {
    if (!(error instanceof KernelError)) {
      throw error;
    }
  }
}

function note(
  place: Place,
  lease:
    | { readonly mac: string | undefined; readonly address: string; readonly hostname: string | undefined }
    | undefined,
): void {
  if (lease !== undefined) {
    place.leases.note({ ...lease, interface: place.iface.name, mac: lease.mac ?? place.iface.macAddress });
  }
}
