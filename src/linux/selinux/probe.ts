import type { KernelRoots } from '../sysfs/roots.ts';
import { readSelinux } from './selinux.ts';

/** Whether SELinux separates VMs on this host: undefined when so, else what is missing and what to do. */
export function findSelinuxObstacle(roots: KernelRoots): string | undefined {
  const { mode, policyLoaded, mls } = readSelinux(roots);
  if (mode === 'disabled') {
    return 'SELinux is disabled: boot with "security=selinux selinux=1" and a policy to have it separate VMs';
  }
  if (!policyLoaded) {
    return 'SELinux has no policy loaded: install one (selinux-policy-default) and restart';
  }
  if (!mls) {
    return "SELinux' policy has no levels, so all VMs share one label: use a policy with MCS";
  }
  return mode === 'permissive'
    ? 'SELinux is permissive, so it reports and refuses nothing: "setenforce 1" makes it enforce'
    : undefined;
}
