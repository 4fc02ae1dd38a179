/** A VirtualMachineInstance of about 3 KB, as a virtual machine with a disk, a network and cloud-init has. */
const userData = `#cloud-config\n${'# a line of a cloud-init file of common length\n'.repeat(40)}`;

const template = JSON.stringify({
  apiVersion: 'kubevirt.io/v1',
  kind: 'VirtualMachineInstance',
  metadata: {
    name: 'NAME',
    labels: { app: 'bench', tier: 'load' },
    annotations: { 'example.com/note': 'A remark of an operator. '.repeat(8) },
  },
  spec: {
    terminationGracePeriodSeconds: 20,
    domain: {
      cpu: { cores: 1 },
      memory: { guest: '192Mi' },
      resources: { limits: { memory: '192Mi' } },
      devices: {
        rng: {},
        autoattachGraphicsDevice: false,
        disks: ['root', 'scratch', 'seed'].map((name) => ({ name, disk: { bus: 'virtio' } })),
        interfaces: [{ name: 'default', masquerade: {} }],
      },
    },
    networks: [{ name: 'default', pod: {} }],
    volumes: [
      { name: 'root', containerDisk: { image: 'oci:/var/lib/vmlet/local-images/demo-guest' } },
      { name: 'scratch', emptyDisk: { capacity: '64Mi' } },
      { name: 'seed', cloudInitNoCloud: { userData } },
    ],
  },
});

/** The request body: JSON. */
export function vmiText(name: string): string {
  return template.replaceAll('NAME', name);
}
