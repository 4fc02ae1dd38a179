/**
 * Finds what is wrong with an expression before it runs: names that are not declared, fields that a schema does not have,
 * functions that do not take what they are given. Texts as cel-go's, since authors of definitions know them.
 */
import { VmletError } from '../../../base/errors.ts';
import { qualifiedName } from './expression.ts';
import type { Call, Comprehension, Expr } from './expression.ts';
import { OPTIONAL_FIELD, OPTIONAL_INDEX } from './optional-syntax.ts';
import type { Signature, Signatures } from './signatures.ts';
import { formatType, isAssignable, joinTypes, listOf, mapOf, optionalOf, simple } from './types.ts';
import type { Type } from './types.ts';

export class TypeProblem extends VmletError {
  readonly expr: Expr;

  constructor(expr: Expr, message: string) {
    super('CelType', message);
    this.expr = expr;
  }
}

export type Scope = ReadonlyMap<string, Type>;

export interface Checked {
  readonly type: Type;
  /** Types by node. */
  readonly types: ReadonlyMap<Expr, Type>;
  /** Names that were looked up, those of loops among them. */
  readonly names: ReadonlySet<string>;
}

const typeNames: ReadonlySet<string> = new Set(
  'int uint double bool string bytes list map null_type type google.protobuf.Timestamp google.protobuf.Duration'.split(
    ' ',
  ),
);

/** Throws TypeProblem for the first thing that is wrong. */
export function checkTypes(root: Expr, variables: Scope, signatures: Signatures): Checked {
  const types = new Map<Expr, Type>();
  const names = new Set<string>();

  function check(expr: Expr | undefined, scope: Scope): Type {
    if (expr === undefined) {
      return simple.dyn;
    }
    const type = infer(expr, scope);
    types.set(expr, type);
    return type;
  }

  function infer(expr: Expr, scope: Scope): Type {
    const { exprKind } = expr;
    switch (exprKind.case) {
      case 'constExpr':
        return constantType(exprKind.value.constantKind.case);
      case 'identExpr':
        names.add(exprKind.value.name);
        return identType(expr, exprKind.value.name, scope);
      case 'selectExpr': {
        const { operand, field, testOnly } = exprKind.value;
        const name = testOnly ? undefined : qualifiedName(expr);
        if (name !== undefined && typeNames.has(name)) {
          return simple.type;
        }
        const type = fieldType(expr, check(operand, scope), field);
        return testOnly ? simple.bool : type;
      }
      case 'callExpr':
        return callType(expr, exprKind.value, scope);
      case 'listExpr':
        return listOf(commonType(exprKind.value.elements.map((element) => check(element, scope))));
      case 'structExpr': {
        if (exprKind.value.messageName !== '') {
          throw new TypeProblem(expr, `undeclared reference to '${exprKind.value.messageName}' (in container '')`);
        }
        const { entries } = exprKind.value;
        const keys = entries.map(({ keyKind }) =>
          keyKind.case === 'mapKey' ? check(keyKind.value, scope) : simple.string,
        );
        return mapOf(commonType(keys), commonType(entries.map(({ value }) => check(value, scope))));
      }
      case 'comprehensionExpr':
        return comprehensionType(expr, exprKind.value, scope);
      default:
        throw new TypeProblem(expr, 'this form of expression is not supported');
    }
  }

  function comprehensionType(expr: Expr, fold: Comprehension, scope: Scope): Type {
    const range = check(fold.iterRange, scope);
    const item = itemType(range);
    if (item === undefined) {
      const text = `expression of type '${formatType(range)}' cannot be range of a comprehension (must be list, map, or dynamic)`;
      throw new TypeProblem(fold.iterRange ?? expr, text);
    }
    const first = check(fold.accuInit, scope);
    const inner = new Map(scope).set(fold.iterVar, item).set(fold.accuVar, first);
    requireBool(fold.loopCondition, check(fold.loopCondition, inner));
    const step = check(fold.loopStep, inner);
    if (first.kind === 'bool' && !isAssignable(step, simple.bool)) {
      throw noOverload(fold.loopStep ?? expr, '_&&_', [simple.bool, step]);
    }
    // An empty list says nothing of its elements: the step knows them.
    return check(fold.result, new Map(scope).set(fold.accuVar, first.kind === 'list' ? joinTypes(step, first) : first));
  }

  function requireBool(expr: Expr | undefined, type: Type): void {
    if (expr !== undefined && !isAssignable(type, simple.bool)) {
      throw new TypeProblem(expr, `expected type 'bool' but found '${formatType(type)}'`);
    }
  }

  function callType(expr: Expr, call: Call, scope: Scope): Type {
    const qualified = call.target && qualifiedName(call.target);
    if (qualified !== undefined && !scope.has(qualified.split('.')[0] ?? '')) {
      const name = `${qualified}.${call.function}`;
      if (signatures.has(name)) {
        return overload(
          expr,
          name,
          undefined,
          call.args.map((arg) => check(arg, scope)),
        );
      }
    }
    const target = call.target && check(call.target, scope);
    if (call.function === 'optMap' || call.function === 'optFlatMap') {
      return optionalMapType(expr, call, { target: target ?? simple.dyn, scope });
    }
    const args = call.args.map((arg) => check(arg, scope));
    const [left = simple.dyn, right = simple.dyn, third = simple.dyn] = args;
    switch (call.function) {
      case '_==_':
      case '_!=_':
        if (!isComparable(left, right)) {
          throw noOverload(expr, call.function, args);
        }
        return simple.bool;
      case '_&&_':
      case '_||_':
        if (args.some((arg) => !isAssignable(arg, simple.bool))) {
          throw noOverload(expr, call.function, args);
        }
        return simple.bool;
      case '@not_strictly_false':
      case '__not_strictly_false__':
        return simple.bool;
      case '_?_:_':
        if (!isAssignable(left, simple.bool) || !isAssignable(right, third)) {
          throw noOverload(expr, '_?_:_', args);
        }
        return joinTypes(right, third);
      case '_[_]':
        return indexType(expr, left, right);
      case OPTIONAL_INDEX:
        return optionalOf(indexType(expr, unwrapped(target ?? simple.dyn), left));
      case OPTIONAL_FIELD: {
        const [name] = call.args;
        const constant = name?.exprKind.case === 'constExpr' ? name.exprKind.value.constantKind : undefined;
        const field = constant?.case === 'stringValue' ? constant.value : '';
        return optionalOf(unwrapped(fieldType(expr, target ?? simple.dyn, field)));
      }
      case '_+_':
        if (left.kind === 'list' && right.kind === 'list') {
          return joinTypes(left, right);
        }
        break;
      default:
    }
    return overload(expr, call.function, target, args);
  }

  function optionalMapType(expr: Expr, call: Call, { target, scope }: { target: Type; scope: Scope }): Type {
    const [variable, body] = call.args;
    if (variable?.exprKind.case !== 'identExpr' || body === undefined || call.args.length !== 2) {
      throw new TypeProblem(expr, `${call.function}() variable name must be a simple identifier`);
    }
    const type = check(body, new Map(scope).set(variable.exprKind.value.name, unwrapped(target)));
    return call.function === 'optMap' ? optionalOf(type) : type;
  }

  function overload(expr: Expr, name: string, target: Type | undefined, args: readonly Type[]): Type {
    const candidates = signatures.get(name);
    if (candidates === undefined) {
      throw new TypeProblem(expr, `undeclared reference to '${name}' (in container '')`);
    }
    const fits = candidates.filter((signature) => takes(signature, target, args));
    const [first] = fits;
    if (first === undefined) {
      throw noOverload(expr, name, args, target);
    }
    if (first.givesElement === true) {
      const source = target ?? args[0];
      return source?.kind === 'list' ? source.element : source?.kind === 'optional' ? source.of : simple.dyn;
    }
    return fits.every(({ result }) => result.kind === first.result.kind) ? first.result : simple.dyn;
  }

  const type = check(root, variables);
  return { type, types, names };
}

function takes({ target, args }: Signature, givenTarget: Type | undefined, given: readonly Type[]): boolean {
  return (
    (target === undefined) === (givenTarget === undefined) &&
    args.length === given.length &&
    (target === undefined || isAssignable(givenTarget ?? simple.dyn, shapeFor(target, givenTarget))) &&
    args.every((arg, index) => isAssignable(given[index] ?? simple.dyn, shapeFor(arg, given[index])))
  );
}

/** Objects go where maps go. */
function shapeFor(wanted: Type, given: Type | undefined): Type {
  return wanted.kind === 'map' && given?.kind === 'object' ? given : wanted;
}

function isComparable(left: Type, right: Type): boolean {
  return left.kind === 'null' || right.kind === 'null' || isAssignable(left, right);
}

function identType(expr: Expr, name: string, scope: Scope): Type {
  const type = scope.get(name);
  if (type !== undefined) {
    return type;
  }
  if (typeNames.has(name)) {
    return simple.type;
  }
  throw new TypeProblem(expr, `undeclared reference to '${name}' (in container '')`);
}

function fieldType(expr: Expr, operand: Type, field: string): Type {
  switch (operand.kind) {
    case 'dyn':
      return simple.dyn;
    case 'map':
      return operand.value;
    case 'optional':
      return optionalOf(unwrapped(fieldType(expr, operand.of, field)));
    case 'object': {
      const type = operand.fields.get(field);
      if (type === undefined) {
        throw new TypeProblem(expr, `undefined field '${field}'`);
      }
      return type;
    }
    default:
      throw new TypeProblem(expr, `type '${formatType(operand)}' does not support field selection`);
  }
}

function indexType(expr: Expr, operand: Type, index: Type): Type {
  switch (operand.kind) {
    case 'dyn':
      return simple.dyn;
    case 'optional':
      return optionalOf(unwrapped(indexType(expr, operand.of, index)));
    case 'list':
      if (isAssignable(index, simple.int)) {
        return operand.element;
      }
      break;
    case 'map':
      if (isAssignable(index, operand.key)) {
        return operand.value;
      }
      break;
    default:
  }
  throw noOverload(expr, '_[_]', [operand, index]);
}

function itemType(range: Type): Type | undefined {
  switch (range.kind) {
    case 'dyn':
      return simple.dyn;
    case 'list':
      return range.element;
    case 'map':
      return range.key;
    default:
      return undefined;
  }
}

function unwrapped(type: Type): Type {
  return type.kind === 'optional' ? type.of : type;
}

function commonType(types: readonly Type[]): Type {
  const [first, ...others] = types;
  return first === undefined ? simple.dyn : others.reduce(joinTypes, first);
}

function constantType(kind: string | undefined): Type {
  switch (kind) {
    case 'boolValue':
      return simple.bool;
    case 'bytesValue':
      return simple.bytes;
    case 'doubleValue':
      return simple.double;
    case 'int64Value':
      return simple.int;
    case 'uint64Value':
      return simple.uint;
    case 'nullValue':
      return simple.null;
    case 'stringValue':
      return simple.string;
    default:
      return simple.dyn;
  }
}

function noOverload(expr: Expr, name: string, args: readonly Type[], target?: Type): TypeProblem {
  const shown = `(${args.map(formatType).join(', ')})`;
  const applied = target === undefined ? shown : `${formatType(target)}.${shown}`;
  return new TypeProblem(expr, `found no matching overload for '${name}' applied to '${applied}'`);
}
