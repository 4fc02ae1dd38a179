/** Who is asking (client certificate or bearer token) and may they (by group). */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { AuthorizationAttributes, AuthorizationDecision, UserInfo } from './types.ts';
import { systemAuthenticated, systemMasters } from './types.ts';

export interface StaticToken {
  readonly token: string;
  readonly user: UserInfo;
}

export type Authenticator = (request: IncomingMessage) => UserInfo | undefined;

/**
 * A certificate that the server's client CA signed: CN is the user, each O a group. Else `Authorization: Bearer`. A token
 * that is not known makes the request anonymous even beside a good certificate, so that a stale token does not go unnoticed.
 */
export function createAuthenticator(tokens: readonly StaticToken[]): Authenticator {
  // By digest: the look-up's timing says nothing about a token.
  const byDigest = new Map(tokens.map(({ token, user }) => [digest(token), withAuthenticated(user)]));
  const bySocket = new WeakMap<object, UserInfo | null>();
  return (request) => {
    const header = request.headers.authorization;
    if (header !== undefined) {
      const token = /^Bearer\s+(\S{1,8192})$/iu.exec(header)?.[1];
      return token === undefined ? undefined : byDigest.get(digest(token));
    }
    const { socket } = request;
    let user = bySocket.get(socket);
    if (user === undefined) {
      user = certificateUser(socket as TLSSocket) ?? null;
      bySocket.set(socket, user);
    }
    return user ?? undefined;
  };
}

function certificateUser(socket: TLSSocket): UserInfo | undefined {
  if (!socket.authorized) {
    return undefined;
  }
  // Node's types promise texts; a subject with several O gives a list, one without CN gives none.
  const subject = socket.getPeerCertificate().subject as { CN?: string | string[]; O?: string | string[] } | undefined;
  const name = [subject?.CN ?? []].flat()[0];
  return name === undefined ? undefined : withAuthenticated({ name, groups: [subject?.O ?? []].flat() });
}

function withAuthenticated(user: UserInfo): UserInfo {
  return user.groups.includes(systemAuthenticated) ? user : { ...user, groups: [...user.groups, systemAuthenticated] };
}

function digest(token: string): string {
  return createHash('sha256').update(token).digest('base64');
}

const publicPaths = /^\/(?:livez|readyz|healthz|version)(?:\/|$)/u;
const discoveryPaths = /^\/(?:api|apis|openapi)(?:\/|$)/u;

export function isPublicPath(path: string): boolean {
  return publicPaths.test(path);
}

/** system:masters may do everything; anybody known may discover and ask what they may. */
export function authorizeMasters(user: UserInfo, attributes: AuthorizationAttributes): AuthorizationDecision {
  if (user.groups.includes(systemMasters)) {
    return { allowed: true };
  }
  const { verb, group, resource, path } = attributes;
  const asksAboutSelf =
    verb === 'create' &&
    ((group === 'authorization.k8s.io' && resource.startsWith('selfsubject')) ||
      (group === 'authentication.k8s.io' && resource === 'selfsubjectreviews'));
  if (asksAboutSelf || (verb === 'get' && (discoveryPaths.test(path) || publicPaths.test(path)))) {
    return { allowed: true };
  }
  return { allowed: false, reason: `the user is not in group ${systemMasters}` };
}
