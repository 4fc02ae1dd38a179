/** Random VMs as fast-check makes them, admitted ones: what the pure steps may be given. */
import * as fc from 'fast-check';
import type { Pod } from '../../../apimachinery/core.ts';
import type { PodNic } from '../../../vm/bindings/types.ts';
import type { Disk, Interface } from '../../../vm/kinds/virtualmachineinstance/device-types.ts';
import type { VirtualMachineInstance } from '../../../vm/kinds/virtualmachineinstance/types.ts';
import type { Volume } from '../../../vm/kinds/virtualmachineinstance/volume-types.ts';
import type { HostFacts, MachineInput } from '../machine-input.ts';

export const vmiUid = '8a1f2c3d-0000-4000-8000-000000000009';
export const podUid = '1b2c3d4e-0000-4000-8000-000000000009';
/** What a test looks for in all that is shown: it must never appear. */
export const secretText = 'correct horse battery staple';

const name = fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/);
const mac = fc
  .array(fc.integer({ min: 0, max: 255 }), { minLength: 5, maxLength: 5 })
  .map((bytes) => ['02', ...bytes.map((byte) => byte.toString(16).padStart(2, '0'))].join(':'));

const seed = fc.constantFrom(
  { userData: `#cloud-config\npassword: ${secretText}\n` },
  { userDataBase64: Buffer.from(`password: ${secretText}`).toString('base64'), networkData: `# ${secretText}` },
  { secretRef: { name: 'login' }, networkDataSecretRef: { name: 'login' } },
);

const volumeSource: fc.Arbitrary<Omit<Volume, 'name'>> = fc.oneof(
  fc.constantFrom<Omit<Volume, 'name'>>(
    { containerDisk: { image: 'registry.test/a:1' } },
    { containerDisk: { image: 'registry.test/b:2', path: '/disk/b.qcow2' } },
    { emptyDisk: { capacity: '64Mi' } },
    { emptyDisk: { capacity: '1500k' } },
  ),
  seed.map((cloudInitNoCloud) => ({ cloudInitNoCloud })),
  seed.map((cloudInitConfigDrive) => ({ cloudInitConfigDrive })),
);

const nic: fc.Arbitrary<Interface> = fc
  .record(
    {
      binding: fc.constantFrom<Pick<Interface, 'masquerade' | 'bridge'>>({ masquerade: {} }, { bridge: {} }),
      macAddress: mac,
      model: fc.constantFrom('virtio', 'e1000'),
      ports: fc.uniqueArray(
        fc.integer({ min: 1, max: 65_535 }).map((port) => ({ port })),
        {
          maxLength: 4,
          selector: ({ port }) => port,
        },
      ),
      state: fc.constantFrom('up', 'down', 'absent'),
    },
    { requiredKeys: ['binding'] },
  )
  .map(({ binding, ...rest }) => ({ name: 'default', ...binding, ...rest }));

/** Any VM with at most one pod network, a few disks and any limits. */
export const machineInput: fc.Arbitrary<MachineInput> = fc
  .record({
    nics: fc.array(nic, { maxLength: 1 }),
    volumes: fc.uniqueArray(fc.tuple(name, volumeSource), { maxLength: 5, selector: ([volume]) => volume }),
    cores: fc.integer({ min: 1, max: 8 }),
    multiqueue: fc.boolean(),
    efi: fc.option(fc.record({ secureBoot: fc.boolean() })),
    paused: fc.boolean(),
    memoryLimit: fc.option(fc.integer({ min: 1, max: 2 ** 40 })),
    cpuRequest: fc.option(fc.integer({ min: 1, max: 400_000 })),
    cpuLimit: fc.option(fc.integer({ min: 1, max: 64_000 })),
    devices: fc.subarray(['devices.kubevirt.io/kvm', 'devices.kubevirt.io/tun', 'devices.kubevirt.io/vhost-net']),
  })
  .map((made) => {
    const vmi: VirtualMachineInstance = {
      apiVersion: 'kubevirt.io/v1',
      kind: 'VirtualMachineInstance',
      metadata: { name: 'vm', namespace: 'default', uid: vmiUid },
      spec: {
        ...(made.paused ? { startStrategy: 'Paused' } : {}),
        domain: {
          cpu: { cores: made.cores },
          memory: { guest: '128Mi' },
          ...(made.efi === null ? {} : { firmware: { bootloader: { efi: made.efi } } }),
          devices: {
            interfaces: made.nics,
            networkInterfaceMultiqueue: made.multiqueue,
            disks: made.volumes.map(([disk]): Disk => ({ name: disk, disk: { bus: 'virtio' } })),
          },
        },
        networks: made.nics.map((card) => ({ name: card.name, pod: {} })),
        volumes: made.volumes.map(([volume, source]) => ({ name: volume, ...source })),
      },
      status: { phase: 'Scheduled' },
    };
    return { vmi, pod: podWith(made) };
  });

function podWith(made: {
  readonly memoryLimit: number | null;
  readonly cpuRequest: number | null;
  readonly cpuLimit: number | null;
  readonly devices: readonly string[];
}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'virt-launcher-vm', namespace: 'default', uid: podUid },
    spec: {
      containers: [
        {
          name: 'compute',
          image: 'launcher',
          resources: {
            requests: made.cpuRequest === null ? {} : { cpu: `${made.cpuRequest}m` },
            limits: {
              ...(made.memoryLimit === null ? {} : { memory: String(made.memoryLimit) }),
              ...(made.cpuLimit === null ? {} : { cpu: `${made.cpuLimit}m` }),
              ...Object.fromEntries(made.devices.map((device) => [device, '1'])),
            },
          },
        },
      ],
    },
  };
}

export const hostFacts: fc.Arbitrary<HostFacts> = fc.record({
  emulationReason: fc.constantFrom(undefined, 'no /dev/kvm'),
  sandboxUid: fc.constant(107),
  sandboxPidsMax: fc.constantFrom(undefined, 1024),
  vhostNet: fc.boolean(),
  cgroupVersion: fc.constantFrom('v1', 'v2'),
  cpus: fc.constantFrom([0], [0, 1, 2, 3]),
});

/** A pod's interface as pod networks make them: with addresses of either family, both or none. */
export const podNic: fc.Arbitrary<PodNic> = fc.record({
  name: fc.constant('eth0'),
  macAddress: mac,
  mtu: fc.constantFrom(1280, 1450, 1500, 9000),
  addresses: fc.constantFrom(['10.244.0.5/24'], ['fd44::5/64'], ['10.244.0.5/24', 'fd44::5/64'], []),
  routes: fc.constant([]),
});
