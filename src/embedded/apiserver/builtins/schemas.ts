/** Schemas of the built-in kinds, from embedded/schema; each compiled once in a process. */
import { compileBuiltinSchema, findBuiltinSchema } from '../../schema/builtin/builtin-schemas.ts';
import { apiVersionOf } from '../resource.ts';
import type { BuiltinSchema, BuiltinSchemas } from './define.ts';

const known = new Map<string, BuiltinSchema>();

export const builtinSchemas: BuiltinSchemas = (group, version, kind) => {
  const source = findBuiltinSchema(group, version, kind);
  if (source === undefined) {
    return undefined;
  }
  const name = `${apiVersionOf(group, version)} ${kind}`;
  const schema = known.get(name) ?? { source, compiled: compileBuiltinSchema(source) };
  known.set(name, schema);
  return schema;
};
