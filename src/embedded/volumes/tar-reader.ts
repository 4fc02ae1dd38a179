/**
 * A tar stream read entry by entry with hard limits on everything a hostile archive could blow up: header sizes, names,
 * entry count and total bytes. Formats: ustar, pax (path, linkpath, size), GNU long names. Source: POSIX.1-2001 pax,
 * GNU tar manual "Basic Tar Format". Sparse members are refused: container tools do not write them.
 */
import { DecodeError } from '../../base/errors.ts';

export type TarEntryKind = 'file' | 'directory' | 'hardlink' | 'symlink' | 'device';

export interface TarEntry {
  readonly kind: TarEntryKind;
  /** As the archive has it, unchecked. */
  readonly name: string;
  /** Target of a link, unchecked; empty otherwise. */
  readonly linkName: string;
  /** Permission bits. */
  readonly mode: number;
  /** Bytes of content; 0 for all but files. */
  readonly sizeBytes: number;
}

export interface TarReader {
  /** The next entry, or undefined at the end. Content of the entry before that was not read is skipped. */
  next(): Promise<TarEntry | undefined>;
  /** A piece of the current file's content, or undefined when all of it was given. Valid until the next call. */
  content(): Promise<Buffer | undefined>;
}

const blockBytes = 512;
const extensionLimitBytes = 64 << 10;

interface Extension {
  name?: string;
  linkName?: string;
  sizeBytes?: number;
}

export function createTarReader(source: AsyncIterable<Buffer>): TarReader {
  const input = createByteReader(source);
  let contentLeft = 0;
  let padding = 0;

  async function skipContent(): Promise<void> {
    while (contentLeft > 0) {
      contentLeft -= (await input.some(contentLeft)).length;
    }
    await input.skip(padding);
    padding = 0;
  }

  async function readExtension(sizeBytes: number): Promise<Buffer> {
    if (sizeBytes > extensionLimitBytes) {
      throw new DecodeError(
        `tar extension header of ${sizeBytes} bytes exceeds ${extensionLimitBytes}`,
        input.position(),
      );
    }
    const body = Buffer.from(await input.exact(sizeBytes));
    await input.skip(paddingOf(sizeBytes));
    return body;
  }

  return {
    async next() {
      await skipContent();
      let extension: Extension = {};
      for (;;) {
        const header = await input.block();
        if (header === undefined || header.every((byte) => byte === 0)) {
          return undefined;
        }
        checkSum(header, input.position());
        const size = extension.sizeBytes ?? parseNumber(header.subarray(124, 136), input.position());
        const type = String.fromCharCode(header[156] ?? 0);
        switch (type) {
          case 'L':
            extension = { ...extension, name: text(await readExtension(size)) };
            continue;
          case 'K':
            extension = { ...extension, linkName: text(await readExtension(size)) };
            continue;
          case 'x':
            extension = { ...extension, ...parsePax(await readExtension(size), input.position()) };
            continue;
          case 'g':
            await readExtension(size);
            continue;
          default:
        }
        const kind = kindOf(type, input.position());
        contentLeft = kind === 'file' ? size : 0;
        padding = paddingOf(contentLeft);
        return {
          kind,
          name: extension.name ?? headerName(header),
          linkName: extension.linkName ?? text(header.subarray(157, 257)),
          mode: parseNumber(header.subarray(100, 108), input.position()) & 0o7777,
          sizeBytes: contentLeft,
        };
      }
    },
    async content() {
      if (contentLeft === 0) {
        return undefined;
      }
      const piece = await input.some(contentLeft);
      contentLeft -= piece.length;
      return piece;
    },
  };
}

function kindOf(type: string, offset: number): TarEntryKind {
  switch (type) {
    case '0':
    case '\0':
    case '7':
      return 'file';
    case '1':
      return 'hardlink';
    case '2':
      return 'symlink';
    case '3':
    case '4':
    case '6':
      return 'device';
    case '5':
      return 'directory';
    default:
      throw new DecodeError(`tar entry type ${JSON.stringify(type)} is not supported`, offset);
  }
}

function headerName(header: Buffer): string {
  const name = text(header.subarray(0, 100));
  const isUstar = header.toString('latin1', 257, 263) === 'ustar\0';
  const prefix = isUstar ? text(header.subarray(345, 500)) : '';
  return prefix === '' ? name : `${prefix}/${name}`;
}

function checkSum(header: Buffer, offset: number): void {
  let sum = 0;
  for (let index = 0; index < blockBytes; index += 1) {
    sum += index >= 148 && index < 156 ? 32 : (header[index] ?? 0);
  }
  if (sum !== parseNumber(header.subarray(148, 156), offset)) {
    throw new DecodeError('tar header checksum is wrong: the layer is damaged or no tar archive', offset);
  }
}

/** Octal text, or base-256 when the top bit of the first byte is set. */
function parseNumber(field: Buffer, offset: number): number {
  const first = field[0] ?? 0;
  if (first >= 0x80) {
    const value = field.subarray(1).reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
    if (first !== 0x80 || value > BigInt(Number.MAX_SAFE_INTEGER)) {
      throw new DecodeError('tar number out of range', offset);
    }
    return Number(value);
  }
  const digits = text(field).trim();
  if (digits === '') {
    return 0;
  }
  if (!/^[0-7]+$/u.test(digits)) {
    throw new DecodeError(`tar number ${JSON.stringify(digits)} is not octal`, offset);
  }
  return Number.parseInt(digits, 8);
}

function parsePax(body: Buffer, offset: number): Extension {
  const extension: Extension = {};
  for (let at = 0; at < body.length;) {
    const space = body.indexOf(0x20, at);
    const length = Number(body.toString('latin1', at, space < 0 ? at : space));
    if (space < 0 || !Number.isInteger(length) || length <= space - at || at + length > body.length) {
      throw new DecodeError('pax record has a wrong length', offset);
    }
    const record = body.toString('utf8', space + 1, at + length - 1);
    const equals = record.indexOf('=');
    const key = record.slice(0, equals);
    const value = record.slice(equals + 1);
    if (key.startsWith('GNU.sparse')) {
      throw new DecodeError('sparse tar members are not supported', offset);
    } else if (key === 'path') {
      extension.name = value;
    } else if (key === 'linkpath') {
      extension.linkName = value;
    } else if (key === 'size') {
      const size = Number(value);
      if (!/^\d+$/u.test(value) || !Number.isSafeInteger(size)) {
        throw new DecodeError(`pax size ${JSON.stringify(value)} is out of range`, offset);
      }
      extension.sizeBytes = size;
    }
    at += length;
  }
  return extension;
}

function text(field: Buffer): string {
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end < 0 ? field.length : end);
}

function paddingOf(sizeBytes: number): number {
  return (blockBytes - (sizeBytes % blockBytes)) % blockBytes;
}

interface ByteReader {
  /** 512 bytes, or undefined at a clean end. */
  block(): Promise<Buffer | undefined>;
  exact(bytes: number): Promise<Buffer>;
  /** At least one byte, at most `limit`. */
  some(limit: number): Promise<Buffer>;
  skip(bytes: number): Promise<void>;
  position(): number;
}

function createByteReader(source: AsyncIterable<Buffer>): ByteReader {
  const iterator = source[Symbol.asyncIterator]();
  let chunk: Buffer = Buffer.alloc(0);
  let position = 0;

  async function fill(): Promise<boolean> {
    while (chunk.length === 0) {
      const next = await iterator.next();
      if (next.done === true) {
        return false;
      }
      chunk = next.value;
    }
    return true;
  }

  const reader: ByteReader = {
    async block() {
      return (await fill()) ? reader.exact(blockBytes) : undefined;
    },
    async exact(bytes) {
      const parts: Buffer[] = [];
      for (let left = bytes; left > 0;) {
        const part = await reader.some(left);
        parts.push(part);
        left -= part.length;
      }
      return parts.length === 1 ? (parts[0] ?? Buffer.alloc(0)) : Buffer.concat(parts);
    },
    async some(limit) {
      if (!(await fill())) {
        throw new DecodeError('tar archive ends in the middle of an entry', position);
      }
      const part = chunk.subarray(0, limit);
      chunk = chunk.subarray(part.length);
      position += part.length;
      return part;
    },
    async skip(bytes) {
      for (let left = bytes; left > 0;) {
        left -= (await reader.some(left)).length;
      }
    },
    position: () => position,
  };
  return reader;
}
