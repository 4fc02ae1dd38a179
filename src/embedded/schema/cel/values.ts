/**
 * JSON values as expressions see them, by their schema: integers are 64 bits wide, texts with a format may be bytes or times,
 * fields have escaped names, and fields that the schema does not know are not there. What is null is as if not given.
 */
import { celList, celMap } from '@bufbuild/cel';
import type { CelValue } from '@bufbuild/cel';
import type { SchemaNode } from '../schema-node.ts';
import { isObject } from '../values.ts';
import { setWeight, weightOf } from './cost.ts';
import { escapeName, typeOfSchema } from './types.ts';

/** Makes times of texts: functions of the library. */
export interface TimeFunctions {
  readonly timestamp: (text: string) => CelValue;
  readonly duration: (text: string) => CelValue;
}

export type Converter = (node: SchemaNode, value: unknown) => CelValue;

/** Converts each value once while it lives: rules at several levels see the same ones. */
export function createConverter(times: TimeFunctions): Converter {
  const known = new WeakMap<object, { readonly node: SchemaNode; readonly value: CelValue }>();

  function convert(node: SchemaNode, value: unknown): CelValue {
    if (typeof value !== 'object' || value === null) {
      return scalar(node, value, times);
    }
    const found = known.get(value);
    if (found?.node === node) {
      return found.value;
    }
    const made = container(node, value);
    known.set(value, { node, value: made });
    return made;
  }

  function container(node: SchemaNode, value: object): CelValue {
    const { items, additional } = node;
    if (Array.isArray(value)) {
      return makeList(items === undefined ? [] : value.map((item) => convert(items, item)));
    }
    const entries = new Map<string, CelValue>();
    if (!isObject(value)) {
      return makeMap(entries);
    }
    const isMap = node.properties.size === 0 && typeof additional === 'object';
    for (const [name, member] of Object.entries(value)) {
      const property = isMap ? additional : node.properties.get(name);
      const key = isMap ? name : escapeName(name);
      if (member === null || member === undefined || property === undefined || key === undefined) {
        continue;
      }
      if (node.embedded && name === 'metadata') {
        entries.set(key, names(member));
      } else if (isMap || typeOfSchema(property) !== undefined) {
        entries.set(key, convert(property, member));
      }
    }
    return makeMap(entries);
  }

  return convert;
}

function scalar(node: SchemaNode, value: unknown, times: TimeFunctions): CelValue {
  if (typeof value === 'number') {
    return node.type === 'number' || !Number.isInteger(value) ? value : BigInt(value);
  }
  if (typeof value !== 'string') {
    return typeof value === 'boolean' ? value : null;
  }
  switch (node.intOrString ? undefined : node.schema.format) {
    case 'byte':
      return Buffer.from(value, 'base64');
    case 'duration':
      return times.duration(value);
    case 'date':
      return times.timestamp(`${value}T00:00:00Z`);
    case 'date-time':
      return times.timestamp(value);
    default:
      return value;
  }
}

/** Of metadata rules see only the names. */
function names(metadata: unknown): CelValue {
  const entries = new Map<string, CelValue>();
  if (isObject(metadata)) {
    for (const name of ['name', 'generateName']) {
      const value = metadata[name];
      if (typeof value === 'string') {
        entries.set(name, value);
      }
    }
  }
  return makeMap(entries);
}

/** A value without a schema: whole numbers are integers. */
export function convertUntyped(value: unknown): CelValue {
  switch (typeof value) {
    case 'number':
      return Number.isInteger(value) ? BigInt(value) : value;
    case 'string':
    case 'boolean':
      return value;
    case 'object':
      if (value === null) {
        return null;
      }
      return Array.isArray(value)
        ? makeList(value.map(convertUntyped))
        : makeMap(
            new Map(
              Object.entries(value)
                .filter(([, member]) => member !== undefined && member !== null)
                .map(([name, member]) => [name, convertUntyped(member)]),
            ),
          );
    default:
      return null;
  }
}

function makeList(items: readonly CelValue[]): CelValue {
  const list = celList(items);
  setWeight(
    list,
    items.reduce<number>((sum, item) => sum + 0.1 + weightOf(item), 0),
  );
  return list;
}

function makeMap(entries: ReadonlyMap<string, CelValue>): CelValue {
  const map = celMap(entries);
  let weight = 0;
  for (const [key, value] of entries) {
    weight += 0.1 + key.length / 100 + weightOf(value);
  }
  setWeight(map, weight);
  return map;
}
