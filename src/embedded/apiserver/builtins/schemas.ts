/** Schemas of the built-in kinds, from embedded/schema. */
import type { BuiltinSchemas } from './define.ts';

export const builtinSchemas: BuiltinSchemas = () => undefined;
