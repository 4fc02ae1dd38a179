/** Where an instance keeps its store and keys, and the lock that says whether vmlet runs on them. */
import { closeSync, existsSync, fsyncSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { VmletError } from '../base/errors.ts';
import { stateDirectory } from '../base/directories.ts';
import { UsageError } from '../cli/options.ts';
import { readKeyFile } from '../embedded/apiserver/encryption/key-file.ts';
import { createValueCipher, secretPrefixes } from '../embedded/apiserver/encryption/value-cipher.ts';
import type { ValueCipher } from '../embedded/store/cipher.ts';
import { tryLock } from '../linux/lock/lock.ts';

export interface StorePlace {
  readonly stateDir: string;
  readonly storeFile: string;
  readonly pkiDir: string;
  readonly keyFile: string;
}

export const keyFileName = 'encryption.key';

export function storePlace(options: Readonly<Record<string, string | boolean | undefined>>): StorePlace {
  const stateDir = absolute(options['stateDir'], '--state-dir') ?? stateDirectory();
  const pkiDir = `${stateDir}/pki`;
  return {
    stateDir,
    storeFile: `${stateDir}/store/data.mdb`,
    pkiDir,
    keyFile: absolute(options['encryptionKey'], '--encryption-key') ?? `${pkiDir}/${keyFileName}`,
  };
}

function absolute(value: string | boolean | undefined, flag: string): string | undefined {
  if (typeof value !== 'string') {
    return undefined;
  }
  if (!value.startsWith('/')) {
    throw new UsageError(`${flag} takes an absolute path, not "${value}"`);
  }
  return value;
}

/** Holds the instance's lock until disposed; undefined while vmlet runs on it. */
export function lockPlace({ stateDir }: StorePlace): Disposable | undefined {
  if (!existsSync(stateDir)) {
    throw new VmletError('NoStore', `there is no ${stateDir}: name the state directory with --state-dir`);
  }
  return tryLock(`${stateDir}/lock`);
}

/** The lock. Throws VmletError `Running` while vmlet runs. */
export function requireStopped(place: StorePlace, what: string): Disposable {
  const lock = lockPlace(place);
  if (lock === undefined) {
    throw new VmletError(
      'Running',
      `vmlet runs on ${place.stateDir}: \`vmlet down\` first, then ${what}; VMs keep running meanwhile`,
    );
  }
  return lock;
}

/** What opens the store's values, as far as the keys are there. */
export function findCipher({ keyFile }: StorePlace): ValueCipher | undefined {
  const keys = readKeyFile(keyFile);
  return keys && createValueCipher({ keys, prefixes: secretPrefixes });
}

/** Certificates and keys, the file of the encryption keys among them under its usual name, wherever it is. */
export function readKeyFiles({ pkiDir, keyFile }: StorePlace): { readonly name: string; readonly content: Buffer }[] {
  const names = existsSync(pkiDir) ? readdirSync(pkiDir, { withFileTypes: true }) : [];
  const files = names
    .filter((entry) => entry.isFile() && entry.name !== keyFileName)
    .map(({ name }) => ({ name, content: readFileSync(`${pkiDir}/${name}`) }));
  return existsSync(keyFile) ? [...files, { name: keyFileName, content: readFileSync(keyFile) }] : files;
}

/** Makes names in the directory durable. */
export function flushDirectory(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
