import { findAttribute } from '../sysfs/attribute.ts';
import type { KernelRoots } from '../sysfs/roots.ts';

/** Whether the kernel can filter system calls: undefined when so, else the reason and the remedy in one sentence. */
export function findSeccompObstacle(roots: KernelRoots): string | undefined {
  const actions = findAttribute(`${roots.procfs}/sys/kernel/seccomp/actions_avail`);
  if (actions === undefined) {
    return `the kernel has no seccomp filters (${roots.procfs}/sys/kernel/seccomp is missing): use one with CONFIG_SECCOMP_FILTER=y`;
  }
  const missing = ['kill_process', 'errno', 'allow'].filter((action) => !actions.split(' ').includes(action));
  return missing.length === 0
    ? undefined
    : `the kernel's seccomp filters lack ${missing.join(', ')}: update it to Linux 4.14 or later`;
}
