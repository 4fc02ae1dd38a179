/** Link names of one VM's networks: KubeVirt's (pkg/network/namescheme, pkg/network/link/names.go). Pure. */
import { createHash } from 'node:crypto';

export const PRIMARY_POD_INTERFACE = 'eth0';

/** uid and gid of the sandbox's processes, which open the TAP. */
export const TAP_OWNER = { uid: 107, gid: 107 } as const;

/** Pod NIC of a network: `eth0` for the pod network, `pod<11 hex>` for another. */
export function podInterfaceName(network: { readonly name: string; readonly isPrimary: boolean }): string {
  return network.isPrimary
    ? PRIMARY_POD_INTERFACE
    : `pod${createHash('sha256').update(network.name).digest('hex').slice(0, 11)}`;
}

/** `k6t-eth0`, `k6t-<11 hex>`. */
export function bridgeName(podInterface: string): string {
  return `k6t-${suffix(podInterface)}`;
}

/** `tap0` for the primary, `tap<11 hex>` for others. */
export function tapName(podInterface: string): string {
  return podInterface === PRIMARY_POD_INTERFACE ? 'tap0' : `tap${suffix(podInterface)}`;
}

/** What bridge binding renames the pod NIC to: `eth0-nic`. */
export function renamedNicName(podInterface: string): string {
  return `${suffix(podInterface)}-nic`;
}

function suffix(podInterface: string): string {
  return podInterface.replace(/^pod/, '');
}
