import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { VirtualMachineInstance } from '../../src/vm/kinds/virtualmachineinstance/types.ts';
import { bootDiskMissing, makeBootDisk } from '../support/boot-disk.ts';
import { missingForHostTests, startInstance } from '../support/instance.ts';
import {
  addresses,
  create,
  fetchFromGuest,
  machineManifest,
  remove,
  waitForPhase,
  waitGone,
} from '../support/machines.ts';
import { makeImage } from '../support/oci-image.ts';
import { registryMissing, startRegistry } from '../support/registry.ts';

const skip = missingForHostTests() ?? registryMissing ?? bootDiskMissing ?? false;

function fromDisk(name: string, image: string, bus: 'virtio' | 'sata'): VirtualMachineInstance {
  const { spec, ...rest } = machineManifest(name);
  return {
    ...rest,
    spec: {
      ...spec,
      domain: {
        memory: { guest: '192Mi' },
        devices: {
          ...spec.domain.devices,
          disks: [{ name: 'root', bootOrder: 1, disk: { bus } }],
        },
      },
      volumes: [{ name: 'root', containerDisk: { image } }],
    },
  };
}

for (const [format, bus] of [
  ['qcow2', 'virtio'],
  ['raw', 'sata'],
] as const) {
  test(
    `a guest boots by its firmware from a ${format} disk on ${bus}, pushed to a registry`,
    { skip, timeout: 180_000 },
    async (t) => {
      const work = mkdtempSync(join(tmpdir(), 'disks-'));
      t.after(() => rmSync(work, { recursive: true, force: true }));
      mkdirSync(join(work, 'image/disk'), { recursive: true });
      makeBootDisk(join(work, `image/disk/boot.${format}`), format);
      const registry = await startRegistry(t);
      registry.push(makeImage(join(work, 'image'), join(work, 'oci')), 'boot-disk:v1');
      const instance = await startInstance(t);
      await create(instance, fromDisk('disk', `${registry.host}/boot-disk:v1`, bus));
      const vmi = await waitForPhase(instance, 'disk', 'Running');
      assert.match(await fetchFromGuest(addresses(vmi)[0] ?? ''), /Hello from/);
      assert.equal(vmi.status?.volumeStatus?.[0]?.target, bus === 'virtio' ? 'vda' : 'sda');
      await remove(instance, 'disk');
      await waitGone(instance, 'disk');
    },
  );
}

test('a guest boots by UEFI', { skip, timeout: 180_000 }, async (t) => {
  const instance = await startInstance(t);
  const manifest = machineManifest('uefi');
  const { firmware } = manifest.spec.domain;
  await create(instance, {
    ...manifest,
    spec: {
      ...manifest.spec,
      domain: {
        ...manifest.spec.domain,
        memory: { guest: '256Mi' },
        firmware: { ...firmware, bootloader: { efi: { secureBoot: false } } },
      },
    },
  });
  const vmi = await waitForPhase(instance, 'uefi', 'Running');
  assert.match(await fetchFromGuest(addresses(vmi)[0] ?? '', '/', 120_000), /firmware +UEFI/);
  await remove(instance, 'uefi');
  await waitGone(instance, 'uefi');
});
