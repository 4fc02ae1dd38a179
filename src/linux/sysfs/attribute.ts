/** Reads and writes of single attribute files. Parsers are pure and throw DecodeError on text the kernel never writes. */
import fs from 'node:fs';
import { constants } from 'node:os';
import path from 'node:path';
import { DecodeError, errorCode } from '../../base/errors.ts';
import { kernelError } from '../errno/errno.ts';

/** A sysfs attribute is at most one page; files of procfs that are read here stay far below the larger limit. */
export const ATTRIBUTE_BYTES_MAX = 4096;
export const LIST_BYTES_MAX = 4 * 1024 * 1024;

/** Codes that say "there is no such thing here": gone, not offered by this device, or its driver declines to answer. */
const ABSENT: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'ENODEV', 'ENXIO', 'ENOTSUP', 'EOPNOTSUPP']);

/** Text of a file without its final newline. Throws KernelError, or DecodeError when it is longer than `bytesMax`. */
export function readAttribute(file: string, bytesMax = ATTRIBUTE_BYTES_MAX): string {
  let fd: number | undefined;
  try {
    fd = fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
    const chunks: Buffer[] = [];
    let total = 0;
    for (;;) {
      const chunk = Buffer.alloc(Math.min(bytesMax + 1, 65_536));
      const count = fs.readSync(fd, chunk);
      if (count === 0) {
        return Buffer.concat(chunks).toString('utf8').replace(/\n$/, '');
      }
      total += count;
      if (total > bytesMax) {
        throw new DecodeError(`${file} is longer than ${bytesMax} bytes`);
      }
      chunks.push(chunk.subarray(0, count));
    }
  } catch (error) {
    throw asKernelError(error, 'read', file);
  } finally {
    if (fd !== undefined) {
      fs.closeSync(fd);
    }
  }
}

/** Like `readAttribute`; undefined when the attribute does not exist or the device has no answer. */
export function findAttribute(file: string, bytesMax = ATTRIBUTE_BYTES_MAX): string | undefined {
  return unlessAbsent(() => readAttribute(file, bytesMax));
}

/** The last component of what a link points to: the name of a driver, group or device. Undefined when there is no link. */
export function findLinkName(link: string): string | undefined {
  return unlessAbsent(() => {
    try {
      return path.basename(fs.readlinkSync(link));
    } catch (error) {
      throw asKernelError(error, 'readlink', link);
    }
  });
}

/** Sorted entries of a directory; empty when it does not exist. */
export function listEntries(directory: string): string[] {
  const names = unlessAbsent(() => {
    try {
      return fs.readdirSync(directory);
    } catch (error) {
      throw asKernelError(error, 'readdir', directory);
    }
  });
  return (names ?? []).sort();
}

/** Writes `value` in one write(2), on the thread pool. Throws KernelError with the kernel's answer. */
export async function writeAttribute(file: string, value: string): Promise<void> {
  try {
    // O_TRUNC changes nothing in sysfs and makes a plain file of a test hold exactly the value.
    const handle = await fs.promises.open(file, fs.constants.O_WRONLY | fs.constants.O_TRUNC);
    try {
      await handle.write(value);
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw asKernelError(error, `write ${JSON.stringify(value)}`, file);
  }
}

/** A decimal integer that a number holds exactly. Negative values occur (`numa_node` is -1 for none). */
export function parseInteger(text: string, what: string): number {
  const value = /^-?\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) {
    throw new DecodeError(`${what} is ${JSON.stringify(text.slice(0, 64))}, not an integer`);
  }
  return value;
}

/** A hexadecimal number with `0x` before it, of at most `digitsMax` digits. */
export function parseHex(text: string, what: string, digitsMax = 8): number {
  if (!/^0x[0-9a-f]+$/i.test(text) || text.length > digitsMax + 2) {
    throw new DecodeError(`${what} is ${JSON.stringify(text.slice(0, 64))}, not 0x and up to ${digitsMax} digits`);
  }
  return Number(text);
}

/** `0`/`1` and `N`/`Y` as module parameters and attributes write them. */
export function parseBoolean(text: string, what: string): boolean {
  if (text === '1' || text === 'Y' || text === 'y') {
    return true;
  }
  if (text === '0' || text === 'N' || text === 'n') {
    return false;
  }
  throw new DecodeError(`${what} is ${JSON.stringify(text.slice(0, 64))}, not a truth value`);
}

function unlessAbsent<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (ABSENT.has(errorCode(error))) {
      return undefined;
    }
    throw error;
  }
}

function asKernelError(error: unknown, op: string, target: string): unknown {
  const numbers: Readonly<Record<string, number>> = constants.errno;
  const number = numbers[errorCode(error)];
  return number === undefined ? error : kernelError({ op, target, errno: number });
}
