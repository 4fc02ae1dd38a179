/** From what a Service must have and what it has to the writes between. Pure. */
import { isDeepStrictEqual } from 'node:util';
import type { KubeObject } from '../../apimachinery/object.ts';
import { type Endpoints, type EndpointSlice, managedByLabel, sliceManager } from './kinds.ts';

export type EndpointAction =
  | { readonly kind: 'create-slice' | 'update-slice' | 'delete-slice'; readonly object: EndpointSlice }
  | { readonly kind: 'create-endpoints' | 'update-endpoints' | 'delete-endpoints'; readonly object: Endpoints };

/**
 * `slices` are those with the Service's name on them; those of other managers are left alone. Deletions come last, so
 * that an endpoint that moves to another slice is never in none.
 */
export function decide(
  desired: { readonly slices: readonly EndpointSlice[]; readonly endpoints: Endpoints | undefined },
  observed: { readonly slices: readonly EndpointSlice[]; readonly endpoints: Endpoints | undefined },
): EndpointAction[] {
  const own = observed.slices.filter(isOwn);
  const wanted = new Set(desired.slices.map(({ metadata }) => metadata.name));
  const { endpoints } = observed;
  return [
    ...desired.slices.flatMap((slice): EndpointAction[] => {
      const old = own.find(({ metadata }) => metadata.name === slice.metadata.name);
      if (old === undefined) {
        return [{ kind: 'create-slice', object: slice }];
      }
      return sliceContent(old) === sliceContent(slice) && sameMeta(old, slice)
        ? []
        : [{ kind: 'update-slice', object: { ...slice, metadata: { ...old.metadata, ...ownMeta(slice) } } }];
    }),
    ...(desired.endpoints === undefined ? [] : endpointsAction(desired.endpoints, endpoints)),
    ...own
      .filter(({ metadata }) => !wanted.has(metadata.name) && metadata.deletionTimestamp === undefined)
      .map((object): EndpointAction => ({ kind: 'delete-slice', object })),
    ...(desired.endpoints === undefined && endpoints !== undefined && isMirror(endpoints)
      ? [{ kind: 'delete-endpoints' as const, object: endpoints }]
      : []),
  ];
}

function endpointsAction(desired: Endpoints, old: Endpoints | undefined): EndpointAction[] {
  if (old === undefined) {
    return [{ kind: 'create-endpoints', object: desired }];
  }
  const isSame = isDeepStrictEqual(plain(old.subsets ?? []), plain(desired.subsets ?? [])) && sameMeta(old, desired);
  return isSame
    ? []
    : [{ kind: 'update-endpoints', object: { ...desired, metadata: { ...old.metadata, ...ownMeta(desired) } } }];
}

function isOwn({ metadata }: EndpointSlice): boolean {
  return metadata.labels?.[managedByLabel] === sliceManager;
}

/** Made here, not by a user for a Service without a selector. */
function isMirror({ metadata }: Endpoints): boolean {
  return metadata.ownerReferences?.some(({ kind, controller }) => kind === 'Service' && controller === true) === true;
}

function sliceContent({ addressType, endpoints, ports }: EndpointSlice): string {
  return JSON.stringify(sorted({ addressType, endpoints: endpoints ?? [], ports: ports ?? [] }));
}

function ownMeta({ metadata }: KubeObject): Pick<KubeObject['metadata'], 'labels' | 'ownerReferences'> {
  const { labels = {}, ownerReferences = [] } = metadata;
  return { labels, ownerReferences };
}

function sameMeta(one: KubeObject, other: KubeObject): boolean {
  return isDeepStrictEqual(plain(ownMeta(one)), plain(ownMeta(other)));
}

/** Objects out of a store may have another prototype. */
function plain(value: unknown): unknown {
  return sorted(JSON.parse(JSON.stringify(value)));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(sorted);
  }
  if (typeof value !== 'object' || value === null) {
    return value;
  }
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, member]) => [key, sorted(member)]),
  );
}
