import { assert } from '../../base/assert.ts';
import { DecodeError } from '../../base/errors.ts';
import { IFNAMSIZ, IFREQ_BYTES } from './constants.ts';

/** The part of struct ifreq (linux/if.h) that the tun driver uses. */
export interface InterfaceRequest {
  readonly name: string;
  /** IFF_* bits, 16 of them. */
  readonly flags: number;
}

/** A name the kernel takes (dev_valid_name): 1 to 15 bytes, no slash, colon, space or control character, not "." or "..". */
export function isInterfaceName(name: string): boolean {
  return /^[!-.0-9;-~]{1,15}$/.test(name) && name !== '.' && name !== '..';
}

export function encodeInterfaceRequest(request: InterfaceRequest): Buffer {
  assert(isInterfaceName(request.name), `bad interface name ${JSON.stringify(request.name)}`);
  const buffer = Buffer.alloc(IFREQ_BYTES);
  buffer.write(request.name, 0, IFNAMSIZ - 1, 'latin1');
  buffer.writeUInt16LE(request.flags, IFNAMSIZ);
  return buffer;
}

export function decodeInterfaceRequest(buffer: Buffer): InterfaceRequest {
  if (buffer.length < IFREQ_BYTES) {
    throw new DecodeError(`struct ifreq needs ${IFREQ_BYTES} bytes, got ${buffer.length}`);
  }
  const end = buffer.subarray(0, IFNAMSIZ).indexOf(0);
  if (end < 0) {
    throw new DecodeError('interface name without an end', 0);
  }
  return { name: buffer.toString('latin1', 0, end), flags: buffer.readUInt16LE(IFNAMSIZ) };
}
