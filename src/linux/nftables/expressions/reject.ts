import { findAttribute, readU8 } from '../../netlink/reader.ts';
import { NFTA_REJECT_ICMP_CODE, NFTA_REJECT_TYPE } from '../constants.ts';
import { decodeName, type ExpressionCodec, needU32be } from './codec.ts';
import type { RejectExpression } from './action-types.ts';

/** enum nft_reject_types. */
const types = ['icmp', 'tcp reset', 'icmpx'] as const;

export const reject: ExpressionCodec<RejectExpression> = {
  name: 'reject',
  encode(writer, expression) {
    writer.u32beAttribute(NFTA_REJECT_TYPE, types.indexOf(expression.with));
    writer.u8Attribute(NFTA_REJECT_ICMP_CODE, expression.code);
  },
  decode(attributes) {
    const code = findAttribute(attributes, NFTA_REJECT_ICMP_CODE);
    return {
      type: 'reject',
      with: decodeName(types, needU32be(attributes, NFTA_REJECT_TYPE, 'reject'), 'reject type'),
      code: code === undefined ? 0 : readU8(code),
    };
  },
};
