/** Quantities such as `1.5Gi`. Source: k8s.io/apiserver/pkg/cel/library quantity.go. */
import type { CelMap, CelValue } from '@bufbuild/cel';
import { parseQuantity } from '../../../../apimachinery/quantity.ts';
import { simple } from '../types.ts';
import { isOfForm, textOf, unwrap, wrap } from './function.ts';
import type { OwnFunction } from './function.ts';

const { quantity, string, bool, int, double } = simple;

const make = (milli: bigint): CelMap => wrap('quantity', milli, milli);
const milliOf = (value: CelValue | undefined): bigint => unwrap<bigint>(value, 'quantity');
const addend = (value: CelValue | undefined): bigint => (typeof value === 'bigint' ? value * 1000n : milliOf(value));
const sign = (milli: bigint): bigint => (milli > 0n ? 1n : milli < 0n ? -1n : 0n);

export const quantityFunctions: readonly OwnFunction[] = [
  { name: 'quantity', args: [string], result: quantity, call: (text) => make(parseQuantity(textOf(text)).milli) },
  { name: 'isQuantity', args: [string], result: bool, call: isOfForm(parseQuantity) },
  { name: 'sign', target: quantity, args: [], result: int, call: (self) => sign(milliOf(self)) },
  { name: 'isInteger', target: quantity, args: [], result: bool, call: (self) => milliOf(self) % 1000n === 0n },
  {
    name: 'asInteger',
    target: quantity,
    args: [],
    result: int,
    call(self) {
      const milli = milliOf(self);
      const whole = milli / 1000n;
      if (milli % 1000n !== 0n || BigInt.asIntN(64, whole) !== whole) {
        throw new Error('cannot convert value to integer');
      }
      return whole;
    },
  },
  {
    name: 'asApproximateFloat',
    target: quantity,
    args: [],
    result: double,
    call: (self) => Number(milliOf(self)) / 1000,
  },
  ...[quantity, int].flatMap((other): OwnFunction[] => [
    {
      name: 'add',
      target: quantity,
      args: [other],
      result: quantity,
      call: (self, value) => make(milliOf(self) + addend(value)),
    },
    {
      name: 'sub',
      target: quantity,
      args: [other],
      result: quantity,
      call: (self, value) => make(milliOf(self) - addend(value)),
    },
  ]),
  {
    name: 'isGreaterThan',
    target: quantity,
    args: [quantity],
    result: bool,
    call: (self, other) => milliOf(self) > milliOf(other),
  },
  {
    name: 'isLessThan',
    target: quantity,
    args: [quantity],
    result: bool,
    call: (self, other) => milliOf(self) < milliOf(other),
  },
  {
    name: 'compareTo',
    target: quantity,
    args: [quantity],
    result: int,
    call: (self, other) => sign(milliOf(self) - milliOf(other)),
  },
];
