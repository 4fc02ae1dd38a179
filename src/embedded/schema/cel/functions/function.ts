/** How Kubernetes' own functions are written here: types for the checker beside the code. */
import { celFunc, celMap, celMethod, CelScalar, isCelMap, listType, mapType } from '@bufbuild/cel';
import type { CelFunc, CelInput, CelMap, CelType, CelValue } from '@bufbuild/cel';
import type { Signature } from '../signatures.ts';
import type { Type } from '../types.ts';

export interface OwnFunction extends Signature {
  /** Throws Error with a text for the author of the expression. Gets the target first where there is one. */
  readonly call: (...values: CelValue[]) => CelInput;
}

export function toCelFunc({ name, target, args, call }: OwnFunction): CelFunc {
  const types = args.map(toCelType);
  return target === undefined
    ? celFunc(name, types, CelScalar.DYN, (...values: CelValue[]) => call(...values))
    : celMethod(name, toCelType(target), types, CelScalar.DYN, function method(...values: CelValue[]) {
        return call(this, ...values);
      });
}

function toCelType(type: Type): CelType {
  switch (type.kind) {
    case 'int':
      return CelScalar.INT;
    case 'string':
      return CelScalar.STRING;
    case 'bool':
      return CelScalar.BOOL;
    case 'list':
      return listType(CelScalar.DYN);
    case 'quantity':
    case 'url':
    case 'ip':
    case 'cidr':
    case 'format':
    case 'optional':
      return mapType(CelScalar.DYN, CelScalar.DYN);
    default:
      return CelScalar.DYN;
  }
}

interface Wrapped {
  readonly kind: string;
  readonly value: unknown;
}

const wrapped = new WeakMap<CelMap, Wrapped>();

/**
 * A value of a type that the library does not have: to the library a map of one entry, so that equal `shown` means equal
 * values.
 */
export function wrap(kind: string, value: unknown, shown: CelInput): CelMap {
  const map = celMap(new Map([[kind, shown]]));
  wrapped.set(map, { kind, value });
  return map;
}

export function isWrapped(value: CelValue, kind: string): boolean {
  return isCelMap(value) && wrapped.get(value)?.kind === kind;
}

/** Throws Error as for a function that does not take such a value. */
// eslint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller knows what it wrapped
export function unwrap<T>(value: CelValue | undefined, kind: string): T {
  const found = value !== undefined && isCelMap(value) ? wrapped.get(value) : undefined;
  if (found?.kind !== kind) {
    throw new Error('no such overload');
  }
  return found.value as T;
}

export function textOf(value: CelValue | undefined): string {
  if (typeof value !== 'string') {
    throw new Error('no such overload');
  }
  return value;
}

/** `make` throws for a text that is not of the form. */
export function isOfForm(make: (text: string) => unknown): (value: CelValue | undefined) => boolean {
  return (value) => {
    try {
      make(textOf(value));
      return true;
    } catch {
      return false;
    }
  };
}
