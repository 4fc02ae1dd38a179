/** Manifests may write quantities as numbers: `cpu: 2`. All else here expects text, so they become text, as in Kubernetes. */
import type { JsonSchema } from '../json-schema.ts';
import { isObject } from '../values.ts';
import { quantityFormat } from './build.ts';

/** Changes `value` in place. Costs nothing where the schema has no quantity. */
export function createQuantityWriter(schema: JsonSchema): (value: unknown) => void {
  const write = compile(schema);
  return (value) => write?.(value);
}

type Write = (value: unknown) => void;

function compile(schema: JsonSchema): Write | undefined {
  const { items, properties = {}, additionalProperties } = schema;
  const members = new Map<string, { isQuantity: boolean; write: Write | undefined }>();
  for (const [name, property] of Object.entries(properties)) {
    const member = { isQuantity: property.format === quantityFormat, write: compile(property) };
    if (member.isQuantity || member.write !== undefined) {
      members.set(name, member);
    }
  }
  if (members.size > 0) {
    return (value) => {
      if (isObject(value)) {
        for (const [name, { isQuantity, write }] of members) {
          if (isQuantity) {
            rewrite(value, name);
          }
          write?.(value[name]);
        }
      }
    };
  }
  if (typeof additionalProperties === 'object' && additionalProperties.format === quantityFormat) {
    return (value) => {
      if (isObject(value)) {
        for (const name of Object.keys(value)) {
          rewrite(value, name);
        }
      }
    };
  }
  const write = items === undefined ? undefined : compile(items);
  return (
    write &&
    ((value) => {
      if (Array.isArray(value)) {
        for (const item of value) {
          write(item);
        }
      }
    })
  );
}

function rewrite(holder: Record<string, unknown>, name: string): void {
  if (Object.hasOwn(holder, name) && typeof holder[name] === 'number') {
    holder[name] = String(holder[name]);
  }
}
