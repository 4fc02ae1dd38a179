import type { KernelRoots } from '../sysfs/roots.ts';
import { readHugePages } from './hugepages.ts';

/** Whether this kernel has pools of huge pages: undefined when so, else the reason and the remedy in one sentence. */
export function findHugePageObstacle(roots: KernelRoots): string | undefined {
  const { sizes, defaultSize } = readHugePages(roots);
  if (sizes.length === 0 || defaultSize === undefined) {
    return `the kernel has no huge pages (${roots.sysfs}/kernel/mm/hugepages is missing): use one with CONFIG_HUGETLBFS=y`;
  }
  return undefined;
}
