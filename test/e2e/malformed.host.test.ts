/** Manifests that make no sense, posted straight to the API: each is refused at its field, and nothing is stored. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StatusError } from '../../src/apimachinery/status.ts';
import { vmType } from '../../src/vm/kinds/virtualmachine/resource.ts';
import { vmiType } from '../../src/vm/kinds/virtualmachineinstance/resource.ts';
import { missingForHostTests, startInstance } from '../support/instance.ts';
import { machineManifest } from '../support/machines.ts';

const skip = missingForHostTests() ?? false;

/** Objects are changed by path here, as a person's mistake does not heed types. */
type Loose = { [field: string]: Loose } & Loose[];

interface Case {
  readonly wrong: string;
  /** Where the value goes, and the value; `undefined` removes the field. */
  readonly set: readonly (readonly [path: string, value: unknown])[];
  /** The field that the answer names; the last field set when left out. */
  readonly field?: string;
  readonly code?: 400 | 422;
}

const devices = 'spec.domain.devices';
const disk = (name: string): object => ({ name, disk: { bus: 'virtio' } });

const vmis: readonly Case[] = [
  { wrong: 'no spec', set: [['spec', undefined]] },
  { wrong: 'no domain', set: [['spec.domain', undefined]] },
  { wrong: 'a text where a map belongs', set: [['spec.domain', 'small']] },
  { wrong: 'a text where a list belongs', set: [['spec.volumes', 'disk']] },
  { wrong: 'a number where a text belongs', set: [['spec.hostname', 7]] },
  { wrong: 'an unknown field', set: [['spec.bogus', 1]], code: 400 },
  {
    wrong: 'an unknown field deep inside',
    set: [['spec.domain.cpu', { coores: 2 }]],
    field: 'spec.domain.cpu.coores',
    code: 400,
  },
  { wrong: 'a name that is no DNS name', set: [['metadata.name', 'Not_A_Name']] },
  { wrong: 'a name of 300 bytes', set: [['metadata.name', 'a'.repeat(300)]] },
  { wrong: 'a host name that is none', set: [['spec.hostname', 'my host']] },
  { wrong: 'negative grace', set: [['spec.terminationGracePeriodSeconds', -1]] },
  { wrong: 'another architecture', set: [['spec.architecture', 's390x']] },
  { wrong: 'memory that is no quantity', set: [['spec.domain.memory.guest', 'plenty']] },
  { wrong: 'memory of nothing', set: [['spec.domain.memory.guest', '0']] },
  { wrong: 'no memory at all', set: [['spec.domain.memory', undefined]], field: 'spec.domain.memory.guest' },
  {
    wrong: 'more memory than the limit',
    set: [['spec.domain.resources', { limits: { memory: '64Mi' } }]],
    field: 'spec.domain.memory.guest',
  },
  {
    wrong: 'more CPU requested than the limit',
    set: [['spec.domain.resources', { requests: { cpu: '2' }, limits: { cpu: '1' } }]],
    field: 'spec.domain.resources.requests.cpu',
  },
  { wrong: 'no core', set: [['spec.domain.cpu', { cores: 0 }]], field: 'spec.domain.cpu.cores' },
  { wrong: 'a million cores', set: [['spec.domain.cpu', { cores: 1_000_000 }]], field: 'spec.domain.cpu' },
  { wrong: 'an interface without a network', set: [['spec.networks', []]], field: `${devices}.interfaces[0]` },
  { wrong: 'a network without an interface', set: [[`${devices}.interfaces`, []]], field: 'spec.networks[0]' },
  {
    wrong: 'two bindings',
    set: [[`${devices}.interfaces`, [{ name: 'default', masquerade: {}, bridge: {} }]]],
    field: `${devices}.interfaces[0]`,
  },
  { wrong: 'no binding', set: [[`${devices}.interfaces`, [{ name: 'default' }]]], field: `${devices}.interfaces[0]` },
  { wrong: 'a MAC address that is none', set: [[`${devices}.interfaces[0].macAddress`, 'aa:bb']] },
  { wrong: 'a multicast MAC address', set: [[`${devices}.interfaces[0].macAddress`, '01:00:00:00:00:01']] },
  {
    wrong: 'a port that is none',
    set: [[`${devices}.interfaces[0].ports`, [{ port: 70_000 }]]],
    field: `${devices}.interfaces[0].ports[0].port`,
  },
  { wrong: 'a disk without a volume', set: [[`${devices}.disks`, [disk('lost')]]], field: `${devices}.disks[0]` },
  {
    wrong: 'a volume without a disk',
    set: [['spec.volumes', [{ name: 'lost', emptyDisk: { capacity: '1Gi' } }]]],
    field: 'spec.volumes[0]',
  },
  {
    wrong: 'a volume with two sources',
    set: [
      [`${devices}.disks`, [disk('both')]],
      ['spec.volumes', [{ name: 'both', emptyDisk: { capacity: '1Gi' }, containerDisk: { image: 'a/b:c' } }]],
    ],
    field: 'spec.volumes[0]',
  },
  {
    wrong: 'a volume without a source',
    set: [
      [`${devices}.disks`, [disk('none')]],
      ['spec.volumes', [{ name: 'none' }]],
    ],
    field: 'spec.volumes[0]',
  },
  {
    wrong: 'two volumes of one name',
    set: [
      [`${devices}.disks`, [disk('twin')]],
      ['spec.volumes', [0, 1].map(() => ({ name: 'twin', emptyDisk: { capacity: '1Gi' } }))],
    ],
    field: 'spec.volumes[1]',
  },
  {
    wrong: 'a capacity that is none',
    set: [
      [`${devices}.disks`, [disk('big')]],
      ['spec.volumes', [{ name: 'big', emptyDisk: { capacity: '-1Gi' } }]],
    ],
    field: 'spec.volumes[0].emptyDisk.capacity',
  },
  {
    wrong: 'an image reference with a space',
    set: [
      [`${devices}.disks`, [disk('odd')]],
      ['spec.volumes', [{ name: 'odd', containerDisk: { image: 'a b' } }]],
    ],
    field: 'spec.volumes[0].containerDisk.image',
  },
  {
    wrong: 'cloud-init without data',
    set: [
      [`${devices}.disks`, [disk('seed')]],
      ['spec.volumes', [{ name: 'seed', cloudInitNoCloud: {} }]],
    ],
    field: 'spec.volumes[0].cloudInitNoCloud',
  },
  {
    wrong: 'a kernel path that climbs',
    set: [['spec.domain.firmware.kernelBoot.container.kernelPath', '/../etc/shadow']],
  },
  { wrong: 'a relative kernel path', set: [['spec.domain.firmware.kernelBoot.container.kernelPath', 'vmlinuz']] },
  {
    wrong: 'BIOS and EFI',
    set: [['spec.domain.firmware.bootloader', { bios: {}, efi: {} }]],
    field: 'spec.domain.firmware.bootloader.efi',
  },
  { wrong: 'a firmware UUID that is none', set: [['spec.domain.firmware.uuid', '42']] },
  { wrong: 'a known field that does not work yet', set: [[`${devices}.tpm`, {}]] },
  {
    wrong: 'a label that is vmlet’s own',
    set: [['metadata.labels', { 'kubevirt.io/nodeName': 'here' }]],
    field: 'metadata.labels',
  },
];

const vms: readonly Case[] = [
  { wrong: 'no template', set: [['spec.template', undefined]] },
  { wrong: 'running and runStrategy', set: [['spec.running', true]], field: 'spec.runStrategy' },
  { wrong: 'a run strategy that is none', set: [['spec.runStrategy', 'Sometimes']] },
  { wrong: 'a template that makes no sense', set: [['spec.template.spec.domain.memory.guest', 'plenty']] },
  { wrong: 'an unknown field in the template', set: [['spec.template.spec.bogus', 1]], code: 400 },
];

function put(object: Loose, path: string, value: unknown): void {
  const steps = path.split(/\.|\[|\]\.?/).filter((step) => step !== '');
  const last = steps.pop() ?? '';
  const target = steps.reduce<Loose>((at, step) => at[step] as Loose, object);
  if (value === undefined) {
    Reflect.deleteProperty(target, last);
  } else {
    target[last] = value as Loose;
  }
}

test('every malformed manifest is refused at its field and nothing is stored', { skip, timeout: 90_000 }, async (t) => {
  const instance = await startInstance(t);
  const path = (resource: string): string =>
    `/apis/kubevirt.io/v1/namespaces/default/${resource}?fieldValidation=Strict`;

  async function assertRefused(resource: string, base: object, { wrong, set, field, code }: Case): Promise<void> {
    const manifest = structuredClone(base) as Loose;
    for (const [where, value] of set) {
      put(manifest, where, value);
    }
    const wanted = field ?? set.at(-1)?.[0] ?? '';
    await t.test(`${resource}: ${wrong}`, async () => {
      await assert.rejects(instance.api.request('POST', path(resource), manifest), (error: unknown) => {
        assert.ok(error instanceof StatusError, String(error));
        assert.equal(error.status.code, code ?? 422, error.message);
        assert.ok(error.message.includes(wanted), `${error.message} names ${wanted}`);
        if (error.status.code === 422) {
          const fields = (error.status.details?.causes ?? []).map((cause) => cause.field ?? '');
          assert.ok(
            fields.some((named) => named.startsWith(wanted)),
            `causes: ${fields.join(', ')}`,
          );
        }
        return true;
      });
    });
  }

  const vmi = machineManifest('bad');
  for (const each of vmis) {
    await assertRefused('virtualmachineinstances', vmi, each);
  }
  const vm = {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachine',
    metadata: { name: 'bad', namespace: 'default' },
    spec: { runStrategy: 'Halted', template: { metadata: {}, spec: vmi.spec } },
  };
  for (const each of vms) {
    await assertRefused('virtualmachines', vm, each);
  }
  await t.test('the manifests without their faults are fine', async () => {
    await instance.api.request('POST', `${path('virtualmachineinstances')}&dryRun=All`, vmi);
    await instance.api.request('POST', `${path('virtualmachines')}&dryRun=All`, vm);
  });
  assert.deepEqual((await instance.api.client.list(vmiType)).items, []);
  assert.deepEqual((await instance.api.client.list(vmType)).items, []);
});
