/** Reads the log that a sandbox writes: plain text, appended, cut to nothing when it is too long. */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LogRequest } from '../apiserver/pod-streams/backend.ts';

/** The log is bounded at a fraction of this by whoever cuts it. */
const readBytesMax = 16 * 1024 * 1024;
const pollMs = 200;
const chunkBytes = 64 * 1024;

/**
 * `isWriting` says whether more may come. Throws the error of open(2); a file that is cut or deleted while it is read is
 * no error.
 */
export async function readLog(path: string, request: LogRequest, isWriting: () => boolean): Promise<Readable> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  return Readable.from(limited(pieces(file, request, isWriting), request.limitBytes), { objectMode: false });
}

async function* pieces(file: FileHandle, request: LogRequest, isWriting: () => boolean): AsyncIterable<Buffer> {
  try {
    const { mtimeMs, size } = await file.stat();
    const isOld = request.sinceMs !== undefined && mtimeMs < request.sinceMs;
    let at = isOld ? size : await startOf(file, size, request.tailLines);
    for (;;) {
      // Asked before reading: what is written until then is read.
      const goesOn = request.follow && isWriting();
      for (let bytes = await readAt(file, at); bytes.length > 0; bytes = await readAt(file, at)) {
        at += bytes.length;
        yield bytes;
      }
      if (!goesOn) {
        return;
      }
      await sleep(pollMs, undefined, { ref: false });
      const now = await file.stat();
      at = now.size < at ? 0 : at;
    }
  } finally {
    await file.close();
  }
}

async function* limited(source: AsyncIterable<Buffer>, limitBytes: number | undefined): AsyncIterable<Buffer> {
  let left = limitBytes ?? Number.POSITIVE_INFINITY;
  for await (const bytes of source) {
    yield bytes.subarray(0, Math.min(bytes.length, left));
    left -= bytes.length;
    if (left <= 0) {
      return;
    }
  }
}

/** Where the last lines begin. */
async function startOf(file: FileHandle, size: number, tailLines: number | undefined): Promise<number> {
  const least = Math.max(0, size - readBytesMax);
  if (tailLines === undefined) {
    return least;
  }
  if (tailLines === 0) {
    return size;
  }
  let lines = 0;
  for (let end = size; end > least;) {
    const from = Math.max(least, end - chunkBytes);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(end - from), 0, end - from, from);
    for (let index = bytesRead - 1; index >= 0; index--) {
      // The end of the last line does not begin another.
      if (buffer[index] === 0x0a && from + index !== size - 1 && ++lines >= tailLines) {
        return from + index + 1;
      }
    }
    end = from;
  }
  return least;
}

async function readAt(file: FileHandle, position: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(chunkBytes), 0, chunkBytes, position);
  return buffer.subarray(0, bytesRead);
}
