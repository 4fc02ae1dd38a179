import { randomBytes } from 'node:crypto';
import { createReadStream, existsSync, linkSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createZstdDecompress } from 'node:zlib';
import { VmletError } from '../../../base/errors.ts';
import type { Invocation, Io } from '../../../cli/command.ts';
import { parseKeys, readKeyFile, writeKeyFile } from '../../../embedded/apiserver/encryption/key-file.ts';
import { createValueCipher, keyId, secretPrefixes } from '../../../embedded/apiserver/encryption/value-cipher.ts';
import { writePrivateFile } from '../../../embedded/apiserver/kubeconfig.ts';
import { bad, decodeBackup, nameDamage } from '../../../embedded/store/backup-format.ts';
import type { BackupFrame, BackupHeader } from '../../../embedded/store/backup-format.ts';
import { requireHeader, writeStoreFile } from '../../../embedded/store/snapshot.ts';
import type { RecordFrame } from '../../../embedded/store/snapshot.ts';
import { storeState, verifyStore } from '../../../embedded/store/verify.ts';
import { ensurePrivateDirectory } from '../../private-directory.ts';
import { requireRoot } from '../../require-root.ts';
import { flushDirectory, keyFileName, requireStopped, storePlace } from '../../store-place.ts';
import type { StorePlace } from '../../store-place.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { io, options } = invocation;
  requireRoot('restore');
  const file = invocation.arguments[0] ?? '-';
  const place = storePlace(options);
  ensurePrivateDirectory(place.stateDir, 0o700);
  using _lock = requireStopped(place, 'restore');
  const there = existsSync(place.storeFile);
  if (there && options['force'] !== true) {
    throw new VmletError(
      'Exists',
      `${place.stateDir} has objects already: add --force to replace them (they are kept beside)`,
    );
  }
  mkdirSync(dirname(place.storeFile), { recursive: true, mode: 0o700 });
  const temporary = `${place.storeFile}.${randomBytes(6).toString('hex')}.restoring`;
  try {
    const { header, files } = await read(io, file, temporary, there ? lastRevision(place) : 0);
    const keys = keysFor(place, header, files);
    io.err('looking through what was read ...\n');
    verifyStore(temporary, keys.length === 0 ? undefined : createValueCipher({ keys, prefixes: secretPrefixes }));
    io.signal.throwIfAborted();
    // From here on it is short and not to be interrupted. Keys first: with too many of them a store opens, with too few not.
    for (const { name, content } of files.filter((item) => item.name !== keyFileName)) {
      writePrivateFile(`${place.pkiDir}/${name}`, content.toString('utf8'));
    }
    if (files.some(({ name }) => name === keyFileName)) {
      writeKeyFile(place.keyFile, keys);
    }
    const kept = `${place.storeFile}.before-restore`;
    if (there) {
      rmSync(kept, { force: true });
      linkSync(place.storeFile, kept);
    }
    renameSync(temporary, place.storeFile);
    flushDirectory(dirname(place.storeFile));
    const { entries, revision } = header.state;
    io.out(`restored ${entries} objects at revision ${revision}, of a backup made ${header.createdAt}\n`);
    if (there) {
      io.out(`what was there before is ${kept}\n`);
    }
    return 0;
  } finally {
    for (const path of [temporary, `${temporary}-lock`]) {
      rmSync(path, { force: true });
    }
  }
}

interface KeyFileContent {
  readonly name: string;
  readonly content: Buffer;
}

const goodName = /^[a-z\d][\w.-]{0,99}$/u;

/** Makes the new store file. Nothing of it counts before the backup's end has been reached, which is when this returns. */
async function read(
  io: Io,
  file: string,
  target: string,
  replacedRevision: number,
): Promise<{ header: BackupHeader; files: readonly KeyFileContent[] }> {
  const source = file === '-' ? process.stdin : createReadStream(file);
  const files: KeyFileContent[] = [];
  let found: BackupHeader | undefined;
  const result = async (chunks: AsyncIterable<Buffer>): Promise<void> => {
    const frames = decodeBackup(chunks)[Symbol.asyncIterator]();
    const first = await frames.next();
    if (first.done === true || first.value.type !== 'header') {
      throw bad('it does not begin with its description');
    }
    const header = requireHeader(first.value.header);
    const { revision } = header.state;
    // Clients may know later revisions than the backup's: go on above them, without the history, so that they list again.
    const goOnAt = replacedRevision > revision ? replacedRevision + 1000 : undefined;
    const state = goOnAt === undefined ? header.state : { ...header.state, revision: goOnAt, compacted: goOnAt };
    found = { ...header, state };
    io.err(`reading ${state.entries} objects ...\n`);
    await writeStoreFile(target, found, records(frames, files, goOnAt === undefined), io.signal);
  };
  try {
    await pipeline(source, createZstdDecompress(), result, { signal: io.signal });
  } catch (error) {
    throw nameDamage(error);
  }
  if (found === undefined) {
    throw bad('it is empty');
  }
  return { header: found, files };
}

async function* records(
  frames: AsyncIterator<BackupFrame>,
  files: KeyFileContent[],
  withHistory: boolean,
): AsyncGenerator<RecordFrame> {
  for (let next = await frames.next(); next.done !== true; next = await frames.next()) {
    const frame = next.value;
    if (frame.type === 'file') {
      if (!goodName.test(frame.name)) {
        throw bad(`it has a key file named ${JSON.stringify(frame.name)}`);
      }
      files.push({ name: frame.name, content: Buffer.from(frame.content) });
    } else if (frame.type === 'entry' || (frame.type === 'event' && withHistory)) {
      yield frame;
    }
  }
}

/** The keys to have afterwards: those of the backup, then those that are here. Refuses when one that is needed is missing. */
function keysFor(place: StorePlace, header: BackupHeader, files: readonly KeyFileContent[]): readonly Buffer[] {
  const brought = files.find(({ name }) => name === keyFileName);
  const keys = [
    ...(brought === undefined ? [] : parseKeys('the key file of the backup', brought.content.toString('utf8'))),
    ...(readKeyFile(place.keyFile) ?? []),
  ];
  const unique = [...new Map(keys.map((key) => [keyId(key), key]))];
  const missing = header.sealedWith.filter((id) => !unique.some(([known]) => known === id));
  if (missing.length > 0) {
    throw new VmletError(
      'KeyMissing',
      `the Secrets in the backup are sealed with key ${missing.join(', ')}, which is neither in it nor in ${place.keyFile}: ` +
        'copy the key file of the host it comes from there (mode 0600), or use a backup made with --with-keys',
    );
  }
  return unique.map(([, key]) => key);
}

/** Of the store to be replaced; 0 when it cannot be read, which may be why it is replaced. */
function lastRevision(place: StorePlace): number {
  try {
    return storeState(place.storeFile).revision;
  } catch {
    return 0;
  }
}
