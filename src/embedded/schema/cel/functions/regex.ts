/**
 * find and findAll. Source: k8s.io/apiserver/pkg/cel/library regex.go. JavaScript's own expressions, as the library's linear ones
 * only say whether they match: a time limit stands for the linear bound.
 */
import { createContext, Script } from 'node:vm';
import type { CelValue } from '@bufbuild/cel';
import { CALL_LIMIT, charge } from '../cost.ts';
import { listOf, simple } from '../types.ts';
import { textOf } from './function.ts';
import type { OwnFunction } from './function.ts';

const maxMs = 50;
const maxPatternLength = 2_048;
/** Starting the clock costs more than most matches. */
const cost = 200;
/** A search that takes longer is charged for by its time: two that reach their limit use a rule up. */
const slowMs = 5;
const costPerMs = CALL_LIMIT / (2 * maxMs);

interface Sandbox {
  text: string;
  pattern: RegExp;
  limit: number;
}

const body = `(() => {
  const found = [];
  for (const match of text.matchAll(pattern)) {
    if (found.length >= limit) break;
    found.push(match[0]);
  }
  return found;
})()`;

let matcher: { readonly script: Script; readonly sandbox: Sandbox } | undefined;

function findAll(value: CelValue | undefined, source: CelValue | undefined, limit: number): string[] {
  charge(cost);
  const sandbox: Sandbox = { text: textOf(value), pattern: compile(textOf(source)), limit };
  matcher ??= { script: new Script(body), sandbox: createContext({}) as Sandbox };
  Object.assign(matcher.sandbox, sandbox);
  const startMs = performance.now();
  try {
    return [...(matcher.script.runInContext(matcher.sandbox, { timeout: maxMs }) as string[])];
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') {
      throw new Error(`regular expression took longer than ${maxMs} ms`, { cause: error });
    }
    throw error;
  } finally {
    const tookMs = performance.now() - startMs;
    if (tookMs > slowMs) {
      charge(tookMs * costPerMs);
    }
  }
}

function compile(source: string): RegExp {
  if (source.length > maxPatternLength) {
    throw new Error(`regular expression is longer than ${maxPatternLength} characters`);
  }
  try {
    return new RegExp(source, 'gu');
  } catch {
    // Without the u flag JavaScript also takes needless escapes such as \-, which RE2 allows.
    return new RegExp(source, 'g');
  }
}

const { string, int } = simple;

export const regexFunctions: readonly OwnFunction[] = [
  {
    name: 'find',
    target: string,
    args: [string],
    result: string,
    call: (text, pattern) => findAll(text, pattern, 1)[0] ?? '',
  },
  {
    name: 'findAll',
    target: string,
    args: [string],
    result: listOf(string),
    call: (text, pattern) => findAll(text, pattern, Number.MAX_SAFE_INTEGER),
  },
  {
    name: 'findAll',
    target: string,
    args: [string, int],
    result: listOf(string),
    call: (text, pattern, limit) => findAll(text, pattern, Number(limit) < 0 ? Number.MAX_SAFE_INTEGER : Number(limit)),
  },
];
