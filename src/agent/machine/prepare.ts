/** Everything on disk that a domain needs, and the domain's XML: from the VMI and from what the sandbox holds. */
import { quantityBytes } from '../../apimachinery/quantity.ts';
import { secretType, type Secret } from '../../apimachinery/core.ts';
import { isNotFound } from '../../apimachinery/status.ts';
import { assert } from '../../base/assert.ts';
import { VmletError } from '../../base/errors.ts';
import type { Fd } from '../../linux/fd/fd.ts';
import { ensureDirectoryAt } from '../../linux/path/directory.ts';
import { openDirectory, openDirectoryBeneath } from '../../linux/path/openat2.ts';
import { formatDomainXml } from '../../libvirt/xml/format-domain.ts';
import type { VirtualMachineInstance } from '../../vm/kinds/virtualmachineinstance/types.ts';
import type { CloudInitSource, Volume } from '../../vm/kinds/virtualmachineinstance/volume-types.ts';
import { containerDiskMount, kernelBootMount, launcherMounts } from '../../vm/launcher/names.ts';
import { podHostname } from '../../vm/launcher/launcher-pod.ts';
import { compileDomain } from '../../vm/machine/domain/compile-domain.ts';
import type { DiskFact, DomainFacts } from '../../vm/machine/domain/facts.ts';
import { domainUuid, uidOf } from '../../vm/machine/domain/identity.ts';
import type { AgentContext } from '../context.ts';
import type { NetworkSpec } from '../facets/network/model.ts';
import { prepareConfigDriveSeed, prepareNoCloudSeed } from '../volumes/cloud-init.ts';
import { findImageDisk } from '../volumes/image-disk.ts';
import { prepareEmptyDisk, prepareOverlay } from '../volumes/qcow2.ts';
import type { VolumePlace } from '../volumes/volume-file.ts';
import { chooseFirmware } from './firmware.ts';
import { checkKernelFiles } from './kernel-files.ts';
import { existsInSandbox } from './sandbox-files.ts';
import { emptyDirPath, type SandboxLink } from './sandbox-link.ts';

const emulators: Readonly<Record<string, string>> = {
  x64: '/usr/bin/qemu-system-x86_64',
  arm64: '/usr/bin/qemu-system-aarch64',
};

/** QEMU for guests of this machine's kind, as the sandbox names it. */
export function emulatorPath(): string {
  const path = emulators[process.arch];
  assert(path !== undefined, `no emulator for ${process.arch}`);
  return path;
}

interface PrepareOptions {
  readonly context: AgentContext;
  readonly podUid: string;
  readonly vmi: VirtualMachineInstance;
  readonly link: SandboxLink;
  readonly network: NetworkSpec;
}

/** Disk files that exist are kept, so a start that is tried again goes on with the same disks. */
export async function prepareMachine(options: PrepareOptions): Promise<string> {
  const { context, vmi, network, link } = options;
  const privateDir = makePrivateDirectory(options);
  const disks = await Promise.all((vmi.spec.domain.devices.disks ?? []).map((disk) => prepareDisk(options, disk.name)));
  const kernel = vmi.spec.domain.firmware?.kernelBoot?.container;
  if (kernel !== undefined) {
    checkKernelFiles(link.root, kernel);
  }
  const efi = vmi.spec.domain.firmware?.bootloader?.efi;
  // A Pod made before KVM became usable has no such device.
  const virtType = context.emulationReason === undefined && existsInSandbox(link.root, '/dev/kvm') ? 'kvm' : 'qemu';
  const facts: DomainFacts = {
    virtType,
    // libvirt gives vhost-net to KVM guests only.
    vhostNet: virtType === 'kvm' && existsInSandbox(link.root, '/dev/vhost-net'),
    emulatorPath: emulatorPath(),
    disks,
    interfaces: network.interfaces.map((nic) => ({
      name: nic.name,
      tap: nic.tap,
      mac: nic.macAddress,
      mtu: nic.mtu,
      queues: nic.queues,
    })),
    ...(kernel === undefined
      ? {}
      : {
          kernel: {
            ...(kernel.kernelPath === undefined ? {} : { kernelPath: `${kernelBootMount.path}${kernel.kernelPath}` }),
            ...(kernel.initrdPath === undefined ? {} : { initrdPath: `${kernelBootMount.path}${kernel.initrdPath}` }),
          },
        }),
    ...(efi === undefined
      ? {}
      : { efi: chooseFirmware(link.root, efi.secureBoot !== false, `${privateDir}/nvram.fd`) }),
    privateDir,
  };
  return formatDomainXml(compileDomain({ vmi, facts }));
}

/** The directory of QEMU's sockets; libvirt does not make it. Gives its path in the sandbox. */
function makePrivateDirectory({ context, podUid, vmi }: PrepareOptions): string {
  using volume = openDirectory(emptyDirPath(context.kubeletDir, podUid, launcherMounts.private.volume));
  const owner = { uid: context.sandboxUid, gid: context.sandboxUid };
  ensureDirectoryAt(volume, uidOf(vmi), { mode: 0o750, owner }).close();
  return `${launcherMounts.private.path}/${uidOf(vmi)}`;
}

async function prepareDisk(options: PrepareOptions, name: string): Promise<DiskFact> {
  const { vmi } = options;
  const index = (vmi.spec.volumes ?? []).findIndex((volume) => volume.name === name);
  const volume = vmi.spec.volumes?.[index];
  if (volume === undefined) {
    throw new VmletError('NoVolume', `disk "${name}" has no volume`);
  }
  if (volume.containerDisk !== undefined) {
    return prepareContainerDisk(options, volume, index);
  }
  if (volume.emptyDisk !== undefined) {
    const file = diskFile(options, `empty-disks/${name}.qcow2`);
    await prepareEmptyDisk({ place: file.place, capacityBytes: Number(quantityBytes(volume.emptyDisk.capacity)) });
    return { name, path: file.path, format: 'qcow2' };
  }
  if (volume.cloudInitNoCloud !== undefined) {
    return prepareSeed(options, volume, volume.cloudInitNoCloud);
  }
  if (volume.cloudInitConfigDrive !== undefined) {
    return prepareSeed(options, volume, volume.cloudInitConfigDrive);
  }
  throw new VmletError('UnsupportedVolume', `volume "${name}" is of a kind that this version does not attach`);
}

/** A file of the VM: where the host makes it and how the sandbox names it. */
function diskFile({ context, podUid }: PrepareOptions, path: string): { place: VolumePlace; path: string } {
  return {
    place: {
      volumeDirectory: emptyDirPath(context.kubeletDir, podUid, launcherMounts.ephemeralDisks.volume),
      path,
      owner: { uid: context.sandboxUid, gid: context.sandboxUid },
    },
    path: `${launcherMounts.ephemeralDisks.path}/${path}`,
  };
}

/** A copy-on-write layer of the VM's own over the image that all its users share. */
async function prepareContainerDisk(options: PrepareOptions, volume: Volume, index: number): Promise<DiskFact> {
  const mount = containerDiskMount(index);
  using image = openInSandbox(options.link.root, mount.path);
  const base = findImageDisk(image, volume.containerDisk?.path);
  const basePath = `${mount.path}/${base.path}`;
  const file = diskFile(options, `disk-data/${volume.name}/disk.qcow2`);
  await prepareOverlay({
    place: file.place,
    basePathInSandbox: basePath,
    baseFormat: base.format,
    baseBytes: base.virtualBytes,
  });
  return { name: volume.name, path: file.path, format: 'qcow2', backing: [{ path: basePath, format: base.format }] };
}

/** `/var/run` is a link to `/run` in the sandbox; links are not followed beneath it, so it is spelled out. */
function openInSandbox(root: Fd, path: string): Fd {
  return openDirectoryBeneath(root, path.replace(/^\/var\/run\//, 'run/'));
}

async function prepareSeed(options: PrepareOptions, volume: Volume, source: CloudInitSource): Promise<DiskFact> {
  const { context, vmi } = options;
  const userData = await cloudInitText(options, {
    inline: source.userData,
    base64: source.userDataBase64,
    secret: source.secretRef?.name,
    keys: ['userdata', 'userData'],
  });
  const networkData = await cloudInitText(options, {
    inline: source.networkData,
    base64: source.networkDataBase64,
    secret: source.networkDataSecretRef?.name,
    keys: ['networkdata', 'networkData'],
  });
  const configDrive = volume.cloudInitConfigDrive !== undefined;
  const file = diskFile(options, `cloud-init/${volume.name}/${configDrive ? 'configdrive' : 'noCloud'}.iso`);
  const hostname = podHostname(vmi);
  const content = {
    place: file.place,
    stagingDirectory: context.stagingDir,
    userData: userData ?? '',
    ...(networkData === undefined ? {} : { networkData }),
  };
  if (configDrive) {
    const uuid = `${vmi.metadata.name}.${vmi.metadata.namespace}`;
    await prepareConfigDriveSeed({ ...content, metaData: { uuid, 'instance-id': uuid, hostname } });
  } else {
    const instanceId = domainUuid(vmi);
    await prepareNoCloudSeed({ ...content, metaData: { 'instance-id': instanceId, 'local-hostname': hostname } });
  }
  return { name: volume.name, path: file.path, format: 'raw' };
}

async function cloudInitText(
  { context, vmi }: PrepareOptions,
  from: {
    readonly inline: string | undefined;
    readonly base64: string | undefined;
    readonly secret: string | undefined;
    readonly keys: readonly string[];
  },
): Promise<string | Buffer | undefined> {
  if (from.inline !== undefined) {
    return from.inline;
  }
  if (from.base64 !== undefined) {
    return Buffer.from(from.base64, 'base64');
  }
  if (from.secret === undefined) {
    return undefined;
  }
  const secret = await findSecret(context, vmi.metadata.namespace, from.secret);
  const data = from.keys.map((key) => secret?.data?.[key]).find((value) => value !== undefined);
  if (data === undefined) {
    const what = secret === undefined ? 'does not exist' : `has no key ${from.keys.join(' or ')}`;
    throw new VmletError(
      'SecretMissing',
      `Secret "${from.secret}" with the VM's cloud-init data ${what}: create it, the start is tried again`,
    );
  }
  return Buffer.from(data, 'base64');
}

async function findSecret(
  context: AgentContext,
  namespace: string | undefined,
  name: string,
): Promise<Secret | undefined> {
  try {
    return await context.client.get(secretType, { namespace, name });
  } catch (error) {
    if (isNotFound(error)) {
      return undefined;
    }
    throw error;
  }
}
