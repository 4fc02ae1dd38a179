/** CEL expressions about requests: matchConditions, and the expressions of admission policies. */
import { invalidField, requiredField } from '../../../apimachinery/field-error.ts';
import type { FieldError } from '../../../apimachinery/field-error.ts';
import { errorMessage } from '../../../base/errors.ts';
import { metered, CALL_LIMIT } from '../../schema/cel/cost.ts';
import type { CelValue, Program } from '../../schema/cel/engine.ts';
import { loadEngine } from '../../schema/cel/load-engine.ts';
import { mapOf, simple } from '../../schema/cel/types.ts';
import type { Type } from '../../schema/cel/types.ts';
import type { AdmissionPolicy } from './types.ts';

/** What expressions see: JSON. What is undefined is null to them. */
export type Subject = Readonly<Record<'object' | 'oldObject' | 'request', unknown>> &
  Readonly<Partial<Record<'params' | 'namespaceObject', unknown>>>;

const conditionScope = new Map<string, Type>(['object', 'oldObject', 'request'].map((name) => [name, simple.dyn]));
const policyScope = new Map<string, Type>([
  ...conditionScope,
  ['params', simple.dyn],
  ['namespaceObject', simple.dyn],
  ['variables', mapOf(simple.string, simple.dyn)],
]);

/** undefined: the expression is fit to decide whether a webhook is asked. */
export function conditionProblem(expression: string): string | undefined {
  return problemOf(expression, conditionScope, 'bool');
}

/** The expressions of a policy as errors at their fields. */
export function policyProblems({ spec }: AdmissionPolicy): FieldError[] {
  const errors: FieldError[] = [];
  const check = (field: string, expression: string, wanted?: 'bool' | 'string'): void => {
    const problem = expression.trim() === '' ? '' : problemOf(expression, policyScope, wanted);
    if (problem === '') {
      errors.push(requiredField(field, 'expression is not specified'));
    } else if (problem !== undefined) {
      errors.push(invalidField(field, expression, problem));
    }
  };
  for (const [index, { name, expression }] of (spec.variables ?? []).entries()) {
    check(`spec.variables[${index}].expression`, expression);
    if (!/^[A-Za-z_]\w*$/u.test(name)) {
      errors.push(invalidField(`spec.variables[${index}].name`, name, 'name is not a valid CEL identifier'));
    }
  }
  for (const [index, { expression, messageExpression }] of (spec.validations ?? []).entries()) {
    check(`spec.validations[${index}].expression`, expression, 'bool');
    if (messageExpression !== undefined) {
      check(`spec.validations[${index}].messageExpression`, messageExpression, 'string');
    }
  }
  return errors;
}

function problemOf(
  expression: string,
  scope: ReadonlyMap<string, Type>,
  wanted?: 'bool' | 'string',
): string | undefined {
  try {
    const { kind } = loadEngine().compile(expression, scope).type;
    return wanted === undefined || kind === wanted || kind === 'dyn' ? undefined : `must evaluate to ${wanted}`;
  } catch (error) {
    return `compilation failed: ${errorMessage(error)}`;
  }
}

/** Compiled at the first use. */
export function createExpression(expression: string): (variables: Readonly<Record<string, CelValue>>) => CelValue {
  let program: Program | undefined;
  return (variables) => {
    const ready = (program ??= loadEngine().compile(expression, policyScope));
    return metered(CALL_LIMIT, () => ready.evaluate(variables)).value;
  };
}

export function toVariables(subject: Subject): Record<string, CelValue> {
  const { convertUntyped } = loadEngine();
  return Object.fromEntries(
    ['object', 'oldObject', 'request', 'params', 'namespaceObject'].map((name) => [
      name,
      convertUntyped(subject[name as keyof Subject] ?? null),
    ]),
  );
}
