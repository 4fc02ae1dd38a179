/**
 * Makes a checked tree into one that the library can plan: every turn of a loop is charged for, and optional values, which the
 * library does not have, become calls.
 */
import { makeCall, makeExpr, makeIdent, makeText, makeTrue } from './expression.ts';
import type { Call, Expr } from './expression.ts';
import { OPTIONAL_FIELD, OPTIONAL_INDEX } from './optional-syntax.ts';
import type { Type } from './types.ts';

/** Charges for a turn of a loop; gives its argument. */
export const TURN = '@turn';
/** The value of an optional as a list of one or none. */
export const OPTIONAL_LIST = '@optional_list';
export const OPTIONAL_HAS = '@optional_has';

/** A list that a loop makes longer by its second argument, in place. */
export const APPEND = '@append';

/** `@result` is a name that only loops have, and each turn is done with the one before. */
function isAppend(call: Call): boolean {
  const [left, right] = call.args;
  return (
    call.function === '_+_' &&
    left?.exprKind.case === 'identExpr' &&
    left.exprKind.value.name === '@result' &&
    right?.exprKind.case === 'listExpr'
  );
}

export function rewriteTree(root: Expr, types: ReadonlyMap<Expr, Type>): Expr {
  const isOptional = (expr: Expr | undefined): boolean => expr !== undefined && types.get(expr)?.kind === 'optional';

  function rewrite(expr: Expr): Expr {
    const { exprKind } = expr;
    switch (exprKind.case) {
      case 'selectExpr': {
        const { operand, field, testOnly } = exprKind.value;
        if (operand === undefined) {
          return expr;
        }
        if (isOptional(operand)) {
          const found = makeCall(expr, OPTIONAL_FIELD, [makeText(expr, field)], rewrite(operand));
          return testOnly ? makeCall(expr, OPTIONAL_HAS, [found]) : found;
        }
        return makeExpr(expr, { case: 'selectExpr', value: { ...exprKind.value, operand: rewrite(operand) } });
      }
      case 'callExpr': {
        const call = exprKind.value;
        if (call.function === 'optMap' || call.function === 'optFlatMap') {
          return rewriteOptionalMap(expr, call.target, call.args);
        }
        const args = call.args.map(rewrite);
        if (isAppend(call)) {
          return makeCall(expr, APPEND, args);
        }
        if (call.function === '_[_]' && isOptional(call.args[0])) {
          return makeCall(expr, OPTIONAL_INDEX, args.slice(1), args[0]);
        }
        return makeCall(expr, call.function, args, call.target && rewrite(call.target));
      }
      case 'listExpr':
        return makeExpr(expr, {
          case: 'listExpr',
          value: { ...exprKind.value, elements: exprKind.value.elements.map(rewrite) },
        });
      case 'structExpr': {
        const entries = exprKind.value.entries.map((entry) => ({
          ...entry,
          keyKind:
            entry.keyKind.case === 'mapKey'
              ? ({ case: 'mapKey', value: rewrite(entry.keyKind.value) } as const)
              : entry.keyKind,
          ...(entry.value && { value: rewrite(entry.value) }),
        }));
        return makeExpr(expr, { case: 'structExpr', value: { ...exprKind.value, entries } });
      }
      case 'comprehensionExpr': {
        const fold = exprKind.value;
        const { accuInit, iterRange, loopStep, result } = fold;
        const loopCondition = makeCall(expr, TURN, [rewrite(fold.loopCondition ?? makeTrue(expr))]);
        const value = {
          ...fold,
          loopCondition,
          ...(accuInit && { accuInit: rewrite(accuInit) }),
          ...(iterRange && { iterRange: rewrite(iterRange) }),
          ...(loopStep && { loopStep: rewrite(loopStep) }),
          ...(result && { result: rewrite(result) }),
        };
        return makeExpr(expr, { case: 'comprehensionExpr', value });
      }
      default:
        return expr;
    }
  }

  /** `o.optMap(x, f)` goes once or never round a loop over the value of `o`. */
  function rewriteOptionalMap(expr: Expr, target: Expr | undefined, [variable, body]: readonly Expr[]): Expr {
    if (target === undefined || body === undefined || variable?.exprKind.case !== 'identExpr') {
      return expr;
    }
    const { value: call } = expr.exprKind.case === 'callExpr' ? expr.exprKind : { value: undefined };
    const none = makeCall(expr, 'none', [], makeIdent(expr, 'optional'));
    const mapped = rewrite(body);
    const loopStep =
      call?.function === 'optFlatMap' ? mapped : makeCall(expr, 'of', [mapped], makeIdent(expr, 'optional'));
    return makeExpr(expr, {
      case: 'comprehensionExpr',
      value: {
        $typeName: 'cel.expr.Expr.Comprehension',
        iterVar: variable.exprKind.value.name,
        iterVar2: '',
        iterRange: makeCall(expr, OPTIONAL_LIST, [rewrite(target)]),
        accuVar: '@result',
        accuInit: none,
        loopCondition: makeCall(expr, TURN, [makeTrue(expr)]),
        loopStep,
        result: makeIdent(expr, '@result'),
      },
    });
  }

  return rewrite(root);
}
