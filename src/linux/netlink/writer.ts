import { VmletError } from '../../base/errors.ts';
import { NLA_F_NESTED, NLA_HDRLEN, NLA_TYPE_MASK, NLM_F_REQUEST, NLMSG_HDRLEN } from './constants.ts';

/** A value does not fit the field that it was meant for; nothing was sent. */
export class EncodeError extends VmletError {
  constructor(message: string) {
    super('Encode', message);
  }
}

const LENGTH_LIMIT = 64 * 1024 * 1024;

/**
 * Builds one or more netlink messages in a buffer that is reused between requests. Netlink itself is in host byte
 * order, which is little-endian on every supported machine (the socket checks it); `...be` writes network order.
 * Every integer is range-checked. Bytes returned by `bytes()` are valid until the next `reset()`.
 */
export class MessageWriter {
  #buffer = Buffer.alloc(8192);
  #length = 0;
  #messageStart = -1;

  get length(): number {
    return this.#length;
  }

  reset(): void {
    this.#length = 0;
    this.#messageStart = -1;
  }

  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  /** Starts a message; NLM_F_REQUEST is added. The length is filled in by `endMessage`. */
  beginMessage(header: { type: number; flags: number; sequence: number }): void {
    this.#messageStart = this.#length;
    this.u32(0);
    this.u16(header.type);
    this.u16(header.flags | NLM_F_REQUEST);
    this.u32(header.sequence);
    this.u32(0);
  }

  endMessage(): void {
    if (this.#messageStart < 0 || this.#length - this.#messageStart < NLMSG_HDRLEN) {
      throw new EncodeError('message ended that was not begun');
    }
    this.#buffer.writeUInt32LE(this.#length - this.#messageStart, this.#messageStart);
    this.pad();
    this.#messageStart = -1;
  }

  /** Adds flags to the message that starts at byte `start`. */
  addFlags(start: number, flags: number): void {
    this.#buffer.writeUInt16LE(this.#buffer.readUInt16LE(start + 6) | flags, start + 6);
  }

  u8(value: number): void {
    this.#checkRange(value, 0, 0xff);
    const at = this.#grow(1);
    this.#buffer[at] = value;
  }

  u16(value: number): void {
    this.#checkRange(value, 0, 0xffff);
    const at = this.#grow(2);
    this.#buffer.writeUInt16LE(value, at);
  }

  u16be(value: number): void {
    this.#checkRange(value, 0, 0xffff);
    const at = this.#grow(2);
    this.#buffer.writeUInt16BE(value, at);
  }

  u32(value: number): void {
    this.#checkRange(value, 0, 0xffff_ffff);
    const at = this.#grow(4);
    this.#buffer.writeUInt32LE(value, at);
  }

  u32be(value: number): void {
    this.#checkRange(value, 0, 0xffff_ffff);
    const at = this.#grow(4);
    this.#buffer.writeUInt32BE(value, at);
  }

  i32(value: number): void {
    this.#checkRange(value, -0x8000_0000, 0x7fff_ffff);
    const at = this.#grow(4);
    this.#buffer.writeInt32LE(value, at);
  }

  i32be(value: number): void {
    this.#checkRange(value, -0x8000_0000, 0x7fff_ffff);
    const at = this.#grow(4);
    this.#buffer.writeInt32BE(value, at);
  }

  u64(value: bigint): void {
    this.#checkRange64(value);
    const at = this.#grow(8);
    this.#buffer.writeBigUInt64LE(value, at);
  }

  u64be(value: bigint): void {
    this.#checkRange64(value);
    const at = this.#grow(8);
    this.#buffer.writeBigUInt64BE(value, at);
  }

  raw(value: Uint8Array): void {
    const at = this.#grow(value.length);
    this.#buffer.set(value, at);
  }

  /** Zero bytes up to the next multiple of four. */
  pad(): void {
    while ((this.#length & 3) !== 0) {
      this.#buffer[this.#grow(1)] = 0;
    }
  }

  /** One attribute whose payload `body` writes. */
  attribute(type: number, body: () => void): void {
    const start = this.#length;
    this.#attributeHeader(type, 0);
    body();
    this.#endAttribute(start);
  }

  /** An attribute that holds attributes; sets NLA_F_NESTED. */
  nested(type: number, body: () => void): void {
    this.attribute(type | NLA_F_NESTED, body);
  }

  flagAttribute(type: number): void {
    this.#attributeHeader(type, 0);
  }

  u8Attribute(type: number, value: number): void {
    this.#attributeHeader(type, 1);
    this.u8(value);
    this.pad();
  }

  u16Attribute(type: number, value: number): void {
    this.#attributeHeader(type, 2);
    this.u16(value);
    this.pad();
  }

  u16beAttribute(type: number, value: number): void {
    this.#attributeHeader(type, 2);
    this.u16be(value);
    this.pad();
  }

  u32Attribute(type: number, value: number): void {
    this.#attributeHeader(type, 4);
    this.u32(value);
  }

  /** The most frequent by far in nf_tables: written byte by byte, which is quick before it is compiled too. */
  u32beAttribute(type: number, value: number): void {
    this.#checkRange(value, 0, 0xffff_ffff);
    const at = this.#grow(8);
    const buffer = this.#buffer;
    buffer[at] = 8;
    buffer[at + 1] = 0;
    buffer[at + 2] = type & 0xff;
    buffer[at + 3] = type >> 8;
    buffer[at + 4] = value >>> 24;
    buffer[at + 5] = (value >>> 16) & 0xff;
    buffer[at + 6] = (value >>> 8) & 0xff;
    buffer[at + 7] = value & 0xff;
  }

  i32beAttribute(type: number, value: number): void {
    this.#attributeHeader(type, 4);
    this.i32be(value);
  }

  u64Attribute(type: number, value: bigint): void {
    this.#attributeHeader(type, 8);
    this.u64(value);
  }

  u64beAttribute(type: number, value: bigint): void {
    this.#attributeHeader(type, 8);
    this.u64be(value);
  }

  /** Text with its terminating NUL, as the kernel expects names. */
  stringAttribute(type: number, value: string): void {
    if (value.includes('\0')) {
      throw new EncodeError(`text with a NUL byte: ${JSON.stringify(value)}`);
    }
    const size = Buffer.byteLength(value) + 1;
    this.#attributeHeader(type, size);
    const at = this.#grow(size);
    this.#buffer.write(value, at, 'utf8');
    this.#buffer[at + size - 1] = 0;
    this.pad();
  }

  bytesAttribute(type: number, value: Uint8Array): void {
    this.#attributeHeader(type, value.length);
    this.raw(value);
    this.pad();
  }

  #attributeHeader(type: number, payloadLength: number): void {
    this.#checkAttribute(type, payloadLength);
    const at = this.#grow(NLA_HDRLEN);
    const buffer = this.#buffer;
    const length = NLA_HDRLEN + payloadLength;
    buffer[at] = length & 0xff;
    buffer[at + 1] = length >> 8;
    buffer[at + 2] = type & 0xff;
    buffer[at + 3] = type >> 8;
  }

  #endAttribute(start: number): void {
    const length = this.#length - start;
    const buffer = this.#buffer;
    this.#checkAttribute((buffer[start + 2] ?? 0) | ((buffer[start + 3] ?? 0) << 8), length - NLA_HDRLEN);
    buffer[start] = length & 0xff;
    buffer[start + 1] = length >> 8;
    this.pad();
  }

  #checkAttribute(type: number, payloadLength: number): void {
    if (payloadLength + NLA_HDRLEN > 0xffff) {
      throw new EncodeError(`attribute ${type & NLA_TYPE_MASK} of ${payloadLength} bytes; the limit is 65531`);
    }
  }

  #checkRange(value: number, minimum: number, maximum: number): void {
    if (!Number.isInteger(value) || value < minimum || value > maximum) {
      throw new EncodeError(`${value} is not an integer from ${minimum} to ${maximum}`);
    }
  }

  #checkRange64(value: bigint): void {
    if (value < 0n || value > 0xffff_ffff_ffff_ffffn) {
      throw new EncodeError(`${value} is not an unsigned 64-bit integer`);
    }
  }

  /** Reserves `size` bytes and gives the offset where they start. */
  #grow(size: number): number {
    const at = this.#length;
    const needed = at + size;
    if (needed > this.#buffer.length) {
      if (needed > LENGTH_LIMIT) {
        throw new EncodeError(`messages of more than ${LENGTH_LIMIT} bytes`);
      }
      const larger = Buffer.alloc(Math.max(needed, this.#buffer.length * 2));
      larger.set(this.#buffer);
      this.#buffer = larger;
    }
    this.#length = needed;
    return at;
  }
}
