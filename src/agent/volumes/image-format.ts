/**
 * What a disk image from outside is, read from its first bytes by us and by nobody else. qemu-img is never pointed at
 * an image of unknown format: a guest-made raw disk that begins with a qcow2 header could otherwise name any host file
 * as its backing file.
 */
import fs from 'node:fs';
import { VmletError } from '../../base/errors.ts';
import type { Fd } from '../../linux/fd/fd.ts';

export type ImageFormat = 'raw' | 'qcow2';

export interface ImageFacts {
  readonly format: ImageFormat;
  /** Size of the disk that a guest sees. */
  readonly virtualBytes: number;
}

/** The image cannot be used as a disk, and why: the text is for the VM's owner. */
export class ImageRefusedError extends VmletError {
  constructor(message: string) {
    super('ImageRefused', message);
  }
}

const QCOW2_MAGIC = 0x5146_49fb;
const HEADER_BYTES = 104;
const SECTOR_BYTES = 512;
/** Beyond this no real disk goes; a header that says more is broken or hostile. */
const VIRTUAL_BYTES_MAX = 2 ** 50;
// Bits of incompatible_features (docs/interop/qcow2.txt): dirty, corrupt, external data file, compression type, extended L2.
const CORRUPT = 1n << 1n;
const EXTERNAL_DATA_FILE = 1n << 2n;
const KNOWN_INCOMPATIBLE = 0b1_1111n;

/**
 * Reads format and size of an open image file. Raw is everything without the qcow2 magic. Throws ImageRefusedError
 * for a qcow2 that has a backing file, an external data file, encryption, is marked corrupt or of an unknown kind.
 */
export function readImageFacts(image: Fd): ImageFacts {
  const stat = fs.fstatSync(image.value);
  if (!stat.isFile()) {
    throw new ImageRefusedError(`${image.label} is not a regular file`);
  }
  const header = Buffer.alloc(HEADER_BYTES);
  const bytes = fs.readSync(image.value, header, 0, HEADER_BYTES, 0);
  return decodeImageFacts(header.subarray(0, bytes), stat.size, image.label);
}

/** The same from the first bytes and the file's size. Pure. */
export function decodeImageFacts(header: Buffer, fileBytes: number, name: string): ImageFacts {
  if (header.length < 4 || header.readUInt32BE(0) !== QCOW2_MAGIC) {
    if (fileBytes === 0) {
      throw new ImageRefusedError(`${name} is empty`);
    }
    return { format: 'raw', virtualBytes: Math.ceil(fileBytes / SECTOR_BYTES) * SECTOR_BYTES };
  }
  const VERSION_2_BYTES = 72;
  const version = header.length >= VERSION_2_BYTES ? header.readUInt32BE(4) : 0;
  if (version !== 2 && !(version === 3 && header.length >= HEADER_BYTES)) {
    throw new ImageRefusedError(`${name} has a broken qcow2 header`);
  }
  const features = version === 3 ? header.readBigUInt64BE(72) : 0n;
  const virtualBytes = header.readBigUInt64BE(24);
  const problem =
    header.readBigUInt64BE(8) !== 0n || header.readUInt32BE(16) !== 0
      ? 'names a backing file; publish it flattened ("qemu-img convert -O qcow2")'
      : (features & EXTERNAL_DATA_FILE) !== 0n
        ? 'keeps its data in another file; publish it as one file'
        : (features & CORRUPT) !== 0n
          ? 'is marked as corrupt'
          : (features & ~KNOWN_INCOMPATIBLE) !== 0n
            ? `needs features that are not known (0x${features.toString(16)})`
            : header.readUInt32BE(32) !== 0
              ? 'is encrypted'
              : virtualBytes === 0n || virtualBytes > BigInt(VIRTUAL_BYTES_MAX)
                ? `says that its disk has ${virtualBytes} bytes`
                : undefined;
  if (problem !== undefined) {
    throw new ImageRefusedError(`${name} ${problem}`);
  }
  return { format: 'qcow2', virtualBytes: Number(virtualBytes) };
}
