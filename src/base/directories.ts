/** Where an instance of vmlet keeps its things. The environment moves them, so that two instances can live side by side. */

/** Durable: store, certificates, kubeconfig, images, pod volumes. */
export function stateDirectory(): string {
  return process.env['VMLET_STATE_DIR'] ?? '/var/lib/vmlet';
}

/** Gone after a reboot: pid file, namespaces, runc's state. */
export function runDirectory(): string {
  return process.env['VMLET_RUN_DIR'] ?? '/run/vmlet';
}
