/** What others need to check tokens on their own. Source: OpenID Connect Discovery 1.0, RFC 7517, as kube-apiserver serves it. */
import type { SigningKey } from './signing-key.ts';

export interface IssuerDocument {
  readonly contentType: string;
  readonly bytes: Buffer;
}

export const keysPath = '/openid/v1/jwks';
export const configurationPath = '/.well-known/openid-configuration';

/** By path. */
export function issuerDocuments(issuer: string, { publicKey, keyId }: SigningKey): ReadonlyMap<string, IssuerDocument> {
  const { kty, crv, x, y } = publicKey.export({ format: 'jwk' });
  const configuration = {
    issuer,
    jwks_uri: `${issuer}${keysPath}`,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['ES256'],
  };
  const keys = { keys: [{ use: 'sig', kty, kid: keyId, crv, alg: 'ES256', x, y }] };
  return new Map([
    [configurationPath, { contentType: 'application/json', bytes: Buffer.from(JSON.stringify(configuration)) }],
    [keysPath, { contentType: 'application/jwk-set+json', bytes: Buffer.from(JSON.stringify(keys)) }],
  ]);
}
