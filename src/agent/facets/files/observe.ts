import fs from 'node:fs';
import { errorCode } from '../../../base/errors.ts';
import type { Fd } from '../../../linux/fd/fd.ts';
import { openDirectory, openDirectoryBeneath } from '../../../linux/path/openat2.ts';
import type { VirtualMachineInstance } from '../../../vm/kinds/virtualmachineinstance/types.ts';
import { containerDiskMount, launcherMounts } from '../../../vm/launcher/names.ts';
import { emptyDirPath } from '../../machine/sandbox-link.ts';
import { findImageDisk } from '../../volumes/image-disk.ts';
import { isPrepared } from '../../volumes/volume-file.ts';
import type { MachinePlace } from '../facet.ts';
import { chooseFirmware } from './firmware.ts';
import { checkKernelFiles } from './kernel-files.ts';
import type { FilesFacts, FilesObserved, FilesSpec, ImageFact } from './model.ts';
import { attachedVolumes } from './spec.ts';

/** Throws VmletError `KernelMissing` or `ImageRefused` when an image does not hold what the VM wants of it. */
export function readFilesFacts({ vmi, link, context, podUid }: MachinePlace): FilesFacts {
  const { firmware } = vmi.spec.domain;
  const kernel = firmware?.kernelBoot?.container;
  if (kernel !== undefined) {
    checkKernelFiles(link.root, kernel);
  }
  const efi = firmware?.bootloader?.efi;
  return {
    ...volumesOf(context.kubeletDir, podUid),
    owner: { uid: context.sandboxUid, gid: context.sandboxUid },
    images: readImages(link.root, vmi),
    firmware: efi && chooseFirmware(link.root, efi.secureBoot !== false),
  };
}

export function volumesOf(
  kubeletDir: string,
  podUid: string,
): { readonly privateVolume: string; readonly disksVolume: string } {
  return {
    privateVolume: emptyDirPath(kubeletDir, podUid, launcherMounts.private.volume),
    disksVolume: emptyDirPath(kubeletDir, podUid, launcherMounts.ephemeralDisks.volume),
  };
}

function readImages(root: Fd, vmi: VirtualMachineInstance): Readonly<Record<string, ImageFact>> {
  return Object.fromEntries(
    attachedVolumes(vmi).flatMap(({ volume, index }) => {
      if (volume.containerDisk === undefined) {
        return [];
      }
      // `/var/run` is a link to `/run` in the sandbox; links are not followed beneath it, so it is spelled out.
      const path = containerDiskMount(index).path.replace(/^\/var\/run\//, 'run/');
      using image = openDirectoryBeneath(root, path);
      const disk = findImageDisk(image, volume.containerDisk.path);
      return [[volume.name, { path: disk.path, format: disk.format, virtualBytes: disk.virtualBytes }]];
    }),
  );
}

export function observeFiles(spec: FilesSpec): FilesObserved {
  return {
    privateDirectory: observeDirectory(spec),
    files: new Set(spec.files.filter(({ place }) => isPrepared(place)).map(({ place }) => place.path)),
  };
}

function observeDirectory({ privateDirectory }: FilesSpec): FilesObserved['privateDirectory'] {
  try {
    using volume = openDirectory(privateDirectory.volumeDirectory);
    using directory = openDirectoryBeneath(volume, privateDirectory.name);
    const { uid, gid } = fs.fstatSync(directory.value);
    return { owner: { uid, gid } };
  } catch (error) {
    if (errorCode(error) === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
}
