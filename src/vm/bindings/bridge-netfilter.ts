import type { DesiredSysctl } from './types.ts';

/**
 * Where br_netfilter is loaded (container engines do), bridged frames go through nf_tables as if they were routed, and
 * a frame that NAT sends back to the port it came from is dropped: the guest could not reach its own pod address. The
 * settings belong to the sandbox's namespace; the host's own are left alone.
 */
export const withoutBridgeNetfilter: readonly DesiredSysctl[] = [
  { key: 'net/bridge/bridge-nf-call-iptables', value: '0', ifPresent: true },
  { key: 'net/bridge/bridge-nf-call-ip6tables', value: '0', ifPresent: true },
];
