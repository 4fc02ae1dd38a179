/** Writable qcow2 files of a VM: an overlay on a read-only image, and an empty disk. qemu-img(1). */
import { assert } from '../../base/assert.ts';
import { VmletError } from '../../base/errors.ts';
import { runTool } from '../../linux/process/run-tool.ts';
import type { ImageFormat } from './image-format.ts';
import { prepareFile, type PreparedFile, type VolumePlace } from './volume-file.ts';

const TIMEOUT_MS = 10_000;
const MEBIBYTE = 1024 * 1024;
/** Longest backing file name that qcow2 keeps (docs/interop/qcow2.txt). */
const BACKING_PATH_BYTES_MAX = 1023;
/** The child's descriptor 3 is the new file. */
const NEW_FILE = '/proc/self/fd/3';

export interface OverlaySpec {
  readonly place: VolumePlace;
  /** Absolute path of the base as the sandbox sees it; it need not exist on the host. */
  readonly basePathInSandbox: string;
  readonly baseFormat: ImageFormat;
  /** Size of the base's disk (ImageFacts.virtualBytes). */
  readonly baseBytes: number;
  /** Larger size for the guest; the base's own when left out. */
  readonly sizeBytes?: number;
}

/**
 * Makes the overlay unless it is there. The format of the base is written down explicitly, so QEMU never guesses it.
 * Throws `DiskTooSmall` when `sizeBytes` is less than the base.
 */
export async function prepareOverlay(spec: OverlaySpec): Promise<PreparedFile> {
  const base = spec.basePathInSandbox;
  assert(
    base.startsWith('/') && !base.includes('\0') && Buffer.byteLength(base) <= BACKING_PATH_BYTES_MAX,
    `bad base path ${JSON.stringify(base)}`,
  );
  const sizeBytes = spec.sizeBytes ?? spec.baseBytes;
  if (sizeBytes < spec.baseBytes) {
    throw new VmletError(
      'DiskTooSmall',
      `a disk of ${sizeBytes} bytes cannot hold its image of ${spec.baseBytes} bytes`,
    );
  }
  return prepareFile(spec.place, async (file) => {
    // -u: the base is not opened here, where its path means something else.
    await runTool(
      'qemu-img',
      ['create', '-q', '-u', '-f', 'qcow2', '-F', spec.baseFormat, '-b', base, NEW_FILE, String(sizeBytes)],
      {
        doing: `create the overlay ${spec.place.path}`,
        timeoutMs: TIMEOUT_MS,
        file,
      },
    );
  });
}

export interface EmptyDiskSpec {
  readonly place: VolumePlace;
  /** Rounded down to whole MiB, as KubeVirt does. */
  readonly capacityBytes: number;
}

/** Makes an empty qcow2 disk unless it is there. Throws `DiskTooSmall` below 1 MiB. */
export async function prepareEmptyDisk(spec: EmptyDiskSpec): Promise<PreparedFile> {
  const sizeBytes = Math.floor(spec.capacityBytes / MEBIBYTE) * MEBIBYTE;
  if (sizeBytes < MEBIBYTE) {
    throw new VmletError('DiskTooSmall', `an empty disk needs at least 1 MiB, not ${spec.capacityBytes} bytes`);
  }
  return prepareFile(spec.place, async (file) => {
    await runTool('qemu-img', ['create', '-q', '-f', 'qcow2', NEW_FILE, String(sizeBytes)], {
      doing: `create the empty disk ${spec.place.path}`,
      timeoutMs: TIMEOUT_MS,
      file,
    });
  });
}
