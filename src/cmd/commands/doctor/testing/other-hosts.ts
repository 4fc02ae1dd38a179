/** For every check, hosts that differ from the good one, and what the check must say about them. */
import type { CheckName } from '../check-names.ts';
import type { OtherHost } from './changes.ts';
import { kernelHosts } from './kernel-hosts.ts';
import { networkHosts } from './network-hosts.ts';
import { programsHosts } from './programs-hosts.ts';
import { resourcesHosts } from './resources-hosts.ts';

export const otherHosts: Readonly<Record<CheckName, readonly OtherHost[]>> = {
  ...kernelHosts,
  ...networkHosts,
  ...resourcesHosts,
  ...programsHosts,
};
