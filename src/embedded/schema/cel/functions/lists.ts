/** Functions of lists and sets. Source: k8s.io/apiserver/pkg/cel/library lists.go and cel-go's ext/sets. */
import { isCelList, isCelUint } from '@bufbuild/cel';
import type { CelValue } from '@bufbuild/cel';
import { charge } from '../cost.ts';
import { listOf, simple } from '../types.ts';
import type { OwnFunction } from './function.ts';

export type Equals = (left: CelValue, right: CelValue) => boolean;

function itemsOf(value: CelValue | undefined): readonly CelValue[] {
  if (value === undefined || !isCelList(value)) {
    throw new Error('no such overload');
  }
  return [...value];
}

type Ordered = string | number | bigint | boolean;

function ordered(value: CelValue | undefined): Ordered {
  if (isMoment(value)) {
    const { seconds, nanos } = value.message;
    return seconds * 1_000_000_000n + BigInt(nanos);
  }
  if (typeof value === 'object' && value !== null && isCelUint(value)) {
    return value.value;
  }
  if (typeof value !== 'object' && value !== undefined) {
    return value;
  }
  throw new Error('no such overload');
}

/** A timestamp or a duration. */
function isMoment(value: unknown): value is { message: { seconds: bigint; nanos: number } } {
  if (typeof value !== 'object' || value === null || !('message' in value)) {
    return false;
  }
  const { message } = value;
  return typeof message === 'object' && message !== null && 'seconds' in message && 'nanos' in message;
}

function pick(list: CelValue | undefined, name: string, better: (left: Ordered, right: Ordered) => boolean): CelValue {
  const [first, ...others] = itemsOf(list);
  if (first === undefined) {
    throw new Error(`${name} called on empty list`);
  }
  return others.reduce((best, item) => (better(ordered(item), ordered(best)) ? item : best), first);
}

function sum(list: CelValue | undefined): CelValue {
  let total: bigint | number = 0n;
  for (const item of itemsOf(list)) {
    const value = ordered(item);
    if (typeof value === 'number') {
      total = Number(total) + value;
    } else if (typeof value === 'bigint' && typeof total === 'bigint') {
      total += value;
    } else {
      throw new Error('no such overload');
    }
  }
  if (typeof total === 'bigint' && BigInt.asIntN(64, total) !== total) {
    throw new Error('integer overflow');
  }
  return total;
}

const { dyn, bool, int } = simple;
const anyList = listOf(dyn);

export function listFunctions(equals: Equals): readonly OwnFunction[] {
  const containsAll = (list: CelValue | undefined, wanted: CelValue | undefined): boolean => {
    const items = itemsOf(list);
    return itemsOf(wanted).every((item) => {
      charge(items.length / 10);
      return items.some((other) => equals(item, other));
    });
  };
  return [
    {
      name: 'isSorted',
      target: anyList,
      args: [],
      result: bool,
      call: (list) =>
        itemsOf(list)
          .map(ordered)
          .every((item, index, all) => index === 0 || !(item < (all[index - 1] ?? item))),
    },
    { name: 'sum', target: anyList, args: [], result: dyn, givesElement: true, call: sum },
    {
      name: 'min',
      target: anyList,
      args: [],
      result: dyn,
      givesElement: true,
      call: (list) => pick(list, 'min', (left, right) => left < right),
    },
    {
      name: 'max',
      target: anyList,
      args: [],
      result: dyn,
      givesElement: true,
      call: (list) => pick(list, 'max', (left, right) => left > right),
    },
    {
      name: 'indexOf',
      target: anyList,
      args: [dyn],
      result: int,
      call: (list, wanted) => BigInt(itemsOf(list).findIndex((item) => equals(item, wanted))),
    },
    {
      name: 'lastIndexOf',
      target: anyList,
      args: [dyn],
      result: int,
      call: (list, wanted) => BigInt(itemsOf(list).findLastIndex((item) => equals(item, wanted))),
    },
    { name: 'sets.contains', args: [anyList, anyList], result: bool, call: containsAll },
    {
      name: 'sets.equivalent',
      args: [anyList, anyList],
      result: bool,
      call: (left, right) => containsAll(left, right) && containsAll(right, left),
    },
    {
      name: 'sets.intersects',
      args: [anyList, anyList],
      result: bool,
      call(left, right) {
        const items = itemsOf(right);
        return itemsOf(left).some((item) => {
          charge(items.length / 10);
          return items.some((other) => equals(item, other));
        });
      },
    },
  ];
}
