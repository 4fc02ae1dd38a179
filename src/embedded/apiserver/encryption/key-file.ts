/** The file with the keys that values are sealed with: one key per line, 32 bytes in base64, the newest first; `#` begins a comment. */
import { randomBytes } from 'node:crypto';
import { fstatSync, openSync, readFileSync, closeSync } from 'node:fs';
import { VmletError, errorCode } from '../../../base/errors.ts';
import { writePrivateFile } from '../kubeconfig.ts';
import { keyBytes } from './value-cipher.ts';

const maxKeys = 100;
const othersMayRead = 0o077;
const head =
  '# The keys that vmlet seals Secrets with, the newest first. Without them sealed Secrets are lost: keep a copy elsewhere.\n' +
  '# `vmlet store rotate` puts a new key first and seals everything anew.\n';

/** The keys in the file; undefined when there is none. Throws VmletError `KeyFile` for one that is malformed or not private. */
export function readKeyFile(path: string): Buffer[] | undefined {
  let text: string;
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
  try {
    if ((fstatSync(descriptor).mode & othersMayRead) !== 0) {
      throw new VmletError(
        'KeyFile',
        `${path} can be read by others: chmod 600 ${path}, and rotate the key if they may have`,
      );
    }
    text = readFileSync(descriptor, 'utf8');
  } finally {
    closeSync(descriptor);
  }
  return parseKeys(path, text);
}

/** The keys in the text of a key file; `name` is for errors. */
export function parseKeys(name: string, text: string): Buffer[] {
  const lines = text.split('\n').map((line) => line.trim());
  const keys = lines.filter((line) => line !== '' && !line.startsWith('#')).map((line) => Buffer.from(line, 'base64'));
  if (keys.length === 0 || keys.length > maxKeys || keys.some((key) => key.length !== keyBytes)) {
    throw new VmletError('KeyFile', `${name} must hold 1 to ${maxKeys} lines of ${keyBytes} bytes in base64 each`);
  }
  return keys;
}

/** Replaces the file atomically, 0600. */
export function writeKeyFile(path: string, keys: readonly Buffer[]): void {
  writePrivateFile(path, `${head}${keys.map((key) => `${key.toString('base64')}\n`).join('')}`);
}

/** Reads the file, or makes one with a new key where nothing is sealed yet: a lost key must not be covered up by another. */
export function openKeyFile(path: string, sealedWith: readonly string[]): Buffer[] {
  const known = readKeyFile(path);
  if (known !== undefined) {
    return known;
  }
  if (sealedWith.length > 0) {
    throw new VmletError(
      'KeyFile',
      `${path} is missing, and Secrets are sealed with its key ${sealedWith.join(', ')}: put the file back, or restore a ` +
        'backup made with --with-keys',
    );
  }
  const keys = [makeKey()];
  writeKeyFile(path, keys);
  return keys;
}

export function makeKey(): Buffer {
  return randomBytes(keyBytes);
}
