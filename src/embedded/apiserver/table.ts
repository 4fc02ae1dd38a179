/** Objects as meta.k8s.io Tables, which is how kubectl get prints, and as partial objects. Pure. */
import type { KubeObject } from '../../apimachinery/object.ts';
import { formatAge } from './age.ts';
import type { PrinterColumn, ResourceVersion } from './resource.ts';

export type IncludeObject = 'None' | 'Metadata' | 'Object';

export interface TableOptions {
  readonly metaVersion: 'v1' | 'v1beta1';
  readonly includeObject: IncludeObject;
  /** Later events of a watch leave the column definitions out. */
  readonly withColumns: boolean;
  readonly metadata: object;
  readonly nowMs?: number;
}

const nameColumn = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: 'Name must be unique within a namespace.',
  priority: 0,
};

export function buildTable(version: ResourceVersion, objects: readonly KubeObject[], options: TableOptions): object {
  const nowMs = options.nowMs ?? Date.now();
  return {
    kind: 'Table',
    apiVersion: `meta.k8s.io/${options.metaVersion}`,
    metadata: options.metadata,
    columnDefinitions: options.withColumns ? [nameColumn, ...version.columns.map(columnDefinition)] : null,
    rows: objects.map((object) => ({
      cells: [
        version.shownName?.(object) ?? object.metadata.name,
        ...version.columns.map((column) => cell(column, object, nowMs)),
      ],
      ...(options.includeObject !== 'None' && {
        object: options.includeObject === 'Object' ? object : partialObject(object, options.metaVersion),
      }),
    })),
  };
}

export function partialObject(object: KubeObject, metaVersion: 'v1' | 'v1beta1'): object {
  return { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${metaVersion}`, metadata: object.metadata };
}

function columnDefinition(column: PrinterColumn): object {
  return {
    name: column.name,
    // Ages are made here, as text.
    type: column.type === 'date' ? 'string' : column.type,
    format: column.format ?? '',
    description: column.description ?? '',
    priority: column.priority ?? 0,
  };
}

function cell(column: PrinterColumn, object: KubeObject, nowMs: number): unknown {
  const value = column.value(object);
  if (value === undefined || value === null) {
    return column.type === 'date' ? '<unknown>' : column.type === 'string' ? '' : null;
  }
  switch (column.type) {
    case 'date':
      return formatAge(value, nowMs);
    case 'integer':
    case 'number':
      return typeof value === 'number' ? value : null;
    case 'boolean':
      return typeof value === 'boolean' ? value : null;
    case 'string':
      return typeof value === 'string' ? value : JSON.stringify(value);
  }
}
