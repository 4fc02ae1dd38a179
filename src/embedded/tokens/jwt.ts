/**
 * JSON Web Tokens in compact form, ES256 alone. Source: RFC 7515, 7518 section 3.4, 7519. Nothing in a token chooses how it is
 * checked: the algorithm is fixed and the key is the caller's.
 */
import { sign, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

export type JwtClaims = Readonly<Record<string, unknown>>;

const algorithm = 'ES256';
const maxTokenLength = 8192;
/** R and S of P-256, 32 bytes each. */
const signatureBytes = 64;
const segmentPattern = /^[A-Za-z0-9_-]+$/u;

export function signJwt(claims: JwtClaims, key: { readonly privateKey: KeyObject; readonly keyId: string }): string {
  const head = encodeSegment({ alg: algorithm, kid: key.keyId });
  const signed = `${head}.${encodeSegment(claims)}`;
  const signature = sign('sha256', Buffer.from(signed), { key: key.privateKey, dsaEncoding: 'ieee-p1363' });
  return `${signed}.${signature.toString('base64url')}`;
}

/** undefined: not such a token, or not signed by this key. Says nothing of its times and its audience. */
export function verifyJwt(
  token: string,
  key: { readonly publicKey: KeyObject; readonly keyId: string },
): JwtClaims | undefined {
  if (token.length > maxTokenLength) {
    return undefined;
  }
  const [head = '', body = '', signatureText = '', ...more] = token.split('.');
  if (more.length > 0 || ![head, body, signatureText].every((part) => segmentPattern.test(part))) {
    return undefined;
  }
  const header = decodeSegment(head);
  if (header?.['alg'] !== algorithm || header['kid'] !== key.keyId || header['crit'] !== undefined) {
    return undefined;
  }
  const signature = Buffer.from(signatureText, 'base64url');
  // One spelling per token: unused bits of the last character must not make another that is as good.
  if (signature.length !== signatureBytes || signature.toString('base64url') !== signatureText) {
    return undefined;
  }
  const signed = Buffer.from(`${head}.${body}`);
  return verify('sha256', signed, { key: key.publicKey, dsaEncoding: 'ieee-p1363' }, signature)
    ? decodeSegment(body)
    : undefined;
}

function encodeSegment(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function decodeSegment(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : undefined;
  } catch {
    return undefined;
  }
}
