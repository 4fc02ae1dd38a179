/** The resources that are served right now. CustomResourceDefinitions add and remove some while the server runs. */
import type { ResourceDefinition, ResourceVersion } from './resource.ts';

export interface ResolvedResource {
  readonly definition: ResourceDefinition;
  readonly version: ResourceVersion;
}

export interface Registry {
  /** Counts up with every change; caches of discovery and OpenAPI documents compare it. */
  readonly generation: number;
  register(definition: ResourceDefinition): void;
  unregister(group: string, resource: string): void;
  find(group: string, version: string, resource: string): ResolvedResource | undefined;
  findDefinition(group: string, resource: string): ResourceDefinition | undefined;
  definitions(): readonly ResourceDefinition[];
}

export function createRegistry(): Registry {
  const byName = new Map<string, ResourceDefinition>();
  let generation = 0;
  return {
    get generation() {
      return generation;
    },
    register(definition) {
      byName.set(`${definition.group}/${definition.resource}`, definition);
      generation += 1;
    },
    unregister(group, resource) {
      if (byName.delete(`${group}/${resource}`)) {
        generation += 1;
      }
    },
    find(group, versionName, resource) {
      const definition = byName.get(`${group}/${resource}`);
      const version = definition?.versions.find((candidate) => candidate.name === versionName && candidate.served);
      return definition && version && { definition, version };
    },
    findDefinition: (group, resource) => byName.get(`${group}/${resource}`),
    definitions: () => [...byName.values()],
  };
}
