import { DecodeError } from '../../../base/errors.ts';
import { NFPROTO_IPV4, NFPROTO_IPV6, NFTA_FWD_NFPROTO, NFTA_FWD_SREG_ADDR, NFTA_FWD_SREG_DEV } from '../constants.ts';
import type { FwdExpression } from './action-types.ts';
import { type ExpressionCodec, needU32be, optionalU32be, writeOptionalU32be } from './codec.ts';

export const fwd: ExpressionCodec<FwdExpression> = {
  name: 'fwd',
  encode(writer, expression) {
    writer.u32beAttribute(NFTA_FWD_SREG_DEV, expression.sregDevice);
    writeOptionalU32be(writer, NFTA_FWD_SREG_ADDR, expression.sregAddress);
    if (expression.family !== undefined) {
      writer.u32beAttribute(NFTA_FWD_NFPROTO, expression.family === 'ip' ? NFPROTO_IPV4 : NFPROTO_IPV6);
    }
  },
  decode(attributes) {
    const sregAddress = optionalU32be(attributes, NFTA_FWD_SREG_ADDR);
    const family = optionalU32be(attributes, NFTA_FWD_NFPROTO);
    if (family !== undefined && family !== NFPROTO_IPV4 && family !== NFPROTO_IPV6) {
      throw new DecodeError(`fwd family ${family}`);
    }
    return {
      type: 'fwd',
      sregDevice: needU32be(attributes, NFTA_FWD_SREG_DEV, 'fwd'),
      ...(sregAddress === undefined ? {} : { sregAddress }),
      ...(family === undefined ? {} : { family: family === NFPROTO_IPV4 ? 'ip' : 'ip6' }),
    };
  },
};
