/**
 * One pod's namespace and the pair of links between it and the bridge. The host's end is marked last: with the mark
 * the pair is complete, without it a start was cut off and the pair is made anew.
 */
import { createHash } from 'node:crypto';
import { VmletError } from '../../base/errors.ts';
import {
  createPinnedNetworkNamespace,
  inNetworkNamespace,
  isNamespaceFile,
  openNamespace,
  removePinnedNamespace,
} from '../../linux/namespace/namespace.ts';
import { NETLINK_ROUTE } from '../../linux/netlink/constants.ts';
import { openNetlink } from '../../linux/netlink/socket.ts';
import { addAddress } from '../../linux/rtnetlink/addresses/addresses.ts';
import { createVeth, deleteLinkIfPresent, findLink, getLink, setLink } from '../../linux/rtnetlink/links/links.ts';
import type { Link } from '../../linux/rtnetlink/links/types.ts';
import { addRoute } from '../../linux/rtnetlink/routes/routes.ts';
import { writeSysctl } from '../../linux/sysctl/sysctl.ts';
import { addressAt, cidrAt, GATEWAY_NUMBER, podMacAddress } from './addresses.ts';
import type { HostSettings, HostSide } from './host-side.ts';

const POD_LINK = 'eth0';
export const POD_MARK = 'vmlet pod ';

/** Makes what is missing. A pair that is complete is left alone: the VM's own network is built on its other end. */
export function ensurePodSide(
  host: HostSide,
  pod: { readonly uid: string; readonly netnsPath: string; readonly number: number },
  settings: HostSettings & { readonly bridgeLink: Link },
): void {
  const { route } = host;
  const { bridgeLink } = settings;
  const name = hostLinkName(settings.bridge, pod.uid);
  const mark = `${POD_MARK}${pod.uid}`;
  // A pair that leads to an older namespace is of no use.
  const isNew = !isNamespaceFile(pod.netnsPath);
  createPinnedNetworkNamespace(pod.netnsPath);
  const found = findLink(route, { name });
  if (found !== undefined && found.alias === mark && !isNew) {
    if (found.master !== bridgeLink.index || !found.up) {
      setLink(route, { index: found.index }, { master: bridgeLink.index, up: true });
    }
    return;
  }
  if (found !== undefined) {
    requirePodLink(found, mark);
    deleteLinkIfPresent(route, { index: found.index });
  }
  using netns = openNamespace(pod.netnsPath, 'net');
  const { mtu } = bridgeLink;
  const created = createVeth(route, {
    name,
    mtu,
    master: bridgeLink.index,
    peer: { name: POD_LINK, netns, mtu, address: podMacAddress(addressAt(settings.cidr, pod.number)) },
  });
  if (settings.cidrV6 !== undefined) {
    // A bridge port needs no address of its own.
    inNetworkNamespace(host.netns, () => writeSysctl(`net/ipv6/conf/${name}/disable_ipv6`, '1'));
    inNetworkNamespace(netns, () => {
      writeSysctl(`net/ipv6/conf/${POD_LINK}/accept_dad`, '0');
      writeSysctl(`net/ipv6/conf/${POD_LINK}/accept_ra`, '0');
    });
  }
  setLink(route, { index: created.index }, { up: true });
  using inside = openNetlink({ protocol: NETLINK_ROUTE, netns });
  setLink(inside, { name: 'lo' }, { up: true });
  const { index } = getLink(inside, { name: POD_LINK });
  const cidrs = [settings.cidr, ...(settings.cidrV6 === undefined ? [] : [settings.cidrV6])];
  for (const cidr of cidrs) {
    addAddress(inside, { linkIndex: index, address: cidrAt(cidr, pod.number), noDad: cidr.includes(':') });
  }
  setLink(inside, { index }, { up: true });
  for (const cidr of cidrs) {
    addRoute(inside, {
      destination: cidr.includes(':') ? '::/0' : '0.0.0.0/0',
      gateway: addressAt(cidr, GATEWAY_NUMBER),
      linkIndex: index,
    });
  }
  setLink(route, { index: created.index }, { alias: mark });
}

/** Takes the pair and the namespace away; what is not there is fine. */
export function removePodSide(
  host: HostSide,
  pod: { readonly uid: string; readonly netnsPath: string; readonly bridge: string },
): void {
  const found = findLink(host.route, { name: hostLinkName(pod.bridge, pod.uid) });
  if (found?.kind === 'veth') {
    deleteLinkIfPresent(host.route, { index: found.index });
  }
  removePinnedNamespace(pod.netnsPath);
}

/** `vml<11 hex>`: link names have at most 15 bytes. */
export function hostLinkName(bridge: string, podUid: string): string {
  return `vml${createHash('sha256').update(`${bridge}/${podUid}`).digest('hex').slice(0, 11)}`;
}

function requirePodLink(found: Link, mark: string): void {
  if (found.kind !== 'veth' || (found.alias !== undefined && found.alias !== mark)) {
    throw new VmletError('LinkConflict', `link ${found.name} is in the way: it was not made by vmlet; remove it`);
  }
}
