/**
 * Asks the rules of a schema about an object. Order, texts and the handling of unchanged parts ("ratcheting") as kube-apiserver:
 * a rule that fails on a part that the update leaves as it is only warns, so that a stricter definition does not lock objects.
 */
import { isDeepStrictEqual } from 'node:util';
import { forbiddenField, formatFieldError, invalidField, requiredField } from '../../../apimachinery/field-error.ts';
import type { FieldError } from '../../../apimachinery/field-error.ts';
import { errorMessage } from '../../../base/errors.ts';
import type { SchemaNode } from '../schema-node.ts';
import { MAX_ERRORS } from '../validation.ts';
import { childPath, isObject, itemPath } from '../values.ts';
import { compiledRules, rulesOf } from './compile-rules.ts';
import type { CompiledRule, ValidationRule } from './compile-rules.ts';
import { CALL_LIMIT, metered, OBJECT_LIMIT } from './cost.ts';
import { loadEngine } from './load-engine.ts';
import type { Program } from './engine.ts';
import type { Converter } from './values.ts';

export interface RuleOutcome {
  readonly errors: readonly FieldError[];
  readonly warnings: readonly string[];
}

/** The value before the update, where it can be told which it is. */
interface Before {
  readonly value: unknown;
  /** Is this part, or the nearest part around it that has a value before, as it was? */
  readonly isUnchanged: () => boolean;
}

interface Run {
  readonly convert: Converter;
  readonly errors: FieldError[];
  readonly warnings: string[];
  remaining: number;
}

const noBefore: Before = { value: undefined, isUnchanged: () => false };
const maxMessageLength = 5 * 1024;

/** `old` is undefined for a new object. Only for schemas with rules: loads the CEL library. */
export function validateRules(root: SchemaNode, object: unknown, old: unknown): RuleOutcome {
  const run: Run = { convert: loadEngine().createValues(), errors: [], warnings: [], remaining: OBJECT_LIMIT };
  walk(run, root, object, '', old === undefined ? noBefore : changed(old, object));
  return run;
}

/** Compares at most once. */
function changed(old: unknown, value: unknown): Before {
  let same: boolean | undefined;
  return { value: old, isUnchanged: () => (same ??= isDeepStrictEqual(old, value)) };
}

/** Of a part: its own value before, else what is known of the parts around it. */
function partBefore(around: Before, old: unknown, value: unknown): Before {
  return old === undefined || old === null ? { ...around, value: undefined } : changed(old, value);
}

function walk(run: Run, node: SchemaNode, value: unknown, path: string, before: Before): void {
  const isDone = (): boolean => run.remaining < 0 || run.errors.length >= MAX_ERRORS;
  if (!node.hasRules || value === null || value === undefined || isDone()) {
    return;
  }
  if (rulesOf(node).length > 0) {
    validateNode(run, node, value, path, before);
  }
  if (Array.isArray(value)) {
    const { items } = node;
    if (items?.hasRules === true) {
      const findOld = oldItems(node, before.value);
      for (const [index, item] of value.entries()) {
        walk(run, items, item, itemPath(path, index), partBefore(before, findOld(item), item));
      }
    }
    return;
  }
  if (!isObject(value)) {
    return;
  }
  const { additional, schema } = node;
  const old = schema['x-kubernetes-map-type'] !== 'atomic' && isObject(before.value) ? before.value : {};
  for (const [name, member] of Object.entries(value)) {
    const property = node.properties.get(name);
    const next = partBefore(before, Object.hasOwn(old, name) ? old[name] : undefined, member);
    if (property !== undefined) {
      walk(run, property, member, childPath(path, name), next);
    } else if (typeof additional === 'object') {
      walk(run, additional, member, `${path}[${name}]`, next);
    }
  }
}

/** Items of a list with keys are known again by them; those of other lists are not. */
function oldItems(node: SchemaNode, old: unknown): (item: unknown) => unknown {
  const keys = node.schema['x-kubernetes-list-map-keys'] ?? [];
  if (node.schema['x-kubernetes-list-type'] !== 'map' || !Array.isArray(old)) {
    return () => undefined;
  }
  const identity = (item: unknown): string => JSON.stringify(isObject(item) ? keys.map((key) => item[key]) : item);
  const byKeys = new Map(old.map((item: unknown) => [identity(item), item]));
  return (item) => byKeys.get(identity(item));
}

function validateNode(run: Run, node: SchemaNode, value: unknown, path: string, before: Before): void {
  const field = path === '' ? '<nil>' : path;
  const shown = node.type ?? '';
  const self = convert(run, node, value);
  const oldSelf = before.value === undefined ? undefined : convert(run, node, before.value);
  if (self === undefined) {
    return;
  }
  const { makeOptional } = loadEngine();
  for (const compiled of compiledRules(node)) {
    const { rule, program, isTransition } = compiled;
    const isOptional = rule.optionalOldSelf === true;
    if (compiled.error !== undefined || program === undefined) {
      run.errors.push(invalidField(field, shown, `rule compile error: ${compiled.error ?? 'no rule'}`));
      continue;
    }
    if (isTransition && oldSelf === undefined && !isOptional) {
      continue;
    }
    const variables = isOptional
      ? { self, oldSelf: makeOptional(oldSelf) }
      : { self, ...(oldSelf !== undefined && { oldSelf }) };
    const outcome = evaluate(run, program, variables);
    if ('problem' in outcome) {
      run.errors.push(invalidField(field, shown, problemText(outcome, rule)));
      if (outcome.exhausted) {
        run.remaining = -1;
        return;
      }
    } else if (outcome.value !== true) {
      const error = failedRule(run, compiled, { path, field, shown, variables });
      if (!isTransition && before.isUnchanged()) {
        run.warnings.push(formatFieldError(error));
      } else {
        run.errors.push(error);
      }
    }
  }
}

/** undefined: a text whose format the schema check has refused already. */
function convert(run: Run, node: SchemaNode, value: unknown): ReturnType<Converter> | undefined {
  try {
    return run.convert(node, value);
  } catch {
    return undefined;
  }
}

type Outcome = { readonly value: unknown } | { readonly problem: string; readonly exhausted: boolean };

function evaluate(run: Run, program: Program, variables: Parameters<Program['evaluate']>[0]): Outcome {
  const limit = Math.min(CALL_LIMIT, run.remaining);
  const { value, used, exhausted } = metered(limit, (): Outcome => {
    try {
      return { value: program.evaluate(variables) };
    } catch (error) {
      return { problem: errorMessage(error), exhausted: false };
    }
  });
  run.remaining -= used;
  return exhausted ? { problem: 'operation cancelled: actual cost limit exceeded', exhausted } : value;
}

function problemText({ problem, exhausted }: { problem: string; exhausted: boolean }, rule: ValidationRule): string {
  const named = (rule.message ?? '') === '' ? rule.rule.trim() : (rule.message ?? '').trim();
  if (exhausted) {
    return `'${problem}': no further validation rules will be run due to call cost exceeds limit for rule: ${named}`;
  }
  if (problem.startsWith('no such overload')) {
    return `'${problem}': call arguments did not match a supported operator, function or macro signature for rule: ${named}`;
  }
  return `${problem} evaluating rule: ${named}`;
}

function failedRule(
  run: Run,
  { rule, message, fieldPath }: CompiledRule,
  at: {
    readonly path: string;
    readonly field: string;
    readonly shown: string;
    readonly variables: Parameters<Program['evaluate']>[0];
  },
): FieldError {
  const field =
    fieldPath === '' ? at.field : fieldPath.startsWith('[') ? at.path + fieldPath : childPath(at.path, fieldPath);
  const said = message && evaluatedMessage(run, message, at.variables);
  const given = (rule.message ?? '').trim();
  const detail = said ?? (given === '' ? `failed rule: ${rule.rule.trim()}` : given);
  switch (rule.reason) {
    case 'FieldValueForbidden':
      return forbiddenField(field, detail);
    case 'FieldValueRequired':
      return requiredField(field, detail);
    case 'FieldValueDuplicate':
      return { type: 'Duplicate', field, badValue: at.shown, detail: '' };
    default:
      return invalidField(field, at.shown, detail);
  }
}

/** undefined: the expression gives no usable text, and the message stands in. */
function evaluatedMessage(
  run: Run,
  message: Program,
  variables: Parameters<Program['evaluate']>[0],
): string | undefined {
  const outcome = evaluate(run, message, variables);
  const text = 'value' in outcome && typeof outcome.value === 'string' ? outcome.value.trim() : '';
  return text === '' || text.includes('\n') || text.length > maxMessageLength ? undefined : text;
}
