/** Where a reader looks for the kernel's file systems. A test gives a directory that it prepared. */
export interface KernelRoots {
  /** Mount point of sysfs. */
  readonly sysfs: string;
  /** Mount point of procfs. */
  readonly procfs: string;
  /** Mount point of devtmpfs. */
  readonly devfs: string;
  /** Directory that holds one directory of modules per kernel release. */
  readonly modules: string;
}

/** The roots of a host that is set up as usual. */
export function hostRoots(): KernelRoots {
  return { sysfs: '/sys', procfs: '/proc', devfs: '/dev', modules: '/lib/modules' };
}
