/** The rules of a schema node (`x-kubernetes-validations`) as programs, and what is wrong with them. */
import { errorMessage } from '../../../base/errors.ts';
import type { SchemaNode } from '../schema-node.ts';
import type { Program } from './engine.ts';
import { loadEngine } from './load-engine.ts';
import { optionalOf, typeOfSchema } from './types.ts';
import type { Type } from './types.ts';

/** Source: apiextensions.k8s.io/v1 ValidationRule. */
export interface ValidationRule {
  readonly rule: string;
  readonly message?: string;
  readonly messageExpression?: string;
  readonly reason?: string;
  readonly fieldPath?: string;
  readonly optionalOldSelf?: boolean;
}

export interface CompiledRule {
  readonly rule: ValidationRule;
  /** undefined where `error` says why. */
  readonly program?: Program;
  readonly message?: Program;
  /** Compares with the value before: asked on updates only, unless oldSelf is optional. */
  readonly isTransition: boolean;
  /** `.a['b']` as `a.b`. */
  readonly fieldPath: string;
  readonly error?: string;
  readonly messageError?: string;
}

const known = new WeakMap<SchemaNode, readonly CompiledRule[]>();

/** The rules of the node and of its allOf, which see the same value. */
export function rulesOf(node: SchemaNode): readonly ValidationRule[] {
  return node.allOf.length === 0 ? node.rules : [...node.rules, ...node.allOf.flatMap(({ rules }) => rules)];
}

/** Compiled at the first use. */
export function compiledRules(node: SchemaNode): readonly CompiledRule[] {
  let rules = known.get(node);
  if (rules === undefined) {
    const self = typeOfSchema(node);
    rules = rulesOf(node).map((rule) => compileRule(rule, node, self));
    known.set(node, rules);
  }
  return rules;
}

function compileRule(rule: ValidationRule, node: SchemaNode, self: Type | undefined): CompiledRule {
  const fieldPath = normalizeFieldPath(rule.fieldPath, node).path ?? '';
  if (self === undefined) {
    return { rule, isTransition: false, fieldPath, error: 'rules need a schema with a type here' };
  }
  const { compile } = loadEngine();
  const oldSelf = rule.optionalOldSelf === true ? optionalOf(self) : self;
  const scope = new Map([
    ['self', self],
    ['oldSelf', oldSelf],
  ]);
  const built = attempt(() => compile(rule.rule, scope), 'bool', 'cel expression must evaluate to a bool');
  const source = rule.messageExpression;
  const message =
    source === undefined
      ? {}
      : attempt(() => compile(source, scope), 'string', 'messageExpression must evaluate to a string');
  return {
    rule,
    fieldPath,
    ...(built.program && { program: built.program }),
    ...(built.error !== undefined && { error: built.error }),
    ...(message.program && { message: message.program }),
    ...(message.error !== undefined && { messageError: message.error }),
    isTransition: built.program?.uses('oldSelf') ?? false,
  };
}

function attempt(
  compile: () => Program,
  wanted: 'bool' | 'string',
  otherwise: string,
): { readonly program?: Program; readonly error?: string } {
  try {
    const program = compile();
    const { kind } = program.type;
    return kind === wanted || kind === 'dyn' ? { program } : { error: otherwise };
  } catch (error) {
    return { error: `compilation failed: ${errorMessage(error)}` };
  }
}

/** Follows `.a.b['c']` through the schema. `problem` says why it names no field. */
export function normalizeFieldPath(
  fieldPath: string | undefined,
  node: SchemaNode,
): { readonly path?: string; readonly problem?: string } {
  if (fieldPath === undefined || fieldPath === '') {
    return {};
  }
  const step = /\.([^.[\]']+)|\['((?:[^'\\]|\\.)*)'\]/uy;
  let at: SchemaNode | undefined = node;
  let path = '';
  while (step.lastIndex < fieldPath.length) {
    const { lastIndex } = step;
    const match = step.exec(fieldPath);
    if (match === null) {
      return { problem: `expected [ or . but got: ${fieldPath.slice(lastIndex, lastIndex + 20)}` };
    }
    const name = match[1] ?? (match[2] ?? '').replaceAll(/\\(.)/gu, '$1');
    const property: SchemaNode | undefined = at.properties.get(name);
    const additional: SchemaNode['additional'] = at.properties.size === 0 ? at.additional : undefined;
    const next: SchemaNode | undefined = property ?? (typeof additional === 'object' ? additional : undefined);
    if (next === undefined) {
      return { problem: 'does not refer to a valid field' };
    }
    path += property === undefined ? `[${name}]` : path === '' ? name : `.${name}`;
    at = next;
  }
  return { path };
}
