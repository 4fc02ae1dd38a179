/** What seals the values of a store: the key file, and which kinds. */
import type { ValueCipher } from '../../store/cipher.ts';
import { openKeyFile } from './key-file.ts';
import { createValueCipher, secretPrefixes } from './value-cipher.ts';

/** For `openLmdbStore`. Secrets are sealed unless other storage prefixes are named. */
export function storeCipher(
  keyFile: string,
  prefixes: readonly string[] = secretPrefixes,
): (sealedWith: readonly string[]) => ValueCipher {
  return (sealedWith) => createValueCipher({ keys: openKeyFile(keyFile, sealedWith), prefixes });
}
