import type { NotrackExpression } from './action-types.ts';
import type { ExpressionCodec } from './codec.ts';

export const notrack: ExpressionCodec<NotrackExpression> = {
  name: 'notrack',
  encode: () => undefined,
  decode: () => ({ type: 'notrack' }),
};
