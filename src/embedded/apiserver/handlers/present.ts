/** One object or a list in the form that the client asked for. */
import type { KubeObject } from '../../../apimachinery/object.ts';
import { notAcceptable } from '../../../apimachinery/status.ts';
import { acceptedTypes, negotiate } from '../negotiate.ts';
import type { Negotiated } from '../negotiate.ts';
import type { ObjectView } from '../object-view.ts';
import type { ListResult } from '../read-verbs.ts';
import type { ResolvedResource } from '../registry.ts';
import { apiVersionOf } from '../resource.ts';
import { buildTable, partialObject } from '../table.ts';
import type { IncludeObject } from '../table.ts';

/** Throws NotAcceptable. */
export function requireNegotiated(accept: string | undefined): Negotiated {
  const negotiated = negotiate(accept);
  if (negotiated === undefined) {
    throw notAcceptable(acceptedTypes);
  }
  return negotiated;
}

export function parseIncludeObject(query: URLSearchParams): IncludeObject {
  const value = query.get('includeObject');
  return value === 'None' || value === 'Object' ? value : 'Metadata';
}

export function presentObject(
  resolved: ResolvedResource,
  view: ObjectView,
  form: Negotiated,
  include: IncludeObject,
  withColumns = true,
): Buffer {
  switch (form.presentation) {
    case 'object':
      return view.bytes;
    case 'table': {
      const { resourceVersion } = view.object.metadata;
      const options = {
        metaVersion: form.metaVersion,
        includeObject: include,
        withColumns,
        metadata: { resourceVersion },
      };
      return toBytes(buildTable(resolved.version, [view.object], options));
    }
    case 'partial':
    case 'partialList':
      return toBytes(partialObject(view.object, form.metaVersion));
  }
}

export function presentList(
  resolved: ResolvedResource,
  list: Pick<ListResult, 'revision' | 'continue' | 'remaining' | 'items'>,
  form: Negotiated,
  include: IncludeObject,
): Buffer {
  const metadata = {
    resourceVersion: String(list.revision),
    ...(list.continue !== undefined && { continue: list.continue }),
    ...(list.remaining !== undefined && { remainingItemCount: list.remaining }),
  };
  const objects = (): KubeObject[] => list.items.map((view) => view.object);
  switch (form.presentation) {
    case 'object': {
      const { definition, version } = resolved;
      const head = { kind: definition.listKind, apiVersion: apiVersionOf(definition.group, version.name), metadata };
      return joinItems(`${JSON.stringify(head).slice(0, -1)},"items":[`, list.items);
    }
    case 'table': {
      const options = { metaVersion: form.metaVersion, includeObject: include, withColumns: true, metadata };
      return toBytes(buildTable(resolved.version, objects(), options));
    }
    case 'partial':
    case 'partialList': {
      const items = objects().map((object) => partialObject(object, form.metaVersion));
      const apiVersion = `meta.k8s.io/${form.metaVersion}`;
      return toBytes({ kind: 'PartialObjectMetadataList', apiVersion, metadata, items });
    }
  }
}

const comma = Buffer.from(',');
const tail = Buffer.from(']}\n');

/** The stored bytes go out as they are. */
function joinItems(head: string, items: readonly ObjectView[]): Buffer {
  const parts: Buffer[] = [Buffer.from(head)];
  for (const [index, view] of items.entries()) {
    if (index > 0) {
      parts.push(comma);
    }
    parts.push(view.bytes);
  }
  parts.push(tail);
  return Buffer.concat(parts);
}

function toBytes(value: object): Buffer {
  return Buffer.from(JSON.stringify(value));
}
