/**
 * Is a schema structural, as CustomResourceDefinitions demand? Pure. Source: "Specifying a structural schema" of the
 * Kubernetes documentation; k8s.io/apiextensions-apiserver/pkg/apiserver/schema.
 */
import type { FieldError } from '../../../apimachinery/field-error.ts';
import { forbiddenField, invalidField, requiredField } from '../../../apimachinery/field-error.ts';
import { compileStructuralSchema } from '../../schema/structural-schema.ts';
import type { JsonSchema } from '../../schema/json-schema.ts';
import { isObject } from '../json.ts';
import type { JsonObject } from '../json.ts';

const types: ReadonlySet<unknown> = new Set(['object', 'array', 'string', 'integer', 'number', 'boolean']);
const listTypes: ReadonlySet<unknown> = new Set(['atomic', 'set', 'map']);
/** What may say something of values inside of allOf, anyOf, oneOf and not, but nothing of the structure. */
const structural = [
  'type',
  'additionalProperties',
  'default',
  'nullable',
  'title',
  'description',
  'x-kubernetes-preserve-unknown-fields',
  'x-kubernetes-embedded-resource',
  'x-kubernetes-list-type',
] as const;
const maxDepth = 64;

/** `path` is where the schema is: `spec.versions[0].schema.openAPIV3Schema`. */
export function checkSchema(schema: unknown, path: string): FieldError[] {
  const errors: FieldError[] = [];
  checkPart(schema, { path, depth: 0 }, errors);
  if (isObject(schema) && schema['type'] !== 'object' && errors.length === 0) {
    errors.push(invalidField(`${path}.type`, schema['type'], 'must be object at the root'));
  }
  return errors;
}

function checkPart(part: unknown, { path, depth }: { path: string; depth: number }, errors: FieldError[]): void {
  if (!isObject(part) || depth > maxDepth) {
    errors.push(invalidField(path, depth > maxDepth ? 'too deep' : part, 'must be a schema'));
    return;
  }
  const shapeErrors = checkShape(part, path);
  if (shapeErrors.length > 0) {
    errors.push(...shapeErrors);
    return;
  }
  const schema = part as JsonSchema;
  const below = (child: unknown, name: string): void =>
    checkPart(child, { path: `${path}.${name}`, depth: depth + 1 }, errors);
  checkType(schema, path, errors);
  checkForbidden(part, path, errors);
  checkList(schema, path, errors);
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    below(property, `properties[${name}]`);
  }
  if (isObject(schema.additionalProperties)) {
    below(schema.additionalProperties, 'additionalProperties');
  }
  if (schema.items !== undefined) {
    below(schema.items, 'items');
  }
  const intOrString = schema['x-kubernetes-int-or-string'] === true;
  for (const name of ['allOf', 'anyOf', 'oneOf'] as const) {
    for (const [index, branch] of (schema[name] ?? []).entries()) {
      checkBranch(branch, { path: `${path}.${name}[${index}]`, intOrString, depth: depth + 1 }, errors);
    }
  }
  if (schema.not !== undefined) {
    checkBranch(schema.not, { path: `${path}.not`, intOrString, depth: depth + 1 }, errors);
  }
  checkDefault(schema, path, errors);
}

const lists = ['allOf', 'anyOf', 'oneOf', 'enum', 'required', 'x-kubernetes-list-map-keys', 'x-kubernetes-validations'];
const texts = ['pattern', 'format', 'description', 'title', 'type'];

/** The fields that are walked have the types that the walkers rely on. */
function checkShape(part: JsonObject, path: string): FieldError[] {
  const wrong = (name: string, what: string): FieldError =>
    invalidField(`${path}.${name}`, typeof part[name], `must be ${what}`);
  const given = (name: string): boolean => part[name] !== undefined && part[name] !== null;
  return [
    ...lists.filter((name) => given(name) && !Array.isArray(part[name])).map((name) => wrong(name, 'a list')),
    ...texts.filter((name) => given(name) && typeof part[name] !== 'string').map((name) => wrong(name, 'a text')),
    ...(given('properties') && !isObject(part['properties']) ? [wrong('properties', 'an object')] : []),
  ];
}

function checkType(schema: JsonSchema, path: string, errors: FieldError[]): void {
  const { type } = schema;
  if (type === undefined) {
    const free =
      schema['x-kubernetes-int-or-string'] === true || schema['x-kubernetes-preserve-unknown-fields'] === true;
    if (!free) {
      errors.push(requiredField(`${path}.type`, 'must not be empty for specified fields'));
    }
  } else if (!types.has(type)) {
    const detail = 'supported values: "array", "boolean", "integer", "number", "object", "string"';
    errors.push({ type: 'NotSupported', field: `${path}.type`, badValue: type, detail });
  } else if (type === 'array' && schema.items === undefined) {
    errors.push(requiredField(`${path}.items`, 'must be specified'));
  }
}

function checkForbidden(part: object, path: string, errors: FieldError[]): void {
  const schema = part as JsonSchema & { $ref?: unknown };
  if (schema.properties !== undefined && isObject(schema.additionalProperties)) {
    errors.push(
      forbiddenField(`${path}.additionalProperties`, 'additionalProperties and properties are mutual exclusive'),
    );
  }
  if (schema.additionalProperties === false) {
    errors.push(forbiddenField(`${path}.additionalProperties`, 'additionalProperties cannot be set to false'));
  }
  if (schema.uniqueItems === true) {
    errors.push(
      forbiddenField(
        `${path}.uniqueItems`,
        'uniqueItems cannot be set to true since the runtime complexity becomes quadratic',
      ),
    );
  }
  for (const name of ['$ref', 'dependencies', 'definitions', 'patternProperties'] as const) {
    if (Object.hasOwn(schema, name) && (schema as Record<string, unknown>)[name] !== null) {
      errors.push(forbiddenField(`${path}.${name}`, `${name} is not supported`));
    }
  }
  const bare = schema.properties === undefined && schema['x-kubernetes-preserve-unknown-fields'] !== true;
  if (schema['x-kubernetes-embedded-resource'] === true && bare) {
    errors.push(
      requiredField(
        `${path}.properties`,
        'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields',
      ),
    );
  }
}

function checkList(schema: JsonSchema, path: string, errors: FieldError[]): void {
  const listType = schema['x-kubernetes-list-type'];
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  if (listType !== undefined && !listTypes.has(listType)) {
    const field = `${path}.x-kubernetes-list-type`;
    errors.push({
      type: 'NotSupported',
      field,
      badValue: listType,
      detail: 'supported values: "atomic", "map", "set"',
    });
  }
  if (listType !== 'map') {
    return;
  }
  const field = `${path}.x-kubernetes-list-map-keys`;
  if (keys.length === 0) {
    errors.push(requiredField(field, 'must not be empty if x-kubernetes-list-type is map'));
  }
  for (const [index, key] of keys.entries()) {
    if (schema.items?.properties?.[key] === undefined) {
      errors.push(invalidField(`${field}[${index}]`, key, 'entries must all be names of item properties'));
    }
  }
}

/** A branch may only narrow what the structure around it says. */
function checkBranch(
  branch: unknown,
  { path, intOrString, depth }: { path: string; intOrString: boolean; depth: number },
  errors: FieldError[],
): void {
  if (!isObject(branch) || depth > maxDepth) {
    errors.push(invalidField(path, branch, 'must be a schema'));
    return;
  }
  const shapeErrors = checkShape(branch, path);
  if (shapeErrors.length > 0) {
    errors.push(...shapeErrors);
    return;
  }
  for (const name of structural) {
    // The one exception: `anyOf: [{type: integer}, {type: string}]` beside x-kubernetes-int-or-string.
    if (Object.hasOwn(branch, name) && !(intOrString && name === 'type')) {
      errors.push(forbiddenField(`${path}.${name}`, 'must be empty to be structural'));
    }
  }
  const more = { intOrString, depth: depth + 1 };
  for (const [name, child] of Object.entries((branch as JsonSchema).properties ?? {})) {
    checkBranch(child, { ...more, path: `${path}.properties[${name}]` }, errors);
  }
  for (const name of ['allOf', 'anyOf', 'oneOf'] as const) {
    for (const [index, child] of ((branch as JsonSchema)[name] ?? []).entries()) {
      checkBranch(child, { ...more, path: `${path}.${name}[${index}]` }, errors);
    }
  }
}

/** A default must be a value that the schema takes, whole. */
function checkDefault(schema: JsonSchema, path: string, errors: FieldError[]): void {
  if (schema.default === undefined || errors.length > 0) {
    return;
  }
  // As a field of an object, since a schema's root is a whole Kubernetes object.
  const compiled = compileStructuralSchema({ type: 'object', properties: { spec: schema } });
  const holder = { spec: structuredClone(schema.default) };
  const field = `${path}.default`;
  if (compiled.prune(holder).length > 0) {
    errors.push(invalidField(field, schema.default, 'must not have unknown fields'));
  }
  compiled.applyDefaults(holder);
  for (const error of compiled.validate(holder).filter((found) => found.field.startsWith('spec'))) {
    errors.push({ ...error, field: `${field}${error.field.slice('spec'.length)}` });
  }
}
