/** Checks of one scalar. Messages are those of kube-openapi's validate package, which users know from CRDs. */
import { invalidField, notSupportedField, type FieldError } from '../../apimachinery/field-error.ts';
import { isDeepStrictEqual } from 'node:util';
import { matchesNumberFormat, matchesStringFormat } from './formats.ts';
import type { SchemaNode } from './schema-node.ts';
import { jsonTypeOf } from './values.ts';

/** Longest text a pattern is tried on: a bound on what a bad expression can cost. */
const MAX_MATCHED_LENGTH = 65_536;

/** `spec.cores in body must be of type integer: "string"`. */
export function typeError(path: string, wanted: string, value: unknown): FieldError {
  const actual = jsonTypeOf(value);
  return {
    type: 'TypeInvalid',
    field: path,
    badValue: actual,
    detail: `${path} in body must be of type ${wanted}: ${JSON.stringify(actual)}`,
  };
}

export function hasWantedType(node: SchemaNode, value: unknown): boolean {
  if (node.intOrString) {
    return typeof value === 'string' || Number.isInteger(value);
  }
  switch (node.type) {
    case undefined:
      return true;
    case 'integer':
      return Number.isInteger(value);
    case 'number':
      return typeof value === 'number';
    case 'array':
      return Array.isArray(value);
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value);
    case 'string':
    case 'boolean':
      return typeof value === node.type;
  }
}

export function validateScalar(node: SchemaNode, value: unknown, path: string, errors: FieldError[]): void {
  if (typeof value === 'string') {
    validateText(node, value, path, errors);
  } else if (typeof value === 'number') {
    validateNumber(node, value, path, errors);
  }
  const allowed = node.schema.enum;
  if (allowed !== undefined && !allowed.some((it) => isDeepStrictEqual(it, value))) {
    errors.push(notSupportedField(path, value, allowed.map(String)));
  }
}

function validateText(node: SchemaNode, value: string, path: string, errors: FieldError[]): void {
  const { minLength, maxLength, format } = node.schema;
  // A character takes one or two of a string's units: most texts need no counting.
  if (maxLength !== undefined && value.length > maxLength && characters(value) > maxLength) {
    errors.push({ type: 'TooLong', field: path, badValue: value, detail: `may not be more than ${maxLength} bytes` });
    return;
  }
  if (minLength !== undefined && value.length < 2 * minLength && characters(value) < minLength) {
    errors.push(invalidField(path, value, `${path} in body should be at least ${minLength} chars long`));
  }
  if (node.pattern !== undefined && (value.length > MAX_MATCHED_LENGTH || !node.pattern.test(value))) {
    errors.push(invalidField(path, value, `${path} in body should match '${node.schema.pattern}'`));
  }
  if (format !== undefined && !matchesStringFormat(format, value)) {
    errors.push(invalidField(path, value, `${path} in body must be of type ${format}: ${JSON.stringify(value)}`));
  }
}

function validateNumber(node: SchemaNode, value: number, path: string, errors: FieldError[]): void {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf, format } = node.schema;
  if (minimum !== undefined && (exclusiveMinimum === true ? value <= minimum : value < minimum)) {
    const bound = exclusiveMinimum === true ? 'greater than' : 'greater than or equal to';
    errors.push(invalidField(path, value, `${path} in body should be ${bound} ${minimum}`));
  }
  if (maximum !== undefined && (exclusiveMaximum === true ? value >= maximum : value > maximum)) {
    const bound = exclusiveMaximum === true ? 'less than' : 'less than or equal to';
    errors.push(invalidField(path, value, `${path} in body should be ${bound} ${maximum}`));
  }
  if (multipleOf !== undefined && multipleOf > 0 && !Number.isInteger(value / multipleOf)) {
    errors.push(invalidField(path, value, `${path} in body should be a multiple of ${multipleOf}`));
  }
  if (format !== undefined && !matchesNumberFormat(format, value)) {
    errors.push(invalidField(path, value, `${path} in body must be of type ${format}: "number"`));
  }
}

/** Unicode code points, as Go counts runes. */
function characters(value: string): number {
  let count = 0;
  for (const _ of value) {
    count += 1;
  }
  return count;
}
