import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { JsonSchema } from './json-schema.ts';
import { compileStructuralSchema } from './structural-schema.ts';

const name = fc.constantFrom('a', 'b', 'c', 'spec', 'toString');
const memberName = fc.oneof(name, fc.constant('__proto__'));
const { schema } = fc.letrec<{ schema: JsonSchema }>((tie) => ({
  schema: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom<JsonSchema>(
      { type: 'string', default: 'x' },
      { type: 'string', enum: ['x', 'y'] },
      { type: 'integer', minimum: 0, default: 3 },
      { type: 'boolean', nullable: true },
      { 'x-kubernetes-int-or-string': true },
      { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    ),
    fc.record({ type: fc.constant('object' as const), properties: fc.dictionary(name, tie('schema'), { maxKeys: 4 }) }),
    fc.record({ type: fc.constant('object' as const), additionalProperties: tie('schema') }),
    fc.record({ type: fc.constant('array' as const), items: tie('schema') }),
  ),
}));
const rootSchema = fc.dictionary(name, schema, { maxKeys: 4 }).map((properties): JsonSchema => ({
  type: 'object',
  properties,
}));
// Through JSON, as objects come from clients.
const value = fc
  .dictionary(memberName, fc.jsonValue({ maxDepth: 4 }))
  .map((object) => JSON.parse(JSON.stringify(object)) as Record<string, unknown>);

test('any value gives an answer; pruning and defaulting are stable', () => {
  fc.assert(
    fc.property(rootSchema, value, (rootSchema, value) => {
      const compiled = compileStructuralSchema(rootSchema);
      const object = structuredClone(value);
      compiled.prune(object);
      assert.deepEqual(compiled.prune(object), []);
      compiled.applyDefaults(object);
      const once = structuredClone(object);
      compiled.applyDefaults(object);
      assert.deepEqual(object, once);
      assert.deepEqual(compiled.prune(object), []);
      for (const { field } of compiled.validate(object)) {
        assert.notEqual(field, '');
      }
    }),
    { numRuns: 500 },
  );
});

test('validation does not change the object', () => {
  fc.assert(
    fc.property(rootSchema, value, (rootSchema, value) => {
      const before = JSON.stringify(value);
      compileStructuralSchema(rootSchema).validate(value);
      assert.equal(JSON.stringify(value), before);
    }),
  );
});
