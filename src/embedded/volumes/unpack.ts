/**
 * Layers of a hostile image onto the disk. The target is a fresh directory that only root can enter, and no symbolic
 * link is ever made in it, so a checked relative path can only lead inside. What the product reads from images are
 * regular files, so links that stay inside are dropped and hard links kept; anything else is refused.
 */
import { createReadStream } from 'node:fs';
import { constants, link, lstat, mkdir, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { PassThrough } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { DecodeError, errorCode } from '../../base/errors.ts';
import { createTarReader } from './tar-reader.ts';
import type { TarEntry, TarReader } from './tar-reader.ts';

export interface UnpackLimits {
  readonly entries: number;
  /** Content of all files of all layers, zeros included. */
  readonly totalBytes: number;
}

export const defaultUnpackLimits: UnpackLimits = { entries: 200_000, totalBytes: 2 ** 40 };

const depthLimit = 64;
const nameLimitBytes = 255;
const zeros = Buffer.alloc(64 << 10);

interface Budget {
  entriesLeft: number;
  bytesLeft: number;
}

/** Applies layer blobs in order (tar, gzip or zstd, told by their first bytes) to the empty directory `target`. */
export async function unpackLayers(
  blobs: readonly string[],
  target: string,
  limits: UnpackLimits = defaultUnpackLimits,
): Promise<void> {
  const budget: Budget = { entriesLeft: limits.entries, bytesLeft: limits.totalBytes };
  for (const blob of blobs) {
    await unpackLayer(blob, target, budget);
  }
}

async function unpackLayer(blob: string, target: string, budget: Budget): Promise<void> {
  const output = new PassThrough({ highWaterMark: 1 << 20 });
  const decompressed = decompress(blob, output);
  // The reader may stop first, and then the pipeline's own failure is only an echo of that.
  decompressed.catch(() => {});
  const made = new Set<string>();
  try {
    const reader = createTarReader(output as AsyncIterable<Buffer>);
    for (let entry = await reader.next(); entry !== undefined; entry = await reader.next()) {
      await applyEntry(entry, reader, { target, budget, made });
    }
    output.resume();
    await decompressed;
  } finally {
    output.destroy();
    await decompressed.catch(() => {});
  }
}

async function decompress(blob: string, output: PassThrough): Promise<void> {
  const magic = Buffer.alloc(4);
  const file = await open(blob, 'r');
  try {
    await file.read(magic, 0, 4, 0);
  } finally {
    await file.close();
  }
  const input = createReadStream(blob, { highWaterMark: 1 << 18 });
  if (magic[0] === 0x1f && magic[1] === 0x8b) {
    await pipeline(input, createGunzip({ chunkSize: 1 << 18 }), output);
  } else if (magic.readUInt32LE(0) === 0xfd2fb528) {
    await pipeline(input, createZstdDecompress({ chunkSize: 1 << 18 }), output);
  } else {
    await pipeline(input, output);
  }
}

interface LayerContext {
  readonly target: string;
  readonly budget: Budget;
  /** Paths made by this layer: an opaque mark of the same layer does not remove them. */
  readonly made: Set<string>;
}

async function applyEntry(entry: TarEntry, reader: TarReader, context: LayerContext): Promise<void> {
  context.budget.entriesLeft -= 1;
  if (context.budget.entriesLeft < 0) {
    throw new DecodeError('the image has too many files');
  }
  const parts = checkedParts(entry.name, entry.name);
  const name = parts.at(-1);
  if (name === undefined) {
    return;
  }
  const parent = parts.slice(0, -1);
  if (name.startsWith('.wh.')) {
    await applyWhiteout(parent, name, context);
    return;
  }
  const path = join(context.target, ...parts);
  context.made.add(parts.join('/'));
  switch (entry.kind) {
    case 'directory':
      await ensureDirectory(context.target, parts);
      return;
    case 'file':
      await ensureDirectory(context.target, parent);
      await rm(path, { recursive: true, force: true });
      await writeFileContent(path, entry, reader, context.budget);
      return;
    case 'hardlink': {
      const source = join(context.target, ...checkedParts(entry.linkName, entry.name));
      if (!(await isRegularFile(source))) {
        throw new DecodeError(`hard link ${JSON.stringify(entry.name)} does not lead to a file of the image`);
      }
      await ensureDirectory(context.target, parent);
      await rm(path, { recursive: true, force: true });
      await link(source, path);
      return;
    }
    case 'symlink':
      checkSymlink(parent, entry);
      await rm(path, { recursive: true, force: true });
      return;
    case 'device':
      throw new DecodeError(`the image contains a device or pipe (${JSON.stringify(entry.name)}), which is refused`);
  }
}

async function writeFileContent(path: string, entry: TarEntry, reader: TarReader, budget: Budget): Promise<void> {
  budget.bytesLeft -= entry.sizeBytes;
  if (budget.bytesLeft < 0) {
    throw new DecodeError('the image is larger than allowed when unpacked');
  }
  // setuid, setgid, sticky, execute and write bits are dropped.
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const file = await open(path, flags, 0o444);
  try {
    let offset = 0;
    for (let piece = await reader.content(); piece !== undefined; piece = await reader.content()) {
      for (let at = 0; at < piece.length; at += zeros.length) {
        const part = piece.subarray(at, at + zeros.length);
        if (!part.equals(zeros.subarray(0, part.length))) {
          await writeAll(file, part, offset + at);
        }
      }
      offset += piece.length;
    }
    // Zeros were left out; this makes the file as long as it has to be.
    await file.truncate(entry.sizeBytes);
  } finally {
    await file.close();
  }
}

async function writeAll(file: Awaited<ReturnType<typeof open>>, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}

async function applyWhiteout(parent: readonly string[], name: string, context: LayerContext): Promise<void> {
  const dir = join(context.target, ...parent);
  if (name !== '.wh..wh..opq') {
    const victim = name.slice('.wh.'.length);
    if (victim === '' || victim === '.' || victim === '..') {
      throw new DecodeError(`whiteout ${JSON.stringify(name)} names nothing`);
    }
    await rm(join(dir, victim), { recursive: true, force: true });
    return;
  }
  for (const child of await readdirIfThere(dir)) {
    if (!context.made.has([...parent, child].join('/'))) {
      await rm(join(dir, child), { recursive: true, force: true });
    }
  }
}

/** Path parts of an entry name; throws for anything that is not plainly inside. */
function checkedParts(path: string, entryName: string): string[] {
  if (path.startsWith('/') || path.includes('\0')) {
    throw new DecodeError(`path ${JSON.stringify(entryName)} in the image is absolute or broken`);
  }
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) {
    throw new DecodeError(`path ${JSON.stringify(entryName)} in the image leads outside`);
  }
  if (parts.length > depthLimit || parts.some((part) => Buffer.byteLength(part) > nameLimitBytes)) {
    throw new DecodeError(`path ${JSON.stringify(entryName.slice(0, 80))}... in the image is too long`);
  }
  return parts;
}

/** Absolute targets mean the image's own root. */
function checkSymlink(parent: readonly string[], entry: TarEntry): void {
  let depth = entry.linkName.startsWith('/') ? 0 : parent.length;
  for (const part of entry.linkName.split('/')) {
    if (part === '..') {
      depth -= 1;
    } else if (part !== '' && part !== '.') {
      depth += 1;
    }
    if (depth < 0) {
      throw new DecodeError(`link ${JSON.stringify(entry.name)} in the image leads outside`);
    }
  }
}

async function ensureDirectory(target: string, parts: readonly string[]): Promise<void> {
  let path = target;
  for (const part of parts) {
    path = join(path, part);
    try {
      await mkdir(path, { mode: 0o755 });
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') {
        throw error;
      }
      if (!(await lstat(path)).isDirectory()) {
        await rm(path);
        await mkdir(path, { mode: 0o755 });
      }
    }
  }
}

async function isRegularFile(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isFile();
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') {
      return false;
    }
    throw error;
  }
}

async function readdirIfThere(dir: string): Promise<string[]> {
  try {
    return await readdir(dir);
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') {
      return [];
    }
    throw error;
  }
}
