/** The library's syntax tree, and short forms to make parts of it. */
import type { parse } from '@bufbuild/cel';

export type Expr = NonNullable<ReturnType<typeof parse>['expr']>;
export type Comprehension = Extract<Expr['exprKind'], { case: 'comprehensionExpr' }>['value'];
export type Call = Extract<Expr['exprKind'], { case: 'callExpr' }>['value'];

export function makeExpr(from: Expr, exprKind: Expr['exprKind']): Expr {
  return { $typeName: 'cel.expr.Expr', id: from.id, exprKind };
}

export function makeCall(from: Expr, name: string, args: Expr[], target?: Expr): Expr {
  const value: Call = { $typeName: 'cel.expr.Expr.Call', function: name, args, ...(target && { target }) };
  return makeExpr(from, { case: 'callExpr', value });
}

export function makeIdent(from: Expr, name: string): Expr {
  return makeExpr(from, { case: 'identExpr', value: { $typeName: 'cel.expr.Expr.Ident', name } });
}

export function makeText(from: Expr, text: string): Expr {
  const constantKind = { case: 'stringValue', value: text } as const;
  return makeExpr(from, { case: 'constExpr', value: { $typeName: 'cel.expr.Constant', constantKind } });
}

export function makeTrue(from: Expr): Expr {
  const constantKind = { case: 'boolValue', value: true } as const;
  return makeExpr(from, { case: 'constExpr', value: { $typeName: 'cel.expr.Constant', constantKind } });
}

/** `a.b.c` as text, for functions with a namespace such as `sets.contains`. */
export function qualifiedName(expr: Expr): string | undefined {
  const { exprKind } = expr;
  if (exprKind.case === 'identExpr') {
    return exprKind.value.name;
  }
  if (exprKind.case === 'selectExpr' && !exprKind.value.testOnly && exprKind.value.operand !== undefined) {
    const parent = qualifiedName(exprKind.value.operand);
    return parent === undefined ? undefined : `${parent}.${exprKind.value.field}`;
  }
  return undefined;
}
