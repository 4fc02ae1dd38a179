/** Rules as data: cases/*.yaml hold a schema, objects and what kube-apiserver says of them; expressions.yaml expressions and their values. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse } from 'yaml';
import { formatFieldError } from '../../../apimachinery/field-error.ts';
import type { JsonSchema } from '../json-schema.ts';
import { compileStructuralSchema } from '../structural-schema.ts';
import { metered } from './cost.ts';
import { compile, convertUntyped } from './engine.ts';
import { simple } from './types.ts';

interface CaseFile {
  readonly schema: JsonSchema;
  readonly cases?: readonly {
    readonly object: object;
    readonly old?: object;
    readonly errors?: readonly string[];
    readonly warnings?: readonly string[];
  }[];
  /** What is wrong with the schema's rules. */
  readonly checked?: readonly string[];
}

const directory = new URL('cases/', import.meta.url);
for (const name of readdirSync(directory)) {
  const { schema, cases = [], checked = [] } = parse(readFileSync(new URL(name, directory), 'utf8')) as CaseFile;
  const compiled = compileStructuralSchema(schema);
  test(`${name}: the definition`, () => {
    const problems = compiled.checkRules?.('spec.validation.openAPIV3Schema') ?? [];
    assert.deepEqual(problems.map(formatFieldError), checked);
  });
  for (const [index, { object, old, errors = [], warnings = [] }] of cases.entries()) {
    test(`${name}: case ${index + 1}`, () => {
      assert.deepEqual(
        compiled.validate(object).filter(({ type }) => type !== 'Required'),
        [],
      );
      const outcome = compiled.validateRules?.(object, old);
      assert.deepEqual(outcome?.errors.map(formatFieldError), errors);
      assert.deepEqual(outcome.warnings, warnings);
    });
  }
}

interface Expression {
  readonly expression: string;
  /** `true` unless given. */
  readonly error?: string;
}

const expressions = parse(readFileSync(new URL('expressions.yaml', import.meta.url), 'utf8')) as {
  readonly self: object;
  readonly expressions: readonly (string | Expression)[];
};
test('expressions of Kubernetes libraries', async (t) => {
  const self = convertUntyped(expressions.self);
  const scope = new Map([['self', simple.dyn]]);
  for (const item of expressions.expressions) {
    const { expression, error } = typeof item === 'string' ? { expression: item, error: undefined } : item;
    await t.test(expression, () => {
      const evaluate = (): unknown => metered(100_000, () => compile(expression, scope).evaluate({ self })).value;
      if (error === undefined) {
        assert.equal(evaluate(), true);
      } else {
        assert.throws(evaluate, ({ message }: Error) => message.startsWith(error));
      }
    });
  }
});
