import { randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync, linkSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createZstdCompress, createZstdDecompress } from 'node:zlib';
import { VmletError, errorCode } from '../../../base/errors.ts';
import { version } from '../../../base/version.ts';
import type { Invocation, Io } from '../../../cli/command.ts';
import { decodeBackup, encodeBackup, nameDamage } from '../../../embedded/store/backup-format.ts';
import type { BackupFrame } from '../../../embedded/store/backup-format.ts';
import { decodeRawEntry, decodeRawEvent } from '../../../embedded/store/codec.ts';
import { formatVersion } from '../../../embedded/store/format.ts';
import { openSnapshot, requireHeader } from '../../../embedded/store/snapshot.ts';
import type { Snapshot } from '../../../embedded/store/snapshot.ts';
import { verifyStore } from '../../../embedded/store/verify.ts';
import { requireRoot } from '../../require-root.ts';
import { findCipher, flushDirectory, lockPlace, readKeyFiles, storePlace } from '../../store-place.ts';
import type { StorePlace } from '../../store-place.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { io, options } = invocation;
  const file = invocation.arguments[0] ?? '-';
  if (options['check'] === true) {
    await check(io, file);
    return 0;
  }
  requireRoot('backup');
  if (file !== '-' && existsSync(file) && options['force'] !== true) {
    throw new VmletError('Exists', `${file} is there already: name another file, or add --force to replace it`);
  }
  const place = storePlace(options);
  const keys = options['withKeys'] === true ? readKeyFiles(place) : [];
  verifyWhenStopped(place);
  const snapshot = openSnapshot(place.storeFile);
  try {
    if (file === '-') {
      await write(snapshot, keys, process.stdout, io);
    } else {
      await writeFile(file, (stream) => write(snapshot, keys, stream, io), options['force'] === true);
    }
  } finally {
    await snapshot.close();
  }
  const { entries, revision } = snapshot.state;
  const size = file === '-' ? '' : `, ${Math.ceil(statSync(file).size / 1024)} KiB`;
  io.err(`backup of ${entries} objects at revision ${revision}${size}${keys.length > 0 ? ', with keys' : ''}\n`);
  if (snapshot.sealedWith.length > 0 && keys.length === 0) {
    io.err(`Secrets in it are sealed: another host needs ${place.keyFile} too\n`);
  }
  return 0;
}

/** While vmlet runs, it has looked at the file itself, and the file changes under a reader that goes without LMDB. */
function verifyWhenStopped(place: StorePlace): void {
  using lock = lockPlace(place);
  if (lock !== undefined && existsSync(place.storeFile)) {
    verifyStore(place.storeFile, findCipher(place));
  }
}

async function write(
  snapshot: Snapshot,
  files: ReturnType<typeof readKeyFiles>,
  stream: Writable,
  io: Io,
): Promise<void> {
  await pipeline(
    Readable.from(encodeBackup(frames(snapshot, files, io)), { objectMode: true }),
    createZstdCompress({ params: { [constants.ZSTD_c_checksumFlag]: 1 } }),
    stream,
    { signal: io.signal },
  );
}

const progressEvery = 100_000;

function* frames(
  snapshot: Snapshot,
  files: ReturnType<typeof readKeyFiles>,
  io: Io,
): Generator<Exclude<BackupFrame, { type: 'end' }>> {
  const { state, sealedWith } = snapshot;
  const createdAt = new Date().toISOString();
  yield { type: 'header', header: { createdAt, vmletVersion: version(), format: formatVersion, state, sealedWith } };
  for (const file of files) {
    yield { type: 'file', ...file };
  }
  let count = 0;
  for (const record of snapshot.records()) {
    yield record;
    count += 1;
    if (count % progressEvery === 0) {
      io.err(`${count} records ...\n`);
    }
  }
}

/** Complete and flushed under its name, or not there at all. */
async function writeFile(path: string, fill: (stream: Writable) => Promise<void>, replace: boolean): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.partial`;
  try {
    await fill(createWriteStream(temporary, { flags: 'wx', mode: 0o600, flush: true }));
    if (replace) {
      renameSync(temporary, path);
    } else {
      // Not a rename: somebody may have made the file meanwhile.
      linkSync(temporary, path);
    }
    flushDirectory(dirname(path));
  } catch (error) {
    throw errorCode(error) === 'EEXIST' ? new VmletError('Exists', `${path} has come into being meanwhile`) : error;
  } finally {
    rmSync(temporary, { force: true });
  }
}

async function check(io: Io, file: string): Promise<void> {
  let about = '';
  const source = file === '-' ? process.stdin : createReadStream(file);
  await pipeline(
    source,
    createZstdDecompress(),
    async (chunks: AsyncIterable<Buffer>) => {
      for await (const frame of decodeBackup(chunks)) {
        if (frame.type === 'header') {
          const { state, createdAt, vmletVersion } = requireHeader(frame.header);
          about = `${state.entries} objects at revision ${state.revision}, made ${createdAt} by vmlet ${vmletVersion}`;
        } else if (frame.type === 'entry') {
          decodeRawEntry(frame.key, frame.bytes);
        } else if (frame.type === 'event') {
          decodeRawEvent(frame.bytes);
        }
      }
    },
    { signal: io.signal },
  ).catch((error: unknown) => {
    throw nameDamage(error);
  });
  io.out(`the backup is good: ${about}\n`);
}
