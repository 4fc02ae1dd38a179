import { Fd } from '../../../linux/fd/fd.ts';
import { openNamespace } from '../../../linux/namespace/namespace.ts';
import { NETLINK_NETFILTER, NETLINK_ROUTE } from '../../../linux/netlink/constants.ts';
import { type NetlinkSocket, openNetlink } from '../../../linux/netlink/socket.ts';

/** Open handles into one sandbox's network namespace. Take it with `using`. */
export interface NetworkSession extends Disposable {
  readonly netns: Fd;
  readonly route: NetlinkSocket;
  readonly netfilter: NetlinkSocket;
}

/** `netns` as a descriptor stays the caller's; as a path (`/proc/<pid>/ns/net`, a pinned file) it is opened and closed here. */
export function openNetworkSession(netns: Fd | string): NetworkSession {
  using opened = new DisposableStack();
  const fd = netns instanceof Fd ? netns : opened.use(openNamespace(netns, 'net'));
  const route = opened.use(openNetlink({ protocol: NETLINK_ROUTE, netns: fd }));
  const netfilter = opened.use(openNetlink({ protocol: NETLINK_NETFILTER, netns: fd }));
  const owned = opened.move();
  return { netns: fd, route, netfilter, [Symbol.dispose]: () => owned.dispose() };
}
