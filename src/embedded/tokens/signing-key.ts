/** The key that tokens of ServiceAccounts are signed with. Who has it can be every one of them. */
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { VmletError, errorCode } from '../../base/errors.ts';
import { writePrivateFile } from '../apiserver/kubeconfig.ts';

export interface SigningKey {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  /** SHA-256 of the public key in DER, base64url, as kube-apiserver names keys. */
  readonly keyId: string;
}

/** Reads the PEM file (PKCS #8, P-256); makes it with mode 0600 where there is none. */
export function readSigningKey(path: string): SigningKey {
  let pem: string;
  try {
    pem = readFileSync(path, 'utf8');
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') {
      throw error;
    }
    const made = makeSigningKey();
    writePrivateFile(path, made.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
    return made;
  }
  try {
    return signingKey(createPrivateKey(pem));
  } catch (error) {
    const remedy = 'put the right key back, or remove the file: tokens made with it are then void';
    throw new VmletError('SigningKey', `${path} holds no P-256 private key in PEM: ${remedy}`, { cause: error });
  }
}

/** A key that lives as long as the process. */
export function makeSigningKey(): SigningKey {
  return signingKey(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
}

function signingKey(privateKey: KeyObject): SigningKey {
  if (privateKey.asymmetricKeyType !== 'ec' || privateKey.asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
    throw new VmletError('SigningKey', `the key is ${privateKey.asymmetricKeyType ?? 'unknown'}, not P-256`);
  }
  const publicKey = createPublicKey(privateKey);
  const der = publicKey.export({ type: 'spki', format: 'der' });
  return { privateKey, publicKey, keyId: createHash('sha256').update(der).digest('base64url') };
}
