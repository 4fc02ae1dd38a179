/** The served kinds as tracking sees them. */
import type { ResolvedResource } from '../registry.ts';
import type { ResourceDefinition, ResourceVersion } from '../resource.ts';
import { apiVersionOf } from '../resource.ts';
import type { TrackedKind } from './tracked-kind.ts';

const known = new WeakMap<ResourceVersion, TrackedKind>();

export function trackedKind({ definition, version }: ResolvedResource): TrackedKind {
  let kind = known.get(version);
  if (kind === undefined) {
    kind = describe(definition, version);
    known.set(version, kind);
  }
  return kind;
}

function describe(definition: ResourceDefinition, version: ResourceVersion): TrackedKind {
  const { group, versions } = definition;
  const byApiVersion = new Map(versions.map((item) => [apiVersionOf(group, item.name), item]));
  return {
    apiVersion: apiVersionOf(group, version.name),
    typeOf(apiVersion) {
      const found = byApiVersion.get(apiVersion);
      // Some kinds are served in two groups: there the fields of the other are judged by this one's schema.
      const foreign = found === undefined && groupOf(apiVersion) !== group;
      return { known: found !== undefined || foreign, type: (found ?? version).schema?.root };
    },
    hasStatus: version.hasStatus,
    emptyObject: definition.custom === undefined ? emptyBuiltin(definition, version) : {},
  };
}

function groupOf(apiVersion: string): string {
  return apiVersion.includes('/') ? (apiVersion.split('/', 1)[0] ?? '') : '';
}

/**
 * The built-in kinds are Go structures on a cluster: these members are there even when nobody gave them, and so are never
 * recorded as set by somebody.
 */
function emptyBuiltin(definition: ResourceDefinition, version: ResourceVersion): object {
  const properties = version.schema?.root?.properties;
  const spec = definition.kind === 'Pod' ? { containers: null } : {};
  return {
    ...(properties?.has('spec') === true && { spec }),
    ...(properties?.has('status') === true && { status: {} }),
  };
}
