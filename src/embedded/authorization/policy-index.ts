/** Roles and bindings by who they are for, in memory, kept by watching the store. */
import type { Store, StoreEvent } from '../store/store.ts';
import { parseStored } from '../apiserver/object-view.ts';
import { storagePrefix } from '../apiserver/resource.ts';
import { serviceAccountUserName } from '../apiserver/types.ts';
import type { UserInfo } from '../apiserver/types.ts';
import { rbacGroup } from './types.ts';
import type { PolicyRule, Role, RoleBinding, RoleReference, Subject } from './types.ts';

export interface HeldRule {
  readonly rule: PolicyRule;
  /** The binding that gives it, for the reason of a decision. */
  readonly binding: RoleBinding;
}

export interface PolicyIndex {
  /** Rules that the user holds in the namespace, those for the whole cluster first; '' gives these alone. */
  heldRules(user: UserInfo, namespace: string): HeldRule[];
  /** The first binding that gives a rule for which `accepts` holds: what each request asks, so without lists in between. */
  findBinding(user: UserInfo, namespace: string, accepts: (rule: PolicyRule) => boolean): RoleBinding | undefined;
  /** undefined: there is no such role. */
  rulesOf(reference: RoleReference, namespace: string): readonly PolicyRule[] | undefined;
  close(): void;
}

const resources = ['roles', 'clusterroles', 'rolebindings', 'clusterrolebindings'] as const;
type Resource = (typeof resources)[number];

const prefix = storagePrefix(rbacGroup, '').slice(0, -1);
const noRules: readonly PolicyRule[] = [];

export function createPolicyIndex(store: Store): PolicyIndex {
  /** `<namespace>/<name>`, for ClusterRoles `/<name>`. */
  const roles = new Map<string, readonly PolicyRule[]>();
  /** Namespace ('' for the cluster) -> subject -> binding's name -> binding. */
  const bindings = new Map<string, Map<string, Map<string, RoleBinding>>>();

  function setRole(namespace: string, name: string, role: Role | undefined): void {
    if (role === undefined) {
      roles.delete(`${namespace}/${name}`);
    } else {
      roles.set(`${namespace}/${name}`, role.rules ?? noRules);
    }
  }

  function addBinding(namespace: string, name: string, binding: RoleBinding): void {
    for (const subject of binding.subjects ?? []) {
      const bySubject = getOrMake(bindings, namespace);
      getOrMake(bySubject, subjectKey(subject)).set(name, binding);
    }
  }

  function removeBinding(namespace: string, name: string, binding: RoleBinding): void {
    const bySubject = bindings.get(namespace);
    for (const subject of binding.subjects ?? []) {
      const key = subjectKey(subject);
      const byName = bySubject?.get(key);
      byName?.delete(name);
      if (byName?.size === 0) {
        bySubject?.delete(key);
      }
    }
    if (bySubject?.size === 0) {
      bindings.delete(namespace);
    }
  }

  function change(event: Pick<StoreEvent, 'key' | 'value' | 'previous' | 'type'>): void {
    const place = parseKey(event.key);
    if (place === undefined) {
      return;
    }
    const { resource, namespace, name } = place;
    const gone = event.type === 'delete';
    if (resource === 'roles' || resource === 'clusterroles') {
      setRole(namespace, name, gone ? undefined : parseStored(event.value));
      return;
    }
    if (event.previous !== undefined) {
      removeBinding(namespace, name, parseStored(event.previous) as RoleBinding);
    }
    if (!gone) {
      addBinding(namespace, name, parseStored(event.value) as RoleBinding);
    }
  }

  const found = store.range({ prefix });
  for (const { key, value } of found.entries) {
    change({ key, value, previous: undefined, type: 'create' });
  }
  const watch = store.watch({ prefix, afterRevision: found.revision, onEvent: change });

  function rulesOf(reference: RoleReference, namespace: string): readonly PolicyRule[] | undefined {
    return roles.get(`${reference.kind === 'ClusterRole' ? '' : namespace}/${reference.name}`);
  }

  function findIn(
    place: string,
    user: UserInfo,
    accepts: (rule: PolicyRule, binding: RoleBinding) => boolean,
  ): RoleBinding | undefined {
    const bySubject = bindings.get(place);
    if (bySubject === undefined) {
      return undefined;
    }
    let found = findAmong(bySubject.get(`u:${user.name}`), place, accepts);
    for (const group of user.groups) {
      found ??= findAmong(bySubject.get(`g:${group}`), place, accepts);
    }
    return found;
  }

  function findAmong(
    byName: ReadonlyMap<string, RoleBinding> | undefined,
    place: string,
    accepts: (rule: PolicyRule, binding: RoleBinding) => boolean,
  ): RoleBinding | undefined {
    if (byName === undefined) {
      return undefined;
    }
    for (const binding of byName.values()) {
      for (const rule of rulesOf(binding.roleRef, place) ?? noRules) {
        if (accepts(rule, binding)) {
          return binding;
        }
      }
    }
    return undefined;
  }

  return {
    heldRules(user, namespace) {
      const held: HeldRule[] = [];
      const collect = (rule: PolicyRule, binding: RoleBinding): boolean => {
        held.push({ rule, binding });
        return false;
      };
      for (const place of new Set(['', namespace])) {
        findIn(place, user, collect);
      }
      return held;
    },
    findBinding(user, namespace, accepts) {
      return findIn('', user, accepts) ?? (namespace === '' ? undefined : findIn(namespace, user, accepts));
    },
    rulesOf,
    close: () => watch.close(),
  };
}

function subjectKey({ kind, name, namespace = '' }: Subject): string {
  switch (kind) {
    case 'User':
      return `u:${name}`;
    case 'Group':
      return `g:${name}`;
    case 'ServiceAccount':
      return `u:${serviceAccountUserName(namespace, name)}`;
  }
}

function parseKey(key: string): { resource: Resource; namespace: string; name: string } | undefined {
  const [kind, first, second] = key.slice(prefix.length).split('/');
  const resource = resources.find((candidate) => candidate === kind);
  if (resource === undefined || first === undefined) {
    return undefined;
  }
  return second === undefined ? { resource, namespace: '', name: first } : { resource, namespace: first, name: second };
}

function getOrMake<K, L, V>(map: Map<K, Map<L, V>>, key: K): Map<L, V> {
  const known = map.get(key);
  if (known !== undefined) {
    return known;
  }
  const made = new Map<L, V>();
  map.set(key, made);
  return made;
}
