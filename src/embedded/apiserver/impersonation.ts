/**
 * Acting as somebody else, by `Impersonate-*` headers, for who has the verb `impersonate` on each part of the identity.
 * Source: k8s.io/apiserver/pkg/endpoints/filters/impersonation.
 */
import { badRequest, internalError } from '../../apimachinery/status.ts';
import { refusal } from './refusal.ts';
import type { AuthorizationAttributes, Authorizer, UserInfo } from './types.ts';
import {
  anonymousUser,
  parseServiceAccountUserName,
  serviceAccountGroups,
  systemAuthenticated,
  systemUnauthenticated,
} from './types.ts';

type Headers = Readonly<Record<string, readonly string[] | undefined>>;

const extraPrefix = 'impersonate-extra-';
const authenticationGroup = 'authentication.k8s.io';
const maxParts = 128;

/** The user to go on with. Throws Forbidden with the first part that `user` may not take on. */
export function impersonate(user: UserInfo, headers: Headers, authorize: Authorizer): UserInfo {
  const wanted = readHeaders(headers);
  if (wanted === undefined) {
    return user;
  }
  const require = (attributes: Partial<AuthorizationAttributes>): void => {
    const asked = { verb: 'impersonate', group: '', resource: '', subresource: '', namespace: '', name: '', path: '' };
    const full = { ...asked, ...attributes };
    if (!authorize(user, full).allowed) {
      throw refusal(user, full);
    }
  };
  const account = parseServiceAccountUserName(wanted.name);
  require(
    account === undefined ? { resource: 'users', name: wanted.name } : { resource: 'serviceaccounts', ...account },
  );
  for (const name of wanted.groups) {
    require({ resource: 'groups', name });
  }
  for (const [subresource, values] of Object.entries(wanted.extra)) {
    for (const name of values) {
      require({ group: authenticationGroup, resource: 'userextras', subresource, name });
    }
  }
  if (wanted.uid !== undefined) {
    require({ group: authenticationGroup, resource: 'uids', name: wanted.uid });
  }
  return withGroups(wanted, account?.namespace);
}

type Wanted = UserInfo & { readonly extra: Readonly<Record<string, readonly string[]>> };

function readHeaders(headers: Headers): Wanted | undefined {
  const name = headers['impersonate-user']?.[0] ?? '';
  const groups = headers['impersonate-group'] ?? [];
  const uid = headers['impersonate-uid']?.[0];
  const extraNames = Object.keys(headers).filter((header) => header.startsWith(extraPrefix));
  if (name === '') {
    if (groups.length > 0 || uid !== undefined || extraNames.length > 0) {
      throw internalError('requested groups, uid or extra without impersonating a user');
    }
    return undefined;
  }
  const extra: Record<string, readonly string[]> = Object.fromEntries(
    extraNames.map((header) => [decodeKey(header.slice(extraPrefix.length)), headers[header] ?? []]),
  );
  if (groups.length + Object.values(extra).flat().length > maxParts) {
    throw badRequest(`at most ${maxParts} groups and extra values can be impersonated`);
  }
  return { name, groups, extra, ...(uid !== undefined && { uid }) };
}

function decodeKey(text: string): string {
  try {
    return decodeURIComponent(text).toLowerCase();
  } catch {
    return text;
  }
}

function withGroups(wanted: Wanted, accountNamespace: string | undefined): UserInfo {
  const { name, groups } = wanted;
  const given = groups.length === 0 && accountNamespace !== undefined ? serviceAccountGroups(accountNamespace) : groups;
  if (name === anonymousUser.name) {
    return { ...wanted, groups: given.includes(systemUnauthenticated) ? given : [...given, systemUnauthenticated] };
  }
  const settled = given.includes(systemAuthenticated) || given.includes(systemUnauthenticated);
  return { ...wanted, groups: settled ? given : [...given, systemAuthenticated] };
}
