/** The one module that loads the CEL library: expressions to programs. Loaded when the first expression is seen. */
import { celEnv, celError, celList, celMap, isCelError, isCelList, isCelMap, parse, plan } from '@bufbuild/cel';
import type { CelFunc, CelResult, CelValue } from '@bufbuild/cel';
import { strings } from '@bufbuild/cel/ext';
import { errorMessage } from '../../../base/errors.ts';
import { VmletError } from '../../../base/errors.ts';
import { checkTypes, TypeProblem } from './checker.ts';
import type { Scope } from './checker.ts';
import { charge, MAX_EXPRESSION_DEPTH, MAX_EXPRESSION_LENGTH, setWeight, weightOf } from './cost.ts';
import type { Expr } from './expression.ts';
import { formatFunctions } from './functions/format.ts';
import { toCelFunc } from './functions/function.ts';
import type { OwnFunction } from './functions/function.ts';
import { listFunctions } from './functions/lists.ts';
import { networkFunctions } from './functions/network.ts';
import { optionalFunctions } from './functions/optional.ts';
import { quantityFunctions } from './functions/quantity.ts';
import { regexFunctions } from './functions/regex.ts';
import { rewriteOptionals } from './optional-syntax.ts';
import { APPEND, rewriteTree, TURN } from './rewrite.ts';
import { readSignatures } from './signatures.ts';
import { listOf, simple } from './types.ts';
import type { Type } from './types.ts';
import { createConverter } from './values.ts';
import type { Converter } from './values.ts';

export type { CelValue } from '@bufbuild/cel';
export { makeOptional } from './functions/optional.ts';
export { convertUntyped } from './values.ts';

/** `message` is as cel-go prints it: `ERROR: <input>:1:5: undefined field 'x'`, the source and a mark below it. */
export class CompileError extends VmletError {
  constructor(message: string, options?: ErrorOptions) {
    super('CelCompile', message, options);
  }
}

/** What an expression could not do with the values it got; texts as cel-go's. */
export class EvaluationError extends VmletError {
  constructor(message: string) {
    super('CelEvaluation', message);
  }
}

export interface Program {
  readonly type: Type;
  /** Is the variable used? */
  uses(variable: string): boolean;
  /** Throws EvaluationError. Run it inside `metered`, which tells whether the cost limit ended it. */
  evaluate(variables: Readonly<Record<string, CelValue>>): CelValue;
}

const { dyn } = simple;

/** Elements a loop gathered so far: lists that nobody else holds. */
const gathered = new WeakMap<object, CelValue[]>();

const loopFunctions: readonly OwnFunction[] = [
  { name: TURN, args: [dyn], result: dyn, call: (value) => value },
  {
    name: APPEND,
    args: [dyn, dyn],
    result: dyn,
    call(list, more) {
      const [item] = more !== undefined && isCelList(more) ? more : [];
      const items = (typeof list === 'object' && list !== null && gathered.get(list)) || undefined;
      if (items !== undefined && item !== undefined) {
        items.push(item);
        setWeight(list as object, weightOf(list) + 0.1 + weightOf(item));
        return list;
      }
      const made = item === undefined ? [] : [item];
      const grown = celList(made);
      gathered.set(grown, made);
      setWeight(grown, 0.1 + weightOf(item));
      return grown;
    },
  },
  {
    name: '_+_',
    args: [listOf(dyn), listOf(dyn)],
    result: listOf(dyn),
    call(left, right) {
      const items = [...(left as Iterable<CelValue>), ...(right as Iterable<CelValue>)];
      const list = celList(items);
      setWeight(list, weightOf(left) + weightOf(right));
      return list;
    },
  },
];

/** Functions that look at their values' outsides only. */
const cheap: ReadonlySet<string> = new Set(
  `${TURN} ${APPEND} size type dyn hasValue value or orValue optional.of optional.none`.split(' '),
);

function costOf(name: string, values: readonly CelValue[]): number {
  if (cheap.has(name)) {
    // The size of a text is counted in code points.
    return name === 'size' && typeof values[0] === 'string' ? 1 + values[0].length / 20 : 1;
  }
  const through = values.reduce<number>((sum, value) => sum + weightOf(value), 1);
  const [first, second, third] = values;
  switch (name) {
    case 'replace':
      // Each place may grow by the replacement.
      return through + ((lengthOf(first) + 1) * (lengthOf(third) / 100)) / Math.max(1, lengthOf(second));
    case 'join':
      return through + (lengthOf(first) * lengthOf(second)) / 100;
    case 'matches':
      // The expression is compiled at each call, and each character tried on its states.
      return through + 50 + lengthOf(second) + (lengthOf(first) / 10) * Math.max(1, lengthOf(second) / 10);
    case '@in':
      return second !== undefined && isCelMap(second) ? 1 : through;
    default:
      return through;
  }
}

function lengthOf(value: CelValue | undefined): number {
  return typeof value === 'string' ? value.length : value !== undefined && isCelList(value) ? value.size : 0;
}

/** All overloads of one name, charged for before they run. They take the places of the library's, which have the same ids. */
function chargedFor(name: string, overloads: readonly CelFunc[]): CelFunc[] {
  const call = (id: number, target: CelValue | undefined, args: CelValue[]): CelResult | undefined => {
    try {
      charge(costOf(name, target === undefined ? args : [target, ...args]));
    } catch (error) {
      return celError(error, id);
    }
    for (const overload of overloads) {
      const result = overload.call(id, target, args);
      if (result !== undefined) {
        return result;
      }
    }
    return undefined;
  };
  return overloads.map((overload, index) => {
    const { id, target, arguments: taken, result } = overload;
    const face = { id, name, target, arguments: taken, result, call: index === 0 ? call : () => undefined };
    return face as unknown as CelFunc;
  });
}

interface Environment {
  readonly env: ReturnType<typeof celEnv>;
  readonly signatures: ReturnType<typeof readSignatures>;
  readonly convert: () => Converter;
}

function createEnvironment(): Environment {
  const standard = celEnv({ funcs: strings });
  const made = (name: 'timestamp' | 'duration'): ((text: string) => CelValue) => {
    const run = plan(standard, parse(`${name}(text)`));
    return (text) => {
      const result = run({ text });
      if (isCelError(result)) {
        throw new EvaluationError(result.message);
      }
      return result;
    };
  };
  // Once: a plan takes longer than most rules.
  const times = { timestamp: made('timestamp'), duration: made('duration') };
  const areEqual = plan(standard, parse('left == right'));
  const own = [
    ...listFunctions((left, right) => areEqual({ left, right }) === true),
    ...regexFunctions,
    ...quantityFunctions,
    ...networkFunctions,
    ...formatFunctions,
    ...optionalFunctions,
  ];
  const byName = new Map<string, Map<string, CelFunc>>();
  for (const func of [...standard.funcs, ...[...own, ...loopFunctions].map(toCelFunc)]) {
    byName.set(func.name, (byName.get(func.name) ?? new Map<string, CelFunc>()).set(func.id, func));
  }
  const funcs = [...byName].flatMap(([name, overloads]) => chargedFor(name, [...overloads.values()]));
  return {
    env: celEnv({ funcs }),
    signatures: readSignatures(standard.funcs, own),
    convert: () => createConverter(times),
  };
}

const environment = createEnvironment();

/** Converts values by schema; keep it for all rules of one object. */
export const createValues = environment.convert;

/** The `variables` of an admission policy. */
export function makeVariables(values: ReadonlyMap<string, CelValue>): CelValue {
  return celMap(new Map(values));
}

/** Throws CompileError. */
export function compile(source: string, variables: Scope): Program {
  if (source.length > MAX_EXPRESSION_LENGTH) {
    throw new CompileError(`expression is longer than ${MAX_EXPRESSION_LENGTH} characters`);
  }
  const rewritten = rewriteOptionals(source);
  if (rewritten === undefined) {
    throw new CompileError(`expression is nested deeper than ${MAX_EXPRESSION_DEPTH} levels`);
  }
  const parsed = parseText(source, rewritten.text, rewritten.sourceOffset);
  const { expr, sourceInfo } = parsed;
  if (depthExceeds(expr, 4 * MAX_EXPRESSION_DEPTH)) {
    throw new CompileError(`expression is nested deeper than ${MAX_EXPRESSION_DEPTH} levels`);
  }
  try {
    const { type, types, names } = checkTypes(expr, variables, environment.signatures);
    const run = plan(environment.env, rewriteTree(expr, types));
    return {
      type,
      uses: (variable) => names.has(variable),
      evaluate(values) {
        const result = run(values);
        if (isCelError(result)) {
          throw new EvaluationError(runtimeText(result.message));
        }
        return result;
      },
    };
  } catch (error) {
    if (error instanceof TypeProblem) {
      const at = rewritten.sourceOffset(sourceInfo?.positions[String(error.expr.id)] ?? 0);
      throw new CompileError(located(source, at, error.message), { cause: error });
    }
    throw error;
  }
}

function parseText(source: string, text: string, sourceOffset: (offset: number) => number) {
  try {
    const { expr, sourceInfo } = parse(text);
    if (expr === undefined) {
      throw new CompileError(located(source, 0, 'Syntax error: no expression'));
    }
    return { expr, sourceInfo };
  } catch (error) {
    if (error instanceof CompileError) {
      throw error;
    }
    const { location, rawMessage } = error as { location?: { start: { offset: number } }; rawMessage?: string };
    const at = sourceOffset(location?.start.offset ?? 0);
    throw new CompileError(located(source, at, `Syntax error: ${rawMessage ?? errorMessage(error)}`), { cause: error });
  }
}

/** As cel-go shows a place: the line, and a mark under the column. */
function located(source: string, offset: number, message: string): string {
  const before = source.slice(0, offset).split('\n');
  const column = before.at(-1)?.length ?? 0;
  const line = source.split('\n')[before.length - 1] ?? '';
  return `ERROR: <input>:${before.length}:${column + 1}: ${message}\n | ${line}\n | ${'.'.repeat(column)}^`;
}

function depthExceeds(expr: Expr | undefined, levels: number): boolean {
  if (expr === undefined) {
    return false;
  }
  if (levels <= 0) {
    return true;
  }
  const below = (child: Expr | undefined): boolean => depthExceeds(child, levels - 1);
  const { exprKind } = expr;
  switch (exprKind.case) {
    case 'selectExpr':
      return below(exprKind.value.operand);
    case 'callExpr':
      return below(exprKind.value.target) || exprKind.value.args.some(below);
    case 'listExpr':
      return exprKind.value.elements.some(below);
    case 'structExpr':
      return exprKind.value.entries.some(
        ({ keyKind, value }) => below(value) || (keyKind.case === 'mapKey' && below(keyKind.value)),
      );
    case 'comprehensionExpr': {
      const { iterRange, loopStep, loopCondition, accuInit, result } = exprKind.value;
      return [iterRange, loopStep, loopCondition, accuInit, result].some(below);
    }
    default:
      return false;
  }
}

const runtimeTexts: readonly (readonly [RegExp, string])[] = [
  [/^field not found: (.*)$/su, 'no such key: $1'],
  [/^index (-?\d+) out of bounds .*$/su, 'index out of bounds: $1'],
  [/^found no matching overload for .*$/su, 'no such overload'],
  [/^unresolved attribute$/u, 'no such key'],
  [/^.*divide by zero.*$/su, 'division by zero'],
  [/^.*modulus by zero.*$/su, 'modulus by zero'],
];

function runtimeText(message: string): string {
  for (const [pattern, text] of runtimeTexts) {
    if (pattern.test(message)) {
      return message.replace(pattern, text);
    }
  }
  return message;
}
