import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatFieldError } from '../../../apimachinery/field-error.ts';
import { conforms } from '../schema/conforms.ts';
import { sampleVmi } from './fixtures.ts';
import { vmiSchema } from './schema.ts';
import type { VirtualMachineInstanceSpec } from './types.ts';
import { validateVmiSpec } from './validate.ts';

const options = { everyVolumeUsed: true, architectures: ['amd64'] };

function errorsOf(change: (spec: VirtualMachineInstanceSpec) => void): string[] {
  const { spec } = sampleVmi();
  change(spec);
  return validateVmiSpec(spec, 'spec', options).map(formatFieldError);
}

/** What is changed in a valid VMI, and where validation must point: field and kind of error. */
const table: readonly (readonly [string, (spec: VirtualMachineInstanceSpec) => void, readonly RegExp[]])[] = [
  ['nothing', () => {}, []],
  // Resources
  ['no memory', (s) => delete s.domain.memory, [/^spec\.domain\.memory\.guest: Required/]],
  [
    'memory no quantity',
    (s) => (s.domain.memory = { guest: 'much' }),
    [/^spec\.domain\.memory\.guest: Invalid value: "much"/],
  ],
  ['memory zero', (s) => (s.domain.memory = { guest: '0' }), [/^spec\.domain\.memory\.guest: Invalid/]],
  ['memory negative', (s) => (s.domain.memory = { guest: '-1Gi' }), [/^spec\.domain\.memory\.guest: Invalid/]],
  ['memory tiny', (s) => (s.domain.memory = { guest: '4096' }), [/at least 1Mi/]],
  [
    'guest above limit',
    (s) => (s.domain.resources = { limits: { memory: '128Mi' } }),
    [/memory\.guest: .*limits\.memory/],
  ],
  [
    'requests above limits',
    (s) => (s.domain.resources = { requests: { cpu: '2', memory: '2Gi' }, limits: { cpu: '1', memory: '1Gi' } }),
    [/requests\.cpu: Invalid/, /requests\.memory: Invalid/],
  ],
  [
    'other resource',
    (s) => (s.domain.resources = { requests: { gpu: '1' } }),
    [/requests\.gpu: Forbidden: not supported/],
  ],
  ['no cores', (s) => (s.domain.cpu = { cores: 0 }), [/cpu\.cores: Invalid/]],
  ['too many vcpus', (s) => (s.domain.cpu = { cores: 32, sockets: 32 }), [/spec\.domain\.cpu: Invalid value: 1024/]],
  ['cpu model with a quote', (s) => (s.domain.cpu = { model: "a'b" }), [/cpu\.model: Invalid/]],
  [
    'cpu flag twice',
    (s) => (s.domain.cpu = { features: [{ name: 'vmx' }, { name: 'vmx', policy: 'disable' }] }),
    [/features\[1\]\.name: Duplicate/],
  ],
  // Machine
  ['bad machine', (s) => (s.domain.machine = { type: 'q35 -x' }), [/machine\.type: Invalid/]],
  ['bad uuid', (s) => (s.domain.firmware = { uuid: '1234' }), [/firmware\.uuid: Invalid/]],
  [
    'bios and efi',
    (s) => (s.domain.firmware = { bootloader: { bios: {}, efi: { secureBoot: false } } }),
    [/bootloader\.efi: Forbidden/],
  ],
  [
    'secure boot without SMM',
    (s) => (s.domain.firmware = { bootloader: { efi: {} } }),
    [/^spec\.domain\.features\.smm: Required value: secure boot/],
  ],
  ['secure boot off', (s) => (s.domain.firmware = { bootloader: { efi: { secureBoot: false } } }), []],
  [
    'secure boot with SMM',
    (s) => {
      s.domain.firmware = { bootloader: { efi: { secureBoot: true } } };
      s.domain.features = { smm: {} };
    },
    [],
  ],
  [
    'UEFI variables that stay',
    (s) => (s.domain.firmware = { bootloader: { efi: { secureBoot: false, persistent: true } } }),
    [/efi\.persistent: Forbidden: not supported by vmlet yet \(there is no volume for them\)/],
  ],
  [
    'video without graphics',
    (s) => {
      s.domain.devices.autoattachGraphicsDevice = false;
      s.domain.devices.video = { type: 'vga' };
    },
    [/devices\.video: Forbidden/],
  ],
  [
    'arguments without kernel',
    (s) => (s.domain.firmware = { kernelBoot: { kernelArgs: 'quiet' } }),
    [/kernelBoot\.container: Required/],
  ],
  [
    'kernel path relative',
    (s) => (s.domain.firmware = { kernelBoot: { container: { image: 'k', kernelPath: 'boot/vmlinuz' } } }),
    [/kernelPath: Invalid/],
  ],
  [
    'initrd outside',
    (s) =>
      (s.domain.firmware = {
        kernelBoot: { container: { image: 'k', kernelPath: '/vmlinuz', initrdPath: '/boot/../../etc/shadow' } },
      }),
    [/initrdPath: Invalid/],
  ],
  [
    'no kernel path',
    (s) => (s.domain.firmware = { kernelBoot: { container: { image: 'k' } } }),
    [/kernelPath: Required/],
  ],
  ['utc and zone', (s) => (s.domain.clock = { utc: {}, timezone: 'Europe/Vienna' }), [/clock\.timezone: Forbidden/]],
  ['zone is a path', (s) => (s.domain.clock = { timezone: '../../etc/passwd' }), [/clock\.timezone: Invalid/]],
  ['synictimer alone', (s) => (s.domain.features = { hyperv: { synictimer: {} } }), [/hyperv\.synic: Required/]],
  // Disks and volumes
  ['disk without volume', (s) => s.volumes?.pop(), [/disks\[2\]\.name: Not found: "scratch"/]],
  ['volume without disk', (s) => s.domain.devices.disks?.pop(), [/volumes\[2\]\.name: Not found: "scratch"/]],
  ['disk twice', (s) => s.domain.devices.disks?.push({ name: 'root' }), [/disks\[3\]\.name: Duplicate/]],
  [
    'disk and cdrom',
    (s) => (s.domain.devices.disks ?? [])[0] && ((s.domain.devices.disks ?? [])[0]!.cdrom = {}),
    [/disks\[0\]: Forbidden/],
  ],
  [
    'lun',
    (s) => (s.domain.devices.disks = [{ name: 'root', lun: {} }, ...(s.domain.devices.disks ?? []).slice(1)]),
    [/disks\[0\]\.lun: Forbidden: not supported/],
  ],
  [
    'boot order shared with an interface',
    (s) => (s.domain.devices.interfaces = [{ name: 'default', masquerade: {}, bootOrder: 1 }]),
    [/interfaces\[0\]\.bootOrder: Duplicate/],
  ],
  [
    'native io with a cache',
    (s) =>
      (s.domain.devices.disks = [
        { name: 'root', io: 'native', cache: 'writeback' },
        ...(s.domain.devices.disks ?? []).slice(1),
      ]),
    [/disks\[0\]\.io: Invalid/],
  ],
  [
    'two sources',
    (s) =>
      (s.volumes = [
        { name: 'root', containerDisk: { image: 'x' }, emptyDisk: { capacity: '1Gi' } },
        ...(s.volumes ?? []).slice(1),
      ]),
    [/volumes\[0\]: Forbidden/],
  ],
  ['no source', (s) => (s.volumes = [{ name: 'root' }, ...(s.volumes ?? []).slice(1)]), [/volumes\[0\]: Required/]],
  [
    'path out of the image',
    (s) =>
      (s.volumes = [
        { name: 'root', containerDisk: { image: 'x', path: '/disk/../../etc/x' } },
        ...(s.volumes ?? []).slice(1),
      ]),
    [/containerDisk\.path: Invalid/],
  ],
  [
    'image that is an option',
    (s) => (s.volumes = [{ name: 'root', containerDisk: { image: '--help' } }, ...(s.volumes ?? []).slice(1)]),
    [/containerDisk\.image: Invalid/],
  ],
  [
    'claim',
    (s) => (s.volumes = [{ name: 'root', persistentVolumeClaim: { claimName: 'x' } }, ...(s.volumes ?? []).slice(1)]),
    [/volumes\[0\]\.persistentVolumeClaim: Forbidden: not supported by vmlet yet/],
  ],
  [
    'empty disk of nothing',
    (s) => (s.volumes?.[2]?.emptyDisk ?? { capacity: '' }) && (s.volumes![2]!.emptyDisk!.capacity = '1k'),
    [/emptyDisk\.capacity: Invalid/],
  ],
  [
    'user data twice',
    (s) => (s.volumes![1]!.cloudInitNoCloud = { userData: 'x', secretRef: { name: 'y' } }),
    [/cloudInitNoCloud\.secretRef: Forbidden/],
  ],
  [
    'user data too long',
    (s) => (s.volumes![1]!.cloudInitNoCloud = { userData: 'x'.repeat(2049) }),
    [/userData: Too long: may have 2048 bytes/],
  ],
  ['user data just fits', (s) => (s.volumes![1]!.cloudInitNoCloud = { userData: 'x'.repeat(2048) }), []],
  ['no base64', (s) => (s.volumes![1]!.cloudInitNoCloud = { userDataBase64: '%%%' }), [/userDataBase64: Invalid/]],
  ['cloud-init empty', (s) => (s.volumes![1]!.cloudInitNoCloud = {}), [/cloudInitNoCloud: Required/]],
  // Network
  ['interface without network', (s) => (s.networks = []), [/interfaces\[0\]\.name: Not found/]],
  ['network without interface', (s) => (s.domain.devices.interfaces = []), [/networks\[0\]\.name: Not found/]],
  ['two bindings', (s) => (s.domain.devices.interfaces![0]!.bridge = {}), [/interfaces\[0\]: Forbidden/]],
  ['no binding', (s) => (s.domain.devices.interfaces = [{ name: 'default' }]), [/interfaces\[0\]: Required/]],
  [
    'sriov',
    (s) => (s.domain.devices.interfaces = [{ name: 'default', sriov: {} }]),
    [/interfaces\[0\]\.sriov: Forbidden/],
  ],
  ['port 0', (s) => (s.domain.devices.interfaces![0]!.ports = [{ port: 0 }]), [/ports\[0\]\.port: Invalid/]],
  [
    'port twice',
    (s) => (s.domain.devices.interfaces![0]!.ports = [{ port: 80 }, { port: 80, protocol: 'TCP' }]),
    [/ports\[1\]: Duplicate/],
  ],
  [
    'same port, other protocol',
    (s) => (s.domain.devices.interfaces![0]!.ports = [{ port: 53 }, { port: 53, protocol: 'UDP' }]),
    [],
  ],
  [
    'ports on a bridge',
    (s) => (s.domain.devices.interfaces = [{ name: 'default', bridge: {}, ports: [{ port: 80 }] }]),
    [/interfaces\[0\]\.ports: Forbidden/],
  ],
  ['no mac', (s) => (s.domain.devices.interfaces![0]!.macAddress = 'zz:00:00:00:00:01'), [/macAddress: Invalid/]],
  [
    'multicast mac',
    (s) => (s.domain.devices.interfaces![0]!.macAddress = '01:00:5e:00:00:01'),
    [/macAddress: Invalid.*multicast/],
  ],
  [
    'option 12',
    (s) => (s.domain.devices.interfaces![0]!.dhcpOptions = { privateOptions: [{ option: 12, value: 'x' }] }),
    [/privateOptions\[0\]\.option: Invalid/],
  ],
  [
    'network too small',
    (s) => (s.networks = [{ name: 'default', pod: { vmNetworkCIDR: '10.0.2.0/31' } }]),
    [/vmNetworkCIDR: Invalid/],
  ],
  [
    'v6 where v4 belongs',
    (s) => (s.networks = [{ name: 'default', pod: { vmNetworkCIDR: 'fd10::/120' } }]),
    [/vmNetworkCIDR: Invalid/],
  ],
  [
    'multus',
    (s) => (s.networks = [{ name: 'default', multus: { networkName: 'x' } }]),
    [/networks\[0\]\.multus: Forbidden/, /masquerade: Forbidden/],
  ],
  // The rest
  ['negative grace', (s) => (s.terminationGracePeriodSeconds = -1), [/terminationGracePeriodSeconds: Invalid/]],
  ['no grace', (s) => (s.terminationGracePeriodSeconds = 0), []],
  ['host name', (s) => (s.hostname = 'A_b'), [/spec\.hostname: Invalid/]],
  ['long host name', (s) => (s.hostname = 'a'.repeat(64)), [/spec\.hostname: Invalid/]],
  ['architecture', (s) => (s.architecture = 's390x'), [/spec\.architecture: Invalid/]],
  ['tpm', (s) => (s.domain.devices.tpm = {}), [/^spec\.domain\.devices\.tpm: Forbidden: not supported by vmlet yet$/]],
  [
    'live migration',
    (s) => (s.evictionStrategy = 'LiveMigrate'),
    [/evictionStrategy: Forbidden: the value "LiveMigrate"/],
  ],
  ['no eviction', (s) => (s.evictionStrategy = 'None'), []],
  ['pinning off', (s) => (s.domain.cpu = { dedicatedCpuPlacement: false }), []],
  ['pinning', (s) => (s.domain.cpu = { dedicatedCpuPlacement: true }), [/dedicatedCpuPlacement: Forbidden/]],
];

for (const [name, change, expected] of table) {
  test(`validation: ${name}`, () => {
    const errors = errorsOf(change);
    assert.equal(errors.length, expected.length, errors.join('\n'));
    for (const pattern of expected) {
      assert.ok(
        errors.some((error) => pattern.test(error)),
        `${String(pattern)} not in\n${errors.join('\n')}`,
      );
    }
  });
}

test('a template may have volumes that no disk uses yet', () => {
  const { spec } = sampleVmi();
  spec.domain.devices.disks?.pop();
  assert.deepEqual(validateVmiSpec(spec, 'spec.template.spec', { ...options, everyVolumeUsed: false }), []);
});

test('values of the wrong type are left to the schema', () => {
  const wrong: unknown[] = [
    { spec: { domain: [] } },
    { spec: { domain: { devices: { disks: {} } } } },
    { spec: { domain: { devices: { disks: [null] } } } },
    { spec: { domain: { devices: {}, memory: { guest: true } } } },
    { spec: 'x' },
    {},
  ];
  for (const value of wrong) {
    assert.equal(conforms(vmiSchema.schema, value), false, JSON.stringify(value));
  }
  assert.equal(conforms(vmiSchema.schema, sampleVmi()), true);
});
