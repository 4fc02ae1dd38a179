/** Makes the files. What runs qemu-img or xorriso goes side by side: each takes some 10 ms of mostly waiting. */
import { secretType, type Secret } from '../../../apimachinery/core.ts';
import { isNotFound } from '../../../apimachinery/status.ts';
import { assert } from '../../../base/assert.ts';
import { VmletError } from '../../../base/errors.ts';
import { chownFd, ensureDirectoryAt } from '../../../linux/path/directory.ts';
import { openDirectory } from '../../../linux/path/openat2.ts';
import { prepareConfigDriveSeed, prepareNoCloudSeed } from '../../volumes/cloud-init.ts';
import { prepareEmptyDisk, prepareOverlay } from '../../volumes/qcow2.ts';
import type { MachinePlace } from '../facet.ts';
import type { FilesOp } from './model.ts';
import { seedContents, seedSource, type SeedContent } from './spec.ts';

/** Waits for all that were begun, then throws what the first failure was. */
export async function applyFilesOps(place: MachinePlace, ops: readonly FilesOp[]): Promise<void> {
  const results = await Promise.allSettled(ops.map((op) => applyOne(place, op)));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) {
    throw failed.reason;
  }
}

async function applyOne(place: MachinePlace, op: FilesOp): Promise<void> {
  switch (op.kind) {
    case 'create-directory':
    case 'set-owner': {
      const { volumeDirectory, name, mode, owner } = op.directory;
      using volume = openDirectory(volumeDirectory);
      using directory = ensureDirectoryAt(volume, name, { mode, owner });
      chownFd(directory, owner);
      break;
    }
    case 'create-overlay': {
      const { basePath, baseFormat, baseBytes } = op.file;
      assert(baseBytes !== undefined, `the size of the image ${basePath} is not known`);
      await prepareOverlay({ place: op.file.place, basePathInSandbox: basePath, baseFormat, baseBytes });
      break;
    }
    case 'create-empty-disk':
      await prepareEmptyDisk({ place: op.file.place, capacityBytes: op.file.capacityBytes });
      break;
    case 'write-seed':
      await writeSeed(place, op.file);
      break;
    case 'report-missing':
      break;
  }
}

async function writeSeed(place: MachinePlace, file: (FilesOp & { kind: 'write-seed' })['file']): Promise<void> {
  const volume = place.vmi.spec.volumes?.find(({ name }) => name === file.disk);
  const source = volume && seedSource(volume);
  assert(source !== undefined, `disk "${file.disk}" has no cloud-init data`);
  const contents = seedContents(source);
  const [userData, networkData] = await Promise.all([
    readContent(place, contents.userData),
    readContent(place, contents.networkData),
  ]);
  const prepare = file.layout === 'configDrive' ? prepareConfigDriveSeed : prepareNoCloudSeed;
  await prepare({
    place: file.place,
    stagingDirectory: place.context.stagingDir,
    metaData: file.metaData,
    userData: userData ?? '',
    ...(networkData === undefined ? {} : { networkData }),
  });
}

async function readContent(place: MachinePlace, content: SeedContent | undefined): Promise<Buffer | undefined> {
  if (content?.kind !== 'secret') {
    return content?.content;
  }
  const secret = await findSecret(place, content.name);
  const data = content.keys.map((key) => secret?.data?.[key]).find((value) => value !== undefined);
  if (data === undefined) {
    const what = secret === undefined ? 'does not exist' : `has no key ${content.keys.join(' or ')}`;
    throw new VmletError(
      'SecretMissing',
      `Secret "${content.name}" with the VM's cloud-init data ${what}: create it, the start is tried again`,
    );
  }
  return Buffer.from(data, 'base64');
}

async function findSecret({ context, vmi }: MachinePlace, name: string): Promise<Secret | undefined> {
  try {
    return await context.client.get(secretType, { namespace: vmi.metadata.namespace, name });
  } catch (error) {
    if (isNotFound(error)) {
      return undefined;
    }
    throw error;
  }
}
