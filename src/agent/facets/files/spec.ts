/** Which files a VM needs in its sandbox, and how its domain finds them. Pure. */
import { createHash } from 'node:crypto';
import { quantityBytes } from '../../../apimachinery/quantity.ts';
import { assert } from '../../../base/assert.ts';
import { VmletError } from '../../../base/errors.ts';
import type { VirtualMachineInstance } from '../../../vm/kinds/virtualmachineinstance/types.ts';
import type { CloudInitSource, Volume } from '../../../vm/kinds/virtualmachineinstance/volume-types.ts';
import { podHostname } from '../../../vm/launcher/launcher-pod.ts';
import { containerDiskMount, kernelBootMount, launcherMounts } from '../../../vm/launcher/names.ts';
import type { DiskFact } from '../../../vm/machine/domain/facts.ts';
import { domainUuid, uidOf } from '../../../vm/machine/domain/identity.ts';
import type { VolumePlace } from '../../volumes/volume-file.ts';
import type { ContentReference, DiskFile, FilesFacts, FilesSpec } from './model.ts';

const privateMode = 0o750;

/** Throws VmletError `NoVolume` or `UnsupportedVolume` for a disk that cannot be attached. */
export function compileFiles(vmi: VirtualMachineInstance, facts: FilesFacts): FilesSpec {
  const uid = uidOf(vmi);
  const privateDir = `${launcherMounts.private.path}/${uid}`;
  const disks = attachedVolumes(vmi).map((attached) => compileDisk(vmi, facts, attached));
  const kernel = vmi.spec.domain.firmware?.kernelBoot?.container;
  return {
    privateDirectory: { volumeDirectory: facts.privateVolume, name: uid, mode: privateMode, owner: facts.owner },
    files: disks.map(({ file }) => file),
    mayCreate: vmi.status?.phase !== 'Running',
    disks: disks.map(({ fact }) => fact),
    privateDir,
    kernel: kernel && {
      ...(kernel.kernelPath === undefined ? {} : { kernelPath: `${kernelBootMount.path}${kernel.kernelPath}` }),
      ...(kernel.initrdPath === undefined ? {} : { initrdPath: `${kernelBootMount.path}${kernel.initrdPath}` }),
    },
    efi: facts.firmware && { ...facts.firmware, nvramPath: `${privateDir}/nvram.fd` },
  };
}

export interface AttachedVolume {
  readonly volume: Volume;
  /** Position in spec.volumes. */
  readonly index: number;
}

/** The volume of each disk, in the order of the disks. Throws VmletError `NoVolume`. */
export function attachedVolumes(vmi: VirtualMachineInstance): readonly AttachedVolume[] {
  const { volumes = [], domain } = vmi.spec;
  return (domain.devices.disks ?? []).map(({ name }) => {
    const index = volumes.findIndex((candidate) => candidate.name === name);
    const volume = volumes[index];
    if (volume === undefined) {
      throw new VmletError('NoVolume', `disk "${name}" has no volume`);
    }
    return { volume, index };
  });
}

function compileDisk(
  vmi: VirtualMachineInstance,
  facts: FilesFacts,
  { volume, index }: AttachedVolume,
): { readonly file: DiskFile; readonly fact: DiskFact } {
  const disk = volume.name;
  const at = (path: string): { place: VolumePlace; path: string } => ({
    place: { volumeDirectory: facts.disksVolume, path, owner: facts.owner },
    path: `${launcherMounts.ephemeralDisks.path}/${path}`,
  });
  if (volume.containerDisk !== undefined) {
    const image = facts.images[disk];
    assert(image !== undefined, `no facts about the image of disk "${disk}"`);
    const basePath = `${containerDiskMount(index).path}/${image.path}`;
    const { place, path } = at(`disk-data/${disk}/disk.qcow2`);
    return {
      file: { kind: 'overlay', disk, place, basePath, baseFormat: image.format, baseBytes: image.virtualBytes },
      fact: { name: disk, path, format: 'qcow2', backing: [{ path: basePath, format: image.format }] },
    };
  }
  if (volume.emptyDisk !== undefined) {
    const { place, path } = at(`empty-disks/${disk}.qcow2`);
    const capacityBytes = Number(quantityBytes(volume.emptyDisk.capacity));
    return { file: { kind: 'empty-disk', disk, place, capacityBytes }, fact: { name: disk, path, format: 'qcow2' } };
  }
  const source = seedSource(volume);
  if (source === undefined) {
    throw new VmletError('UnsupportedVolume', `volume "${disk}" is of a kind that this version does not attach`);
  }
  const layout = volume.cloudInitConfigDrive === undefined ? 'noCloud' : 'configDrive';
  const { place, path } = at(`cloud-init/${disk}/${layout === 'configDrive' ? 'configdrive' : 'noCloud'}.iso`);
  const { userData, networkData } = seedContents(source);
  return {
    file: {
      kind: 'seed',
      disk,
      place,
      layout,
      metaData: metaDataOf(vmi, layout),
      userData: referenceTo(userData),
      networkData: referenceTo(networkData),
    },
    fact: { name: disk, path, format: 'raw' },
  };
}

function metaDataOf(vmi: VirtualMachineInstance, layout: 'noCloud' | 'configDrive'): Readonly<Record<string, string>> {
  const hostname = podHostname(vmi);
  if (layout === 'noCloud') {
    return { 'instance-id': domainUuid(vmi), 'local-hostname': hostname };
  }
  const uuid = `${vmi.metadata.name}.${vmi.metadata.namespace}`;
  return { uuid, 'instance-id': uuid, hostname };
}

export function seedSource(volume: Volume): CloudInitSource | undefined {
  return volume.cloudInitNoCloud ?? volume.cloudInitConfigDrive;
}

/** Where one text of a seed comes from. */
export type SeedContent =
  | { readonly kind: 'manifest'; readonly content: Buffer }
  | { readonly kind: 'secret'; readonly name: string; readonly keys: readonly string[] };

/** The manifest's own text goes before a Secret's. */
export function seedContents(source: CloudInitSource): {
  readonly userData: SeedContent | undefined;
  readonly networkData: SeedContent | undefined;
} {
  return {
    userData: contentOf(source.userData, source.userDataBase64, source.secretRef?.name, ['userdata', 'userData']),
    networkData: contentOf(source.networkData, source.networkDataBase64, source.networkDataSecretRef?.name, [
      'networkdata',
      'networkData',
    ]),
  };
}

function contentOf(
  text: string | undefined,
  base64: string | undefined,
  secret: string | undefined,
  keys: readonly string[],
): SeedContent | undefined {
  if (text !== undefined || base64 !== undefined) {
    return { kind: 'manifest', content: text === undefined ? Buffer.from(base64 ?? '', 'base64') : Buffer.from(text) };
  }
  return secret === undefined ? undefined : { kind: 'secret', name: secret, keys };
}

function referenceTo(content: SeedContent | undefined): ContentReference | undefined {
  return content?.kind === 'manifest'
    ? {
        kind: 'manifest',
        bytes: content.content.length,
        sha256: createHash('sha256').update(content.content).digest('hex'),
      }
    : content;
}
