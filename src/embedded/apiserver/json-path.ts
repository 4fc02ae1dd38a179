/**
 * The subset of JSONPath that CustomResourceDefinitions use: `.spec.a`, `.status.conditions[?(@.type=="Ready")].status`,
 * `.metadata.labels['a.b/c']`, `.spec.items[0]`, `[*]`. Compiled once, then applied to objects.
 */
import { DecodeError } from '../../base/errors.ts';
import { isObject } from './json.ts';

type Step =
  | { readonly type: 'field'; readonly name: string }
  | { readonly type: 'index'; readonly index: number }
  | { readonly type: 'all' }
  | {
      readonly type: 'filter';
      readonly path: readonly string[];
      readonly operator: '==' | '!=';
      readonly value: unknown;
    };

const maxPathLength = 1024;
const maxSteps = 32;

/** Gives a function from an object to the values found, in order. Throws DecodeError. */
export function compileJsonPath(text: string): (object: unknown) => unknown[] {
  const steps = parseSteps(text);
  return (object) => {
    let found: unknown[] = [object];
    for (const step of steps) {
      found = found.flatMap((value) => applyStep(step, value));
    }
    return found;
  };
}

function parseSteps(text: string): Step[] {
  const source = text.startsWith('{') && text.endsWith('}') ? text.slice(1, -1) : text;
  if (source.length > maxPathLength) {
    throw new DecodeError(`JSON path of ${source.length} characters is too long`);
  }
  const pattern =
    /\.(?<field>(?:[A-Za-z0-9_-]|\\.)+)|\[(?<index>-?\d{1,6})\]|\[\*\]|\['(?<quoted>[^']+)'\]|\["(?<double>[^"]+)"\]|\[\?\(\s*@(?<path>(?:\.[A-Za-z0-9_-]+)+)\s*(?<operator>==|!=)\s*(?<value>"[^"]*"|'[^']*'|true|false|-?\d{1,15})\s*\)\]/uy;
  const steps: Step[] = [];
  let position = source.startsWith('$') ? 1 : 0;
  while (position < source.length) {
    pattern.lastIndex = position;
    const groups = pattern.exec(source)?.groups;
    if (groups === undefined || steps.length >= maxSteps) {
      throw new DecodeError(`unsupported JSON path ${JSON.stringify(text)}`, position);
    }
    position = pattern.lastIndex;
    steps.push(stepOf(groups));
  }
  return steps;
}

function stepOf(groups: Readonly<Record<string, string | undefined>>): Step {
  const { field, index, quoted, double, path, operator, value } = groups;
  const name = field?.replace(/\\(.)/gu, '$1') ?? quoted ?? double;
  if (name !== undefined) {
    return { type: 'field', name };
  }
  if (index !== undefined) {
    return { type: 'index', index: Number(index) };
  }
  if (path !== undefined && value !== undefined) {
    const literal: unknown = value.startsWith("'") ? value.slice(1, -1) : JSON.parse(value);
    return {
      type: 'filter',
      path: path.slice(1).split('.'),
      operator: operator === '!=' ? '!=' : '==',
      value: literal,
    };
  }
  return { type: 'all' };
}

function applyStep(step: Step, value: unknown): unknown[] {
  switch (step.type) {
    case 'field':
      return isObject(value) && Object.hasOwn(value, step.name) ? [value[step.name]] : [];
    case 'index': {
      const item: unknown = Array.isArray(value) ? value.at(step.index) : undefined;
      return item === undefined ? [] : [item];
    }
    case 'all':
      return Array.isArray(value) ? value : isObject(value) ? Object.values(value) : [];
    case 'filter':
      return (Array.isArray(value) ? value : []).filter((item: unknown) => {
        let found: unknown = item;
        for (const name of step.path) {
          found = isObject(found) && Object.hasOwn(found, name) ? found[name] : undefined;
        }
        return (found === step.value) === (step.operator === '==');
      });
  }
}
