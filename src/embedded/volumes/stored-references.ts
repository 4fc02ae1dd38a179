/** Which digest a reference meant when it was last pulled: one small file per reference, replaced by rename. */
import { createHash, randomUUID } from 'node:crypto';
import { readFile, rename, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '../../base/errors.ts';
import type { ImageReference } from './image-reference.ts';

/** What a pull is remembered under: the reference, and for one by path also which version of the file it was. */
export async function referenceKey(reference: ImageReference): Promise<string> {
  if (reference.kind === 'registry') {
    return reference.text;
  }
  for (const path of [join(reference.path, 'index.json'), join(reference.path, 'manifest.json'), reference.path]) {
    try {
      const { ino, size, mtimeNs } = await stat(path, { bigint: true });
      return `${reference.text}#${ino}-${size}-${mtimeNs}`;
    } catch (error) {
      if (errorCode(error) !== 'ENOENT' && errorCode(error) !== 'ENOTDIR') {
        throw error;
      }
    }
  }
  return reference.text;
}

export interface StoredReference {
  readonly reference: string;
  readonly digest: string;
}

function referencePath(dir: string, reference: string): string {
  return join(dir, 'references', createHash('sha256').update(reference).digest('hex'));
}

/** The digest that was found last; undefined when never pulled. */
export async function readReference(dir: string, reference: string): Promise<string | undefined> {
  try {
    return parseStoredReference(await readFile(referencePath(dir, reference), 'utf8'))?.digest;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
}

export function parseStoredReference(text: string): StoredReference | undefined {
  try {
    const value = JSON.parse(text) as Partial<StoredReference>;
    return typeof value.digest === 'string' && /^sha256:[0-9a-f]{64}$/u.test(value.digest)
      ? { reference: String(value.reference), digest: value.digest }
      : undefined;
  } catch {
    // Cut short by a power failure: the image is simply looked up again.
    return undefined;
  }
}

export async function writeReference(dir: string, reference: string, digest: string): Promise<void> {
  const temporary = join(dir, 'staging', `reference-${randomUUID()}`);
  await writeFile(temporary, JSON.stringify({ reference, digest } satisfies StoredReference), { mode: 0o600 });
  await rename(temporary, referencePath(dir, reference));
}

/** Marks it as used now. */
export async function touchReference(dir: string, reference: string): Promise<void> {
  const now = new Date();
  await utimes(referencePath(dir, reference), now, now).catch((error: unknown) => {
    if (errorCode(error) !== 'ENOENT') {
      throw error;
    }
  });
}
