import { DecodeError } from '../../base/errors.ts';
import {
  align4,
  NLM_F_ACK_TLVS,
  NLM_F_CAPPED,
  NLMSG_HDRLEN,
  NLMSGERR_ATTR_MISS_NEST,
  NLMSGERR_ATTR_MISS_TYPE,
  NLMSGERR_ATTR_MSG,
  NLMSGERR_ATTR_OFFS,
} from './constants.ts';
import { decodeAttributes, readString, readU32 } from './reader.ts';

/** One netlink message as received. `payload` is a view into the receive buffer. */
export interface Message {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly portId: number;
  readonly payload: Buffer;
}

/** An NLMSG_ERROR: `errno` 0 is a plain acknowledgement, else positive. */
export interface Acknowledgement {
  readonly errno: number;
  readonly extack: string | undefined;
}

/** Splits one datagram into its messages. Throws DecodeError when a length points outside. */
export function decodeMessages(datagram: Buffer): Message[] {
  const messages: Message[] = [];
  let at = 0;
  while (datagram.length - at >= NLMSG_HDRLEN) {
    const length = datagram.readUInt32LE(at);
    if (length < NLMSG_HDRLEN || at + length > datagram.length) {
      throw new DecodeError(`netlink message of length ${length} in ${datagram.length - at} bytes`, at);
    }
    messages.push({
      type: datagram.readUInt16LE(at + 4),
      flags: datagram.readUInt16LE(at + 6),
      sequence: datagram.readUInt32LE(at + 8),
      portId: datagram.readUInt32LE(at + 12),
      payload: datagram.subarray(at + NLMSG_HDRLEN, at + length),
    });
    at += align4(length);
  }
  if (at < datagram.length) {
    throw new DecodeError(`${datagram.length - at} bytes left after the last netlink message`, at);
  }
  return messages;
}

/** Decodes the payload of an NLMSG_ERROR message: struct nlmsgerr and, with NLM_F_ACK_TLVS, the extended part. */
export function decodeAcknowledgement(message: Message): Acknowledgement {
  const { payload, flags } = message;
  if (payload.length < 4) {
    throw new DecodeError(`acknowledgement of ${payload.length} bytes`);
  }
  const errno = -payload.readInt32LE(0);
  if (errno < 0) {
    throw new DecodeError(`acknowledgement with positive error ${-errno}`);
  }
  if ((flags & NLM_F_ACK_TLVS) === 0) {
    return { errno, extack: undefined };
  }
  if (payload.length < 4 + NLMSG_HDRLEN) {
    throw new DecodeError(`extended acknowledgement of ${payload.length} bytes`);
  }
  const echoed = (flags & NLM_F_CAPPED) === 0 ? align4(payload.readUInt32LE(4)) : NLMSG_HDRLEN;
  if (4 + echoed > payload.length) {
    throw new DecodeError(`acknowledgement echoes ${echoed} bytes of ${payload.length}`);
  }
  return { errno, extack: describeExtack(payload.subarray(4 + echoed)) };
}

/** NLMSG_DONE carries the dump's result as an int: 0 or a negative errno. Gives it positive. */
export function decodeDone(message: Message): Acknowledgement {
  if (message.payload.length < 4) {
    return { errno: 0, extack: undefined };
  }
  const errno = Math.max(0, -message.payload.readInt32LE(0));
  const extended = (message.flags & NLM_F_ACK_TLVS) !== 0;
  return { errno, extack: extended ? describeExtack(message.payload.subarray(4)) : undefined };
}

function describeExtack(bytes: Buffer): string | undefined {
  const parts: string[] = [];
  for (const attribute of decodeAttributes(bytes)) {
    switch (attribute.type) {
      case NLMSGERR_ATTR_MSG:
        parts.unshift(readString(attribute));
        break;
      case NLMSGERR_ATTR_OFFS:
        parts.push(`at byte ${readU32(attribute)} of the request`);
        break;
      case NLMSGERR_ATTR_MISS_TYPE:
        parts.push(`attribute ${readU32(attribute)} is missing`);
        break;
      case NLMSGERR_ATTR_MISS_NEST:
        parts.push(`in the nest at byte ${readU32(attribute)}`);
        break;
      default:
        break;
    }
  }
  return parts.length === 0 ? undefined : parts.join(', ');
}
