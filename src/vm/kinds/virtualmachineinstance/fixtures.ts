/** A small valid VMI for tests. */
import type { VirtualMachineInstance } from './types.ts';

export function sampleVmi(): VirtualMachineInstance {
  return {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachineInstance',
    metadata: { name: 'web', namespace: 'default', uid: '11111111-2222-4333-8444-555555555555', generation: 1 },
    spec: {
      domain: {
        cpu: { cores: 2 },
        memory: { guest: '256Mi' },
        devices: {
          disks: [
            { name: 'root', disk: { bus: 'virtio' }, bootOrder: 1 },
            { name: 'seed', disk: { bus: 'virtio' } },
            { name: 'scratch', disk: { bus: 'virtio' } },
          ],
          interfaces: [{ name: 'default', masquerade: {}, ports: [{ name: 'http', port: 80 }] }],
          rng: {},
        },
      },
      networks: [{ name: 'default', pod: {} }],
      volumes: [
        { name: 'root', containerDisk: { image: 'registry.example/images/demo:1' } },
        { name: 'seed', cloudInitNoCloud: { userData: '#cloud-config\n' } },
        { name: 'scratch', emptyDisk: { capacity: '1Gi' } },
      ],
    },
  };
}
