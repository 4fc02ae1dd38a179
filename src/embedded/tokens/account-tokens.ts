/** Makes and checks tokens of ServiceAccounts against what the store holds now. Source: pkg/serviceaccount of Kubernetes. */
import { createHash, randomUUID } from 'node:crypto';
import type { KubeObject } from '../../apimachinery/object.ts';
import { objectStorageKey, storagePrefix } from '../apiserver/resource.ts';
import { parseStored } from '../apiserver/object-view.ts';
import type { TokenReviewOutcome } from '../apiserver/types.ts';
import type { Store } from '../store/store.ts';
import { accountUser, fromClaims, toClaims } from './claims.ts';
import type { AccountToken, BoundKind } from './claims.ts';
import { signJwt, verifyJwt } from './jwt.ts';
import type { SigningKey } from './signing-key.ts';

export interface AccountTokens {
  readonly issuer: string;
  /** `lifetimeSeconds` undefined: no end. */
  issue(
    token: Pick<AccountToken, 'namespace' | 'account' | 'bound' | 'node' | 'audiences'>,
    lifetimeSeconds: number | undefined,
  ): { readonly token: string; readonly expiresAt: number | undefined };
  /** Good for one of `audiences` (empty: this server), now, and with all that it is bound to still there? */
  check(token: string, audiences: readonly string[]): TokenReviewOutcome;
}

export interface AccountTokensOptions {
  readonly store: Store;
  readonly key: SigningKey;
  /** Names this server in its tokens, and is the audience of those that are for the server itself. */
  readonly issuer: string;
  readonly now?: () => number;
}

/** Signatures that were found good: checking one takes a hundred times as long as the rest. */
const rememberedSignatures = 1024;
/** A Pod or account that is being deleted may still use its tokens for so long. */
const deletionLeewayMs = 60_000;
const boundResources = { pod: 'pods', secret: 'secrets', node: 'nodes' } as const;

export function createAccountTokens({ store, key, issuer, now = Date.now }: AccountTokensOptions): AccountTokens {
  const known = new Map<string, AccountToken>();

  function readToken(text: string): AccountToken | undefined {
    const digest = createHash('sha256').update(text).digest('base64');
    const remembered = known.get(digest);
    if (remembered !== undefined) {
      return remembered;
    }
    const claims = verifyJwt(text, key);
    const token = claims && fromClaims(claims);
    if (token !== undefined) {
      const [oldest] = known.keys();
      if (known.size >= rememberedSignatures && oldest !== undefined) {
        known.delete(oldest);
      }
      known.set(digest, token);
    }
    return token;
  }

  function isThere(resource: string, namespace: string, object: { name: string; uid: string }): boolean {
    const entry = store.get(`${storagePrefix('', resource)}${namespace === '' ? '' : `${namespace}/`}${object.name}`);
    if (entry === undefined) {
      return false;
    }
    const { uid, deletionTimestamp } = parseStored(entry.value).metadata;
    return (
      uid === object.uid &&
      !(deletionTimestamp !== undefined && Date.parse(deletionTimestamp) + deletionLeewayMs < now())
    );
  }

  function problem(token: AccountToken): string | undefined {
    const seconds = now() / 1000;
    if (token.issuer !== issuer) {
      return 'invalid bearer token';
    }
    if (token.expiresAt !== undefined && seconds >= token.expiresAt) {
      return 'service account token has expired';
    }
    if (!isThere('serviceaccounts', token.namespace, token.account)) {
      return 'service account token has been invalidated';
    }
    const { bound } = token;
    if (bound !== undefined) {
      const namespace = bound.kind === 'node' ? '' : token.namespace;
      if (!isThere(boundResources[bound.kind], namespace, bound.object)) {
        return 'service account token has been invalidated';
      }
    }
    return undefined;
  }

  return {
    issuer,
    issue(token, lifetimeSeconds) {
      const issuedAt = Math.floor(now() / 1000);
      const expiresAt = lifetimeSeconds === undefined ? undefined : issuedAt + lifetimeSeconds;
      const full: AccountToken = { ...token, issuer, issuedAt, expiresAt, tokenId: randomUUID() };
      return { token: signJwt(toClaims(full), key), expiresAt };
    },
    check(text, audiences) {
      const token = readToken(text);
      if (token === undefined) {
        return { error: 'invalid bearer token' };
      }
      const error = problem(token);
      if (error !== undefined) {
        return { error };
      }
      const wanted = audiences.length === 0 ? [issuer] : audiences;
      const common = wanted.filter((audience) => token.audiences.includes(audience));
      if (common.length === 0) {
        return {
          error: `token audiences ${JSON.stringify(token.audiences)} is invalid for the target audiences ${JSON.stringify(wanted)}`,
        };
      }
      return { user: accountUser(token), audiences: common };
    },
  };
}

/** The object that a token is to be bound to, as it is now; undefined: there is none. */
export function findBound(store: Store, kind: BoundKind, namespace: string, name: string): KubeObject | undefined {
  const resource = boundResources[kind];
  const prefix = storagePrefix('', resource);
  const entry = store.get(objectStorageKey({ namespaced: kind !== 'node', storagePrefix: prefix }, namespace, name));
  return entry && parseStored(entry.value);
}
