import { maxListItems, type SchemaNode } from './dsl.ts';

export interface NotYetUse {
  /** `spec.domain.devices.tpm`, `spec.volumes[2].hostDisk`. */
  readonly field: string;
  /** For a person: `not supported by vmlet yet (why or what to do)`. */
  readonly detail: string;
}

/**
 * The known fields in `value` that vmlet does not do yet. Values of the wrong type are skipped: the schema reports those.
 * @param field the path of `value` itself; empty for a whole object
 */
export function findNotYet(node: SchemaNode, value: unknown, field: string): NotYetUse[] {
  const uses: NotYetUse[] = [];
  visit(node, value, field, uses);
  return uses;
}

function visit(node: SchemaNode, value: unknown, field: string, uses: NotYetUse[]): void {
  if (value === undefined || value === null) {
    return;
  }
  if (node.notYet !== undefined) {
    if (asksForSomething(value)) {
      uses.push({ field, detail: sentence(node.notYet) });
    }
    return;
  }
  if (typeof value === 'string' && node.notYetValues !== undefined && Object.hasOwn(node.notYetValues, value)) {
    uses.push({ field, detail: `the value ${JSON.stringify(value)} is ${sentence(node.notYetValues[value] ?? '')}` });
  }
  if (Array.isArray(value) && node.items !== undefined) {
    for (const [index, item] of value.slice(0, maxListItems).entries()) {
      visit(node.items, item, `${field}[${index}]`, uses);
    }
  } else if (typeof value === 'object' && node.properties !== undefined) {
    // Kinds have far more fields than an object gives: only what is there is walked.
    for (const name of Object.keys(value)) {
      const child = Object.hasOwn(node.properties, name) ? node.properties[name] : undefined;
      if (child !== undefined) {
        visit(child, (value as Record<string, unknown>)[name], field === '' ? name : `${field}.${name}`, uses);
      }
    }
  }
}

/** False, zero-length lists and texts ask for nothing, so a manifest that spells out a default stays valid. */
function asksForSomething(value: unknown): boolean {
  return value !== false && value !== '' && !(Array.isArray(value) && value.length === 0);
}

function sentence(why: string): string {
  return `not supported by vmlet yet${why === '' ? '' : ` (${why})`}`;
}
