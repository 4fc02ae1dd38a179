import type { DhcpOptions } from '../kinds/virtualmachineinstance/device-types.ts';
import type { DhcpFacts } from './types.ts';

/** `spec.domain.devices.interfaces[].dhcpOptions` as facts for the DHCP server. */
export function dhcpOptionFacts(
  options: DhcpOptions | undefined,
): Pick<DhcpFacts, 'ntpServers' | 'tftpServerName' | 'bootFileName' | 'privateOptions'> {
  return {
    ntpServers: options?.ntpServers ?? [],
    tftpServerName: options?.tftpServerName,
    bootFileName: options?.bootFileName,
    privateOptions: (options?.privateOptions ?? []).map(({ option, value }) => ({ code: option, value })),
  };
}
