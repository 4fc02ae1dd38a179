/** What a ServiceAccount's token says. Pure. Source: pkg/serviceaccount/claims.go of Kubernetes; names as there. */
import { isObject } from '../apiserver/json.ts';
import type { UserInfo } from '../apiserver/types.ts';
import { serviceAccountGroups, serviceAccountUserName } from '../apiserver/types.ts';
import type { JwtClaims } from './jwt.ts';

export interface ObjectIdentity {
  readonly name: string;
  readonly uid: string;
}

export type BoundKind = 'pod' | 'secret' | 'node';

export interface AccountToken {
  readonly namespace: string;
  readonly account: ObjectIdentity;
  /** The token is void when this object is gone. */
  readonly bound?: { readonly kind: BoundKind; readonly object: ObjectIdentity } | undefined;
  /** Of the Pod that the token is bound to, for information. */
  readonly node?: ObjectIdentity | undefined;
  readonly audiences: readonly string[];
  readonly issuer: string;
  readonly tokenId: string;
  /** Seconds since 1970. */
  readonly issuedAt: number;
  /** undefined for tokens in Secrets, which live as long as these. */
  readonly expiresAt: number | undefined;
}

export function toClaims(token: AccountToken): JwtClaims {
  const { namespace, account, bound, node, audiences, issuer, tokenId, issuedAt, expiresAt } = token;
  return {
    aud: audiences,
    ...(expiresAt !== undefined && { exp: expiresAt }),
    iat: issuedAt,
    nbf: issuedAt,
    iss: issuer,
    jti: tokenId,
    'kubernetes.io': {
      namespace,
      ...(node && { node }),
      ...(bound && { [bound.kind]: bound.object }),
      serviceaccount: account,
    },
    sub: serviceAccountUserName(namespace, account.name),
  };
}

/** undefined: claims that this server would never have signed. */
export function fromClaims(claims: JwtClaims): AccountToken | undefined {
  const { aud, exp, iat, nbf, iss, jti, sub } = claims;
  const own = claims['kubernetes.io'];
  if (!isObject(own) || typeof own['namespace'] !== 'string' || typeof iss !== 'string' || typeof jti !== 'string') {
    return undefined;
  }
  const account = identity(own['serviceaccount']);
  const audiences = Array.isArray(aud) ? aud.filter((item) => typeof item === 'string') : [];
  if (account === undefined || !isTime(iat) || nbf !== iat || !(exp === undefined || isTime(exp))) {
    return undefined;
  }
  const namespace = own['namespace'];
  if (sub !== serviceAccountUserName(namespace, account.name)) {
    return undefined;
  }
  const kinds: readonly BoundKind[] = ['pod', 'secret', 'node'];
  const bound = kinds.flatMap((kind) => {
    const object = identity(own[kind]);
    return object === undefined ? [] : [{ kind, object }];
  })[0];
  return {
    namespace,
    account,
    bound,
    node: bound?.kind === 'pod' ? identity(own['node']) : undefined,
    audiences,
    issuer: iss,
    tokenId: jti,
    issuedAt: iat,
    expiresAt: exp,
  };
}

/** Who shows the token. */
export function accountUser(token: AccountToken): UserInfo {
  const { namespace, account, bound, tokenId } = token;
  const node = bound?.kind === 'node' ? bound.object : token.node;
  const key = (name: string): string => `authentication.kubernetes.io/${name}`;
  return {
    name: serviceAccountUserName(namespace, account.name),
    uid: account.uid,
    groups: serviceAccountGroups(namespace),
    extra: {
      [key('credential-id')]: [`JTI=${tokenId}`],
      ...(bound?.kind === 'pod' && { [key('pod-name')]: [bound.object.name], [key('pod-uid')]: [bound.object.uid] }),
      ...(node && { [key('node-name')]: [node.name], [key('node-uid')]: [node.uid] }),
    },
  };
}

function identity(value: unknown): ObjectIdentity | undefined {
  return isObject(value) && typeof value['name'] === 'string' && typeof value['uid'] === 'string'
    ? { name: value['name'], uid: value['uid'] }
    : undefined;
}

function isTime(value: unknown): value is number {
  return Number.isSafeInteger(value);
}
