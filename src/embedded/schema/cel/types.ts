/**
 * Static types of CEL expressions, and the types that schemas give to `self`. Source: the CEL language definition, and
 * k8s.io/apiserver/pkg/cel/common for what of a schema an expression can see.
 */
import type { SchemaNode } from '../schema-node.ts';

/** Types without parts; the last row are the types of Kubernetes' own libraries. */
export const simpleKinds = [
  ...(['dyn', 'int', 'uint', 'double', 'string', 'bool', 'bytes', 'null', 'duration', 'timestamp', 'type'] as const),
  ...(['quantity', 'url', 'ip', 'cidr', 'format'] as const),
] as const;
export type SimpleKind = (typeof simpleKinds)[number];

export type Type =
  | { readonly kind: SimpleKind }
  | { readonly kind: 'list'; readonly element: Type }
  | { readonly kind: 'map'; readonly key: Type; readonly value: Type }
  | { readonly kind: 'object'; readonly fields: ReadonlyMap<string, Type> }
  | { readonly kind: 'optional'; readonly of: Type };

export const simple = Object.fromEntries(simpleKinds.map((kind) => [kind, { kind }])) as {
  readonly [K in SimpleKind]: { readonly kind: K };
};
export const listOf = (element: Type): Type => ({ kind: 'list', element });
export const mapOf = (key: Type, value: Type): Type => ({ kind: 'map', key, value });
export const optionalOf = (of: Type): Type => ({ kind: 'optional', of });
export const objectOf = (fields: Readonly<Record<string, Type>>): Type => ({
  kind: 'object',
  fields: new Map(Object.entries(fields)),
});

/** As messages show it: `map(string, int)`. */
export function formatType(type: Type): string {
  switch (type.kind) {
    case 'list':
      return `list(${formatType(type.element)})`;
    case 'map':
      return `map(${formatType(type.key)}, ${formatType(type.value)})`;
    case 'optional':
      return `optional_type(${formatType(type.of)})`;
    case 'dyn':
      return 'any';
    default:
      return type.kind;
  }
}

/** May a value of the one be where the other is wanted? What is dynamic is found out at run time. */
export function isAssignable(actual: Type, wanted: Type): boolean {
  if (actual.kind === 'dyn' || wanted.kind === 'dyn') {
    return true;
  }
  if (actual.kind === 'list' && wanted.kind === 'list') {
    return isAssignable(actual.element, wanted.element);
  }
  if (actual.kind === 'map' && wanted.kind === 'map') {
    return isAssignable(actual.key, wanted.key) && isAssignable(actual.value, wanted.value);
  }
  if (actual.kind === 'optional' && wanted.kind === 'optional') {
    return isAssignable(actual.of, wanted.of);
  }
  // Any field that can be absent may be compared with null.
  return actual.kind === wanted.kind;
}

/** The type of what may be of either; the more exact one where one of them is not known. */
export function joinTypes(left: Type, right: Type): Type {
  if (left.kind === 'dyn' || right.kind === 'dyn') {
    return simple.dyn;
  }
  if (left.kind === 'list' && right.kind === 'list') {
    return listOf(exactOf(left.element, right.element));
  }
  if (left.kind === 'optional' && right.kind === 'optional') {
    return optionalOf(exactOf(left.of, right.of));
  }
  return isAssignable(left, right) ? left : simple.dyn;
}

function exactOf(left: Type, right: Type): Type {
  return left.kind === 'dyn' ? right : right.kind === 'dyn' ? left : joinTypes(left, right);
}

/** What the root of every object shows besides its own fields: of metadata only names. */
const metadataType = objectOf({ name: simple.string, generateName: simple.string });

const known = new WeakMap<SchemaNode, { readonly type: Type | undefined }>();

/** undefined: expressions cannot see values of this schema. */
export function typeOfSchema(node: SchemaNode): Type | undefined {
  const found = known.get(node) ?? { type: makeType(node) };
  known.set(node, found);
  return found.type;
}

function makeType(node: SchemaNode): Type | undefined {
  if (node.intOrString) {
    return simple.dyn;
  }
  switch (node.type) {
    case 'array': {
      const element = node.items && typeOfSchema(node.items);
      return element && listOf(element);
    }
    case 'object':
      return node.properties.size === 0 && typeof node.additional === 'object' ? mapType(node) : objectType(node);
    case 'string':
      return textType(node.schema.format);
    case 'integer':
      return simple.int;
    case 'number':
      return simple.double;
    case 'boolean':
      return simple.bool;
    case undefined:
      return undefined;
  }
}

function mapType(node: SchemaNode): Type | undefined {
  const value = typeof node.additional === 'object' ? typeOfSchema(node.additional) : undefined;
  return value && mapOf(simple.string, value);
}

function objectType(node: SchemaNode): Type {
  const fields = new Map<string, Type>();
  for (const [name, property] of node.properties) {
    const type = node.embedded && name === 'metadata' ? metadataType : typeOfSchema(property);
    const escaped = escapeName(name);
    if (type !== undefined && escaped !== undefined) {
      fields.set(escaped, type);
    }
  }
  return { kind: 'object', fields };
}

function textType(format: string | undefined): Type {
  switch (format) {
    case 'byte':
      return simple.bytes;
    case 'duration':
      return simple.duration;
    case 'date':
    case 'date-time':
      return simple.timestamp;
    default:
      return simple.string;
  }
}

const reserved: ReadonlySet<string> = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
);
const escapes: Readonly<Record<string, string>> = {
  __: '__underscores__',
  '.': '__dot__',
  '-': '__dash__',
  '/': '__slash__',
};

/** A field's name as an identifier: `a-b` is `a__dash__b`, `in` is `__in__`. undefined: expressions cannot name it. */
export function escapeName(name: string): string | undefined {
  if (reserved.has(name)) {
    return `__${name}__`;
  }
  const escaped = name.replaceAll(/__|[./-]/gu, (part) => escapes[part] ?? part);
  return /^[A-Za-z_]\w*$/u.test(escaped) ? escaped : undefined;
}
