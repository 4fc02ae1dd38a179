/** What is served: /api, /apis and below, in the old form and aggregated. Source: metav1 discovery, apidiscovery.k8s.io/v2. */
import type { Registry } from '../registry.ts';
import { allVerbs, apiVersionOf } from '../resource.ts';
import type { ResourceDefinition, ResourceVersion } from '../resource.ts';
import { compareVersions } from '../crd/definition.ts';
import { parseAccept } from '../negotiate.ts';
import type { ApiResource, DelegatedGroup } from '../types.ts';
import { describeSubresources } from './subresource-forms.ts';

export interface GroupVersions {
  readonly group: string;
  /** Best first. */
  readonly versions: readonly { readonly name: string; readonly resources: readonly ApiResource[] }[];
}

/** All groups, the core group first. */
export function collectGroups(registry: Registry, delegated: readonly DelegatedGroup[]): GroupVersions[] {
  const groups = new Map<string, Map<string, ApiResource[]>>();
  const listOf = (group: string, version: string): ApiResource[] => {
    const versions = groups.get(group) ?? new Map<string, ApiResource[]>();
    groups.set(group, versions);
    const list = versions.get(version) ?? [];
    versions.set(version, list);
    return list;
  };
  for (const definition of registry.definitions()) {
    for (const version of definition.versions.filter((candidate) => candidate.served)) {
      listOf(definition.group, version.name).push(...describe(definition, version));
    }
  }
  for (const { group, versions, resources } of delegated) {
    for (const version of versions) {
      listOf(group, version).push(...resources);
    }
  }
  return [...groups].map(([group, versions]) => ({
    group,
    versions: [...versions]
      .sort(([left], [right]) => compareVersions(left, right))
      .map(([name, resources]) => ({
        name,
        resources: [...resources].sort((left, right) => (left.name < right.name ? -1 : 1)),
      })),
  }));
}

function describe(definition: ResourceDefinition, version: ResourceVersion): ApiResource[] {
  const { resource, namespaced, kind, strategy } = definition;
  const main: ApiResource = {
    name: resource,
    singularName: definition.singular,
    namespaced,
    kind,
    verbs: strategy.verbs ?? allVerbs,
    ...(definition.shortNames.length > 0 && { shortNames: definition.shortNames }),
    ...(definition.categories.length > 0 && { categories: definition.categories }),
  };
  return [main, ...describeSubresources(definition, version)];
}

const fixedPaths = ['/healthz', '/livez', '/metrics', '/openapi/v2', '/openapi/v3', '/readyz', '/version'];

/** What `/` lists. */
export function rootPaths(groups: readonly GroupVersions[], documents: readonly string[]): object {
  const served = groups.flatMap(({ group, versions }) =>
    group === ''
      ? ['/api', ...versions.map(({ name }) => `/api/${name}`)]
      : [`/apis/${group}`, ...versions.map(({ name }) => `/apis/${group}/${name}`)],
  );
  return { paths: ['/apis', ...served, ...fixedPaths, ...documents].sort() };
}

export function apiVersions(groups: readonly GroupVersions[], serverAddress: string): object {
  const core = groups.find(({ group }) => group === '');
  return {
    kind: 'APIVersions',
    versions: (core?.versions ?? []).map(({ name }) => name),
    serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }],
  };
}

export function apiGroupList(groups: readonly GroupVersions[]): object {
  return { kind: 'APIGroupList', apiVersion: 'v1', groups: groups.filter(({ group }) => group !== '').map(groupEntry) };
}

export function apiGroup(group: GroupVersions): object {
  return { kind: 'APIGroup', apiVersion: 'v1', ...groupEntry(group) };
}

function groupEntry({ group, versions }: GroupVersions) {
  const entries = versions.map(({ name }) => ({ groupVersion: apiVersionOf(group, name), version: name }));
  return { name: group, versions: entries, preferredVersion: entries[0] };
}

export function apiResourceList(group: string, version: string, resources: readonly ApiResource[]): object {
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: apiVersionOf(group, version), resources };
}

export type AggregatedVersion = 'v2' | 'v2beta1';

/** Which aggregated form the client prefers to the old one; undefined: the old one. */
export function aggregatedForm(accept: string | undefined): AggregatedVersion | undefined {
  for (const { type, parameters } of parseAccept(accept)) {
    if (type !== 'application/json' && type !== '*/*' && type !== 'application/*') {
      continue;
    }
    if (parameters['as'] === undefined) {
      return undefined;
    }
    const version = parameters['v'];
    if (
      parameters['as'] === 'APIGroupDiscoveryList' &&
      parameters['g'] === 'apidiscovery.k8s.io' &&
      (version === 'v2' || version === 'v2beta1')
    ) {
      return version;
    }
  }
  return undefined;
}

export function aggregatedContentType(version: AggregatedVersion): string {
  return `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;
}

/** For /api the core group, for /apis the others. */
export function aggregatedDiscovery(groups: readonly GroupVersions[], form: AggregatedVersion): object {
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: `apidiscovery.k8s.io/${form}`,
    metadata: {},
    items: groups.map(({ group, versions }) => ({
      metadata: { name: group, creationTimestamp: null },
      versions: versions.map(({ name, resources }) => ({
        version: name,
        resources: resources
          .filter((item) => !item.name.includes('/'))
          .map((item) => aggregated(group, name, item, resources)),
        freshness: 'Current',
      })),
    })),
  };
}

function aggregated(group: string, version: string, item: ApiResource, all: readonly ApiResource[]): object {
  const kindOf = (resource: ApiResource): object => ({
    group: resource.group ?? group,
    version: resource.version ?? version,
    kind: resource.kind,
  });
  const below = all.filter((other) => other.name.startsWith(`${item.name}/`));
  return {
    resource: item.name,
    responseKind: kindOf(item),
    scope: item.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: item.singularName,
    verbs: item.verbs,
    ...(item.shortNames && { shortNames: item.shortNames }),
    ...(item.categories && { categories: item.categories }),
    ...(below.length > 0 && {
      subresources: below.map((other) => ({
        subresource: other.name.slice(item.name.length + 1),
        responseKind: kindOf(other),
        verbs: other.verbs,
      })),
    }),
  };
}
