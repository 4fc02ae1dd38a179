import { takeHostSnapshot, type HostSnapshot } from '../agent/host-snapshot/host-snapshot.ts';
import { openNetlink } from '../linux/netlink/socket.ts';
import { NETLINK_NETFILTER } from '../linux/netlink/constants.ts';
import { listTables } from '../linux/nftables/dump.ts';

/**
 * What one instance could leave on this host, and nothing of other instances or programs that come and go meanwhile.
 * `bridge` is what the instance's cgroups, nftables table and links are known by.
 */
export function instanceSnapshot(instance: {
  readonly bridge: string;
  readonly stateDir: string;
  readonly runDir: string;
}): HostSnapshot {
  using socket = openNetlink({ protocol: NETLINK_NETFILTER });
  return takeHostSnapshot({
    bridge: instance.bridge,
    nftTables: listTables(socket)
      .filter((table) => table.name === instance.bridge)
      .map((table) => `${table.family} ${table.name}`),
    cgroupParent: `/vmlet/${instance.bridge}`,
    mountRoots: [instance.stateDir, instance.runDir],
    fileRoots: [`${instance.stateDir}/kubelet/pods`, `${instance.runDir}/netns`, `${instance.runDir}/sandbox`],
  });
}
