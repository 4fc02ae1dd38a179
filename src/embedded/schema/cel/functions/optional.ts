/** Optional values: `oldSelf` of a rule with optionalOldSelf, `a.?b`, `optional.of(x)`. */
import { isCelList, isCelMap } from '@bufbuild/cel';
import type { CelMap, CelValue } from '@bufbuild/cel';
import { OPTIONAL_FIELD, OPTIONAL_INDEX } from '../optional-syntax.ts';
import { OPTIONAL_HAS, OPTIONAL_LIST } from '../rewrite.ts';
import { listOf, optionalOf, simple } from '../types.ts';
import { isWrapped, textOf, unwrap, wrap } from './function.ts';
import type { OwnFunction } from './function.ts';

interface Held {
  readonly value: CelValue | undefined;
}

export function makeOptional(value: CelValue | undefined): CelMap {
  return wrap('optional', { value } satisfies Held, value === undefined ? false : [value]);
}

const held = (optional: CelValue | undefined): CelValue | undefined => unwrap<Held>(optional, 'optional').value;
const { dyn, bool, string } = simple;
const anyOptional = optionalOf(dyn);

function find(holder: CelValue | undefined, key: CelValue | undefined): CelMap {
  const container = holder !== undefined && isWrapped(holder, 'optional') ? held(holder) : holder;
  if (container === undefined) {
    return makeOptional(undefined);
  }
  if (isCelMap(container)) {
    const found = container.get(key as string);
    return makeOptional(found ?? undefined);
  }
  if (isCelList(container) && typeof key === 'bigint') {
    return makeOptional(container.get(Number(key)));
  }
  throw new Error('no such overload');
}

function isZero(value: CelValue | undefined): boolean {
  return (
    value === undefined ||
    value === null ||
    value === false ||
    value === '' ||
    value === 0 ||
    value === 0n ||
    ((isCelList(value) || isCelMap(value)) && value.size === 0)
  );
}

export const optionalFunctions: readonly OwnFunction[] = [
  { name: 'optional.of', args: [dyn], result: anyOptional, call: (value) => makeOptional(value) },
  { name: 'optional.none', args: [], result: anyOptional, call: () => makeOptional(undefined) },
  {
    name: 'optional.ofNonZeroValue',
    args: [dyn],
    result: anyOptional,
    call: (value) => makeOptional(isZero(value) ? undefined : value),
  },
  { name: 'hasValue', target: anyOptional, args: [], result: bool, call: (self) => held(self) !== undefined },
  {
    name: 'value',
    target: anyOptional,
    args: [],
    result: dyn,
    givesElement: true,
    call(self) {
      const value = held(self);
      if (value === undefined) {
        throw new Error('optional.none() dereference');
      }
      return value;
    },
  },
  {
    name: 'orValue',
    target: anyOptional,
    args: [dyn],
    result: dyn,
    givesElement: true,
    call: (self, other) => held(self) ?? other,
  },
  {
    name: 'or',
    target: anyOptional,
    args: [anyOptional],
    result: anyOptional,
    call: (self, other) => (held(self) === undefined ? other : self),
  },
  { name: OPTIONAL_HAS, args: [anyOptional], result: bool, call: (optional) => held(optional) !== undefined },
  {
    name: OPTIONAL_LIST,
    args: [anyOptional],
    result: listOf(dyn),
    call(optional) {
      const value = held(optional);
      return value === undefined ? [] : [value];
    },
  },
  {
    name: OPTIONAL_FIELD,
    target: dyn,
    args: [string],
    result: anyOptional,
    call: (self, key) => find(self, textOf(key)),
  },
  { name: OPTIONAL_INDEX, target: dyn, args: [dyn], result: anyOptional, call: find },
];
