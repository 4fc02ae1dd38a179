import type { KubeObject } from '../../apimachinery/object.ts';
import type { Io } from '../command.ts';
import { formatTable } from './table.ts';

export interface TableColumns<T> {
  readonly header: readonly string[];
  readonly wideHeader: readonly string[];
  readonly row: (object: T) => readonly string[];
  readonly wideRow: (object: T) => readonly string[];
}

/** Prints `objects` in the format of `-o`: a table when none is given, with more columns for `wide`. */
export async function printObjects<T extends KubeObject>(
  io: Io,
  objects: readonly T[],
  format: string | undefined,
  columns: TableColumns<T>,
): Promise<void> {
  switch (format) {
    case 'json':
      io.out(`${JSON.stringify(list(objects), undefined, 2)}\n`);
      return;
    case 'yaml': {
      const { stringify } = await import('yaml');
      io.out(stringify(list(objects)));
      return;
    }
    case 'name':
      for (const object of objects) {
        io.out(`${object.kind.toLowerCase()}.${object.apiVersion.split('/')[0]}/${object.metadata.name}\n`);
      }
      return;
    case 'wide':
      io.out(
        formatTable(
          [...columns.header, ...columns.wideHeader],
          objects.map((object) => [...columns.row(object), ...columns.wideRow(object)]),
        ),
      );
      return;
    default:
      io.out(formatTable(columns.header, objects.map(columns.row)));
  }
}

function list(objects: readonly KubeObject[]): object {
  return { apiVersion: 'v1', kind: 'List', metadata: { resourceVersion: '' }, items: objects };
}
