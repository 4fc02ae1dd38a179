/**
 * Stored values of some kinds sealed with AES-256-GCM.
 *
 *   sealed: 0x00 "vse1" | key id 8 bytes | nonce 12 bytes | ciphertext | tag 16 bytes
 *
 * The storage key of the object is the associated data: a value moved to another object does not open. Nonces are random; NIST
 * SP 800-38D 8.3 allows 2^32 values per key so, far above what one host writes. What is stored plain is JSON and never begins
 * with a zero byte, so both kinds of values can lie side by side.
 */
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';
import type { ValueCipher } from '../../store/cipher.ts';
import { StoreError } from '../../store/store.ts';

export interface CipherOptions {
  /** 32 bytes each. New values are sealed with the first. */
  readonly keys: readonly Buffer[];
  /** Storage prefixes of the kinds to seal: `/registry/core/secrets/`. */
  readonly prefixes: readonly string[];
}

export const keyBytes = 32;
export const secretPrefixes: readonly string[] = ['/registry/core/secrets/'];

const mark = Buffer.from('\0vse1', 'latin1');
const idBytes = 8;
const nonceBytes = 12;
const tagBytes = 16;
const nonceAt = mark.length + idBytes;
const headerBytes = nonceAt + nonceBytes;
const algorithm = 'aes-256-gcm';

/** Names a key without telling anything of it. */
export function keyId(key: Buffer): string {
  return createHmac('sha256', key)
    .update('vmlet key id')
    .digest('hex')
    .slice(0, idBytes * 2);
}

export function createValueCipher({ keys, prefixes }: CipherOptions): ValueCipher {
  const byId = new Map(keys.map((key) => [keyId(key), key]));
  const [newest] = keys;
  if (newest === undefined) {
    throw new StoreError('KeyMissing', 'there is no key to seal values with');
  }
  const newestId = keyId(newest);

  function mustSeal(key: string, value: Buffer): boolean {
    return prefixes.some((prefix) => key.startsWith(prefix)) || isSealed(value);
  }

  return {
    keyId: newestId,
    keyIds: [...byId.keys()],
    seal(key, value) {
      if (!mustSeal(key, value)) {
        return value;
      }
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv(algorithm, newest, nonce);
      cipher.setAAD(Buffer.from(key, 'latin1'));
      const text = cipher.update(value);
      return Buffer.concat([mark, Buffer.from(newestId, 'hex'), nonce, text, cipher.final(), cipher.getAuthTag()]);
    },
    open(key, bytes) {
      if (!isSealed(bytes)) {
        return bytes;
      }
      if (bytes.length < headerBytes + tagBytes) {
        throw new StoreError('Corrupt', `the sealed value of ${key} is cut short: restore it from a backup`);
      }
      const id = bytes.toString('hex', mark.length, nonceAt);
      const secret = byId.get(id);
      if (secret === undefined) {
        throw new StoreError(
          'KeyMissing',
          `the value of ${key} is sealed with key ${id}, which the key file does not hold`,
        );
      }
      const decipher = createDecipheriv(algorithm, secret, bytes.subarray(nonceAt, headerBytes));
      decipher.setAAD(Buffer.from(key, 'latin1'));
      decipher.setAuthTag(bytes.subarray(bytes.length - tagBytes));
      const text = decipher.update(bytes.subarray(headerBytes, bytes.length - tagBytes));
      try {
        decipher.final();
      } catch (error) {
        const message = `the sealed value of ${key} is not what was written (changed, or moved from another object): restore it from a backup`;
        throw new StoreError('Corrupt', message, { cause: error });
      }
      return text;
    },
    isStale(key, bytes) {
      return isSealed(bytes) ? bytes.toString('hex', mark.length, nonceAt) !== newestId : mustSeal(key, bytes);
    },
  };
}

function isSealed(bytes: Buffer): boolean {
  return bytes.length >= mark.length && bytes.compare(mark, 0, mark.length, 0, mark.length) === 0;
}
