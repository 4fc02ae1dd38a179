import { takeHostSnapshot, type HostSnapshot } from '../agent/host-snapshot/host-snapshot.ts';
import { runDirectory, stateDirectory } from '../base/directories.ts';
import { openNetlink } from '../linux/netlink/socket.ts';
import { NETLINK_NETFILTER } from '../linux/netlink/constants.ts';
import { listTables } from '../linux/nftables/dump.ts';

/** What the default instance could leave on this host. */
export function instanceSnapshot(): HostSnapshot {
  using socket = openNetlink({ protocol: NETLINK_NETFILTER });
  return takeHostSnapshot({
    nftTables: listTables(socket).map((table) => `${table.family} ${table.name}`),
    cgroupParent: '/vmlet',
    fileRoots: [`${stateDirectory()}/kubelet/pods`, `${runDirectory()}/netns`, `${runDirectory()}/sandbox`],
    commands: ['qemu-system', 'libvirtd', 'virtqemud'],
  });
}
