/** The resources that are served right now. CustomResourceDefinitions add and remove some while the server runs. */
import type { ResourceType } from '../../apimachinery/object.ts';
import type { ResourceDefinition, ResourceVersion } from './resource.ts';

export interface ResolvedResource {
  readonly definition: ResourceDefinition;
  readonly version: ResourceVersion;
}

/** A kind with stored objects, as clients in this process ask for it. */
export interface ServedKind {
  readonly type: ResourceType;
  /** All that are served, that of `type` included. */
  readonly versions: readonly string[];
}

export interface ServedKinds {
  list(): readonly ServedKind[];
  /** Calls back after every change. */
  onChange(callback: () => void): void;
}

export interface Registry {
  /** Counts up with every change; caches of discovery and OpenAPI documents compare it. */
  readonly generation: number;
  register(definition: ResourceDefinition): void;
  unregister(group: string, resource: string): void;
  find(group: string, version: string, resource: string): ResolvedResource | undefined;
  findDefinition(group: string, resource: string): ResourceDefinition | undefined;
  definitions(): readonly ResourceDefinition[];
  readonly kinds: ServedKinds;
}

export function createRegistry(): Registry {
  const byName = new Map<string, ResourceDefinition>();
  const callbacks: (() => void)[] = [];
  let generation = 0;
  const changed = (): void => {
    generation += 1;
    for (const callback of callbacks) {
      callback();
    }
  };
  return {
    get generation() {
      return generation;
    },
    register(definition) {
      byName.set(`${definition.group}/${definition.resource}`, definition);
      changed();
    },
    unregister(group, resource) {
      if (byName.delete(`${group}/${resource}`)) {
        changed();
      }
    },
    find(group, versionName, resource) {
      const definition = byName.get(`${group}/${resource}`);
      const version = definition?.versions.find((candidate) => candidate.name === versionName && candidate.served);
      return definition && version && { definition, version };
    },
    findDefinition: (group, resource) => byName.get(`${group}/${resource}`),
    definitions: () => [...byName.values()],
    kinds: {
      list: () => [...byName.values()].flatMap((definition) => servedKind(definition) ?? []),
      onChange: (callback) => {
        callbacks.push(callback);
      },
    },
  };
}

/** In the version that is stored where that is served, since it needs no conversion. */
function servedKind(definition: ResourceDefinition): ServedKind | undefined {
  const { group, resource, kind, namespaced, strategy, storageVersion } = definition;
  const versions = definition.versions.filter(({ served }) => served).map(({ name }) => name);
  const version = versions.includes(storageVersion) ? storageVersion : versions[0];
  return version === undefined || strategy.virtual === true
    ? undefined
    : { type: { group, version, resource, kind, namespaced }, versions };
}
