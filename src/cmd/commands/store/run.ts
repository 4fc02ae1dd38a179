import { randomBytes } from 'node:crypto';
import { existsSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { VmletError } from '../../../base/errors.ts';
import type { Invocation, Io } from '../../../cli/command.ts';
import { makeKey, readKeyFile, writeKeyFile } from '../../../embedded/apiserver/encryption/key-file.ts';
import { createValueCipher, secretPrefixes } from '../../../embedded/apiserver/encryption/value-cipher.ts';
import type { ValueCipher } from '../../../embedded/store/cipher.ts';
import { decodeRawEntry, decodeRawEvent, encodeEntry, encodeEvent } from '../../../embedded/store/codec.ts';
import { openSnapshot, writeStoreFile } from '../../../embedded/store/snapshot.ts';
import type { RecordFrame } from '../../../embedded/store/snapshot.ts';
import { verifyStore } from '../../../embedded/store/verify.ts';
import { requireRoot } from '../../require-root.ts';
import { findCipher, flushDirectory, requireStopped, storePlace } from '../../store-place.ts';
import type { StorePlace } from '../../store-place.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { io, options } = invocation;
  const action = invocation.arguments[0] ?? '';
  requireRoot(`store ${action}`);
  const place = storePlace(options);
  using _lock = requireStopped(place, `\`vmlet store ${action}\``);
  if (!existsSync(place.storeFile)) {
    throw new VmletError(
      'NoStore',
      `there is no store at ${place.storeFile}: name the state directory with --state-dir`,
    );
  }
  const report = verifyStore(place.storeFile, findCipher(place));
  io.out(
    `the store is whole: ${report.entries} objects, ${report.events} events of history, revision ${report.revision}, ` +
      `format ${report.format}, ${report.sealedWith.length === 0 ? 'nothing sealed' : `sealed with key ${report.sealedWith.join(', ')}`}\n`,
  );
  if (action === 'rotate') {
    await rotate(io, place, options['forget'] === true);
  }
  return 0;
}

/** The key file comes first: cut off anywhere, the store opens with the old keys or with the new. */
async function rotate(io: Io, place: StorePlace, forget: boolean): Promise<void> {
  const keys = [makeKey(), ...(readKeyFile(place.keyFile) ?? [])];
  const cipher = createValueCipher({ keys, prefixes: secretPrefixes });
  const temporary = `${place.storeFile}.${randomBytes(6).toString('hex')}.rotating`;
  const snapshot = openSnapshot(place.storeFile);
  try {
    const { state } = snapshot;
    await writeStoreFile(
      temporary,
      { state, sealedWith: [cipher.keyId] },
      sealedAnew(snapshot.records(), cipher),
      io.signal,
    );
    verifyStore(temporary, cipher);
    io.signal.throwIfAborted();
    writeKeyFile(place.keyFile, keys);
    renameSync(temporary, place.storeFile);
    flushDirectory(dirname(place.storeFile));
  } finally {
    await snapshot.close();
    for (const path of [temporary, `${temporary}-lock`]) {
      rmSync(path, { force: true });
    }
  }
  if (forget) {
    writeKeyFile(place.keyFile, keys.slice(0, 1));
  }
  const older = keys.length - 1;
  io.out(`sealed anew with key ${cipher.keyId}\n`);
  if (older > 0) {
    io.out(
      forget
        ? `${older} older key(s) dropped\n`
        : `${older} older key(s) stay in ${place.keyFile} for older backups; --forget drops them\n`,
    );
  }
}

function* sealedAnew(records: Iterable<RecordFrame>, cipher: ValueCipher): Generator<RecordFrame> {
  for (const record of records) {
    if (record.type === 'entry') {
      const { key } = record;
      const { value, revision } = decodeRawEntry(key, record.bytes);
      yield {
        type: 'entry',
        key,
        bytes: encodeEntry(key, { revision, value: cipher.seal(key, cipher.open(key, value)) }),
      };
    } else {
      const event = decodeRawEvent(record.bytes);
      const seal = (value: Buffer): Buffer => cipher.seal(event.key, cipher.open(event.key, value));
      const bytes = encodeEvent({
        ...event,
        value: seal(event.value),
        previous: event.previous && seal(event.previous),
      });
      yield { type: 'event', bytes };
    }
  }
}
