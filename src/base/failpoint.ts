/**
 * Named points at which a test can kill this process, as a crash would: VMLET_KILL_AT_STEP=<name>. Each is a point where
 * something outside (store, kernel, libvirt) was just changed and the rest of the work is still to do.
 */
const killAt = process.env['VMLET_KILL_AT_STEP'];

export function failpoint(step: string): void {
  if (killAt !== undefined && killAt === step) {
    process.kill(process.pid, 'SIGKILL');
  }
}
