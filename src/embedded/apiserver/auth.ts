/** Who is asking: client certificate or bearer token. */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { UserInfo } from './types.ts';
import { anonymousUser, systemAuthenticated } from './types.ts';

export interface StaticToken {
  readonly token: string;
  readonly user: UserInfo;
}

export type Authenticator = (request: IncomingMessage) => UserInfo | undefined;

/** Whose token is it? undefined: nobody's, or one that is no longer good. */
export type TokenAuthenticator = (token: string) => UserInfo | undefined;

export interface AuthenticatorOptions {
  readonly authenticateToken: TokenAuthenticator;
  /** Is who shows nothing system:anonymous, rather than refused? */
  readonly anonymous: boolean;
}

/** Tokens that do not change while the server runs. */
export function createStaticTokens(tokens: readonly StaticToken[]): TokenAuthenticator {
  // By digest: the look-up's timing says nothing about a token.
  const byDigest = new Map(tokens.map(({ token, user }) => [digest(token), withAuthenticated(user)]));
  return (token) => byDigest.get(digest(token));
}

const tokenProtocol = 'base64url.bearer.authorization.k8s.io.';

/**
 * Browsers can set no header on a WebSocket: they offer the token as a subprotocol, beside one to speak. Takes it out of the
 * request, so that it is not repeated in the answer. undefined: none is offered; empty: one that is no good.
 */
function takeProtocolToken(request: IncomingMessage): string | undefined {
  if (request.headers.upgrade?.toLowerCase() !== 'websocket') {
    return undefined;
  }
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((protocol) => protocol.trim());
  const tokens = offered.filter((protocol) => protocol.startsWith(tokenProtocol));
  if (tokens.length === 0) {
    return undefined;
  }
  const others = offered.filter((protocol) => !protocol.startsWith(tokenProtocol) && protocol !== '');
  request.headers['sec-websocket-protocol'] = others.join(', ');
  const encoded = tokens[0]?.slice(tokenProtocol.length) ?? '';
  const wellFormed = tokens.length === 1 && others.length > 0 && /^[\w-]{1,11000}$/u.test(encoded);
  return wellFormed ? Buffer.from(encoded, 'base64url').toString('utf8') : '';
}

/**
 * A certificate that the server's client CA signed: CN is the user, each O a group. Else `Authorization: Bearer`, or for a
 * WebSocket the subprotocol `base64url.bearer.authorization.k8s.io.TOKEN`. A token that is not known makes the request
 * anonymous even beside a good certificate, so that a stale token does not go unnoticed.
 */
export function createAuthenticator({ authenticateToken, anonymous }: AuthenticatorOptions): Authenticator {
  const bySocket = new WeakMap<object, UserInfo | null>();
  return (request) => {
    const protocolToken = takeProtocolToken(request);
    const header = request.headers.authorization;
    if (header !== undefined) {
      const token = /^Bearer\s+(\S{1,8192})$/iu.exec(header)?.[1];
      return token === undefined ? undefined : authenticateToken(token);
    }
    if (protocolToken !== undefined) {
      return authenticateToken(protocolToken);
    }
    const { socket } = request;
    let user = bySocket.get(socket);
    if (user === undefined) {
      user = certificateUser(socket as TLSSocket) ?? null;
      bySocket.set(socket, user);
    }
    return user ?? (anonymous ? anonymousUser : undefined);
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

export function isPublicPath(path: string): boolean {
  return publicPaths.test(path);
}
