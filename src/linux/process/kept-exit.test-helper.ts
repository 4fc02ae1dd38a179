import os from 'node:os';

/** Whether this kernel tells how a process ended after its parent has taken the status (PIDFD_INFO_EXIT, Linux 6.15). */
export const kernelKeepsExits = ((): boolean => {
  const [major = 0, minor = 0] = os.release().split('.').map(Number);
  return major > 6 || (major === 6 && minor >= 15);
})();
