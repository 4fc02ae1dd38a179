import { unreachable } from '../../../base/assert.ts';
import type { ContentReference, FilesOp } from './model.ts';

export function describeFilesOp(op: FilesOp): string {
  switch (op.kind) {
    case 'create-directory':
      return `create directory ${op.directory.name} for uid ${op.directory.owner.uid}`;
    case 'set-owner':
      return `give directory ${op.directory.name} to uid ${op.directory.owner.uid}`;
    case 'create-overlay': {
      const { disk, baseFormat, basePath, baseBytes } = op.file;
      return `create disk ${disk}: a copy-on-write layer${sizeOf(baseBytes)} over the ${baseFormat} image ${basePath}`;
    }
    case 'create-empty-disk':
      return `create disk ${op.file.disk}: empty,${sizeOf(op.file.capacityBytes)}`;
    case 'write-seed':
      return `write disk ${op.file.disk}: a cloud-init seed (${op.file.layout})`;
    case 'report-missing':
      return `the file of disk ${op.file.disk} is gone: ${op.file.place.path}`;
    default:
      return unreachable(op);
  }
}

export function reasonOfFilesOp(op: FilesOp): string {
  switch (op.kind) {
    case 'create-directory':
    case 'set-owner':
      return "QEMU's sockets and the firmware's variables go there; nobody but QEMU's user and root may enter";
    case 'create-overlay':
      return 'all VMs of this image share it; what this guest writes goes into a file of its own';
    case 'create-empty-disk':
      return 'spec.volumes asks for it; it takes room as it is written to';
    case 'write-seed':
      return "the guest's cloud-init looks for a disk with this label at its first boot";
    case 'report-missing':
      return 'the guest ran with it: what it wrote is lost when QEMU ends; delete and make the VM anew, or put the file back';
    default:
      return unreachable(op);
  }
}

/** The files of a seed; of user and network data only how much, as it may hold passwords. */
export function detailOfFilesOp(op: FilesOp): string | undefined {
  if (op.kind !== 'write-seed') {
    return undefined;
  }
  const { metaData, userData, networkData } = op.file;
  return [
    `meta-data: ${JSON.stringify(metaData)}`,
    `user-data: ${describeContent(userData)}`,
    ...(networkData === undefined ? [] : [`network-config: ${describeContent(networkData)}`]),
  ].join('\n');
}

function describeContent(content: ContentReference | undefined): string {
  if (content === undefined) {
    return 'empty';
  }
  return content.kind === 'secret'
    ? `key ${content.keys.join(' or ')} of Secret ${content.name}`
    : `${content.bytes} bytes of the manifest`;
}

function sizeOf(bytes: number | undefined): string {
  return bytes === undefined ? '' : ` of ${Number((bytes / 1024 / 1024).toFixed(1))} MiB`;
}
