import { addressOf } from '../ffi/ffi.ts';

/** sizeof(struct msghdr) on 64-bit Linux and the offsets of its members (bits/types/struct_msghdr.h). */
const MSGHDR_BYTES = 56;
const CONTROL_LENGTH_OFFSET = 40;
const FLAGS_OFFSET = 48;
const CMSG_HEADER_BYTES = 16;

/** One control message: `level` and `type` as in cmsg(3). */
export interface ControlMessage {
  readonly level: number;
  readonly type: number;
  readonly data: Buffer;
}

/** A msghdr over buffers that are reused for every receive. All of them must live as long as `header` is used. */
export interface MessageBuffers {
  readonly header: Buffer;
  readonly name: Buffer;
  readonly vector: Buffer;
  readonly payload: Buffer;
  readonly control: Buffer;
}

export function createMessageBuffers(sizes: {
  nameBytes: number;
  payloadBytes: number;
  controlBytes: number;
}): MessageBuffers {
  return {
    header: Buffer.alloc(MSGHDR_BYTES),
    name: Buffer.alloc(sizes.nameBytes),
    vector: Buffer.alloc(16),
    payload: Buffer.alloc(sizes.payloadBytes),
    control: Buffer.alloc(sizes.controlBytes),
  };
}

/** Fills the header anew: the kernel overwrites its length members at each receive. */
export function resetMessageHeader(buffers: MessageBuffers): void {
  const { header, name, vector, payload, control } = buffers;
  vector.writeBigUInt64LE(addressOf(payload), 0);
  vector.writeBigUInt64LE(BigInt(payload.length), 8);
  header.writeBigUInt64LE(addressOf(name), 0);
  header.writeUInt32LE(name.length, 8);
  header.writeBigUInt64LE(addressOf(vector), 16);
  header.writeBigUInt64LE(1n, 24);
  header.writeBigUInt64LE(addressOf(control), 32);
  header.writeBigUInt64LE(BigInt(control.length), CONTROL_LENGTH_OFFSET);
  header.writeUInt32LE(0, FLAGS_OFFSET);
}

export function readMessageHeader(header: Buffer): { nameBytes: number; controlBytes: number; flags: number } {
  return {
    nameBytes: header.readUInt32LE(8),
    controlBytes: Number(header.readBigUInt64LE(CONTROL_LENGTH_OFFSET)),
    flags: header.readUInt32LE(FLAGS_OFFSET),
  };
}

/** Splits control data into messages (cmsg(3)); a broken length ends the walk. */
export function decodeControlMessages(bytes: Buffer): ControlMessage[] {
  const messages: ControlMessage[] = [];
  let offset = 0;
  while (offset + CMSG_HEADER_BYTES <= bytes.length) {
    const length = Number(bytes.readBigUInt64LE(offset));
    if (length < CMSG_HEADER_BYTES || offset + length > bytes.length) {
      break;
    }
    messages.push({
      level: bytes.readInt32LE(offset + 8),
      type: bytes.readInt32LE(offset + 12),
      data: bytes.subarray(offset + CMSG_HEADER_BYTES, offset + length),
    });
    offset += (length + 7) & ~7;
  }
  return messages;
}
