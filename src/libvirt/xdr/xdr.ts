/** XDR (RFC 4506), the subset that libvirt's protocol files use. Big endian, every item padded to four bytes. */
import { DecodeError, VmletError } from '../../base/errors.ts';

/** A value that the protocol cannot carry: too long, out of range, or text with a NUL. */
export class EncodeError extends VmletError {
  constructor(message: string) {
    super('Encode', message);
  }
}

const paddingOf = (length: number): number => (4 - (length & 3)) & 3;

/** Growing XDR output. Every method appends one item; `finish` gives the bytes. */
export class XdrWriter {
  #buffer: Buffer;
  #length = 0;
  readonly #maxBytes: number;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.#buffer = Buffer.alloc(Math.min(256, maxBytes));
  }

  #grow(count: number): number {
    const at = this.#length;
    const needed = at + count;
    if (needed > this.#maxBytes) {
      throw new EncodeError(`message of ${needed} bytes is longer than the allowed ${this.#maxBytes}`);
    }
    if (needed > this.#buffer.length) {
      const bigger = Buffer.alloc(Math.min(this.#maxBytes, Math.max(needed, this.#buffer.length * 2)));
      this.#buffer.copy(bigger, 0, 0, at);
      this.#buffer = bigger;
    }
    this.#length = needed;
    return at;
  }

  int(value: number): this {
    requireInteger(value, -0x8000_0000, 0x7fff_ffff, 'int');
    const at = this.#grow(4);
    this.#buffer.writeInt32BE(value, at);
    return this;
  }

  uint(value: number): this {
    requireInteger(value, 0, 0xffff_ffff, 'unsigned int');
    const at = this.#grow(4);
    this.#buffer.writeUInt32BE(value, at);
    return this;
  }

  bool(value: boolean): this {
    return this.int(value ? 1 : 0);
  }

  hyper(value: bigint): this {
    requireRange(value, -(1n << 63n), (1n << 63n) - 1n, 'hyper');
    const at = this.#grow(8);
    this.#buffer.writeBigInt64BE(value, at);
    return this;
  }

  uhyper(value: bigint): this {
    requireRange(value, 0n, (1n << 64n) - 1n, 'unsigned hyper');
    const at = this.#grow(8);
    this.#buffer.writeBigUInt64BE(value, at);
    return this;
  }

  double(value: number): this {
    const at = this.#grow(8);
    this.#buffer.writeDoubleBE(value, at);
    return this;
  }

  /** `opaque x[n]`: no length on the wire. */
  fixedOpaque(bytes: Uint8Array): this {
    const at = this.#grow(bytes.length + paddingOf(bytes.length));
    this.#buffer.set(bytes, at);
    this.#buffer.fill(0, at + bytes.length, this.#length);
    return this;
  }

  /** `opaque x<>`: length, then bytes. */
  opaque(bytes: Uint8Array): this {
    return this.uint(bytes.length).fixedOpaque(bytes);
  }

  /** `string x<>`. The receiver is C, so a NUL would silently cut the text: it is refused. */
  string(text: string): this {
    if (text.includes('\0')) {
      throw new EncodeError('text with a NUL character');
    }
    return this.opaque(Buffer.from(text, 'utf8'));
  }

  /** `T *x`: 0 for nothing, 1 and the item otherwise. */
  optional<T>(value: T | undefined, write: (value: T) => void): this {
    this.bool(value !== undefined);
    if (value !== undefined) {
      write(value);
    }
    return this;
  }

  optionalString(text: string | undefined): this {
    return this.optional(text, (value) => this.string(value));
  }

  array<T>(items: readonly T[], write: (item: T) => void): this {
    this.uint(items.length);
    for (const item of items) {
      write(item);
    }
    return this;
  }

  finish(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }
}

function requireInteger(value: number, min: number, max: number, type: string): void {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new EncodeError(`${value} is not a value of XDR ${type}`);
  }
}

function requireRange(value: bigint, min: bigint, max: bigint, type: string): void {
  if (value < min || value > max) {
    throw new EncodeError(`${value} is not a value of XDR ${type}`);
  }
}

const utf8 = new TextDecoder('utf-8');

/**
 * Cursor over received bytes. Lengths and counts are checked against both a limit and the bytes that are really there
 * before anything is allocated, so hostile input costs at most its own size. All errors are DecodeError.
 */
export class XdrReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get remainingBytes(): number {
    return this.#bytes.length - this.#at;
  }

  #take(count: number): number {
    if (count > this.remainingBytes) {
      throw new DecodeError(`${count} bytes wanted, ${this.remainingBytes} left`, this.#at);
    }
    const at = this.#at;
    this.#at += count;
    return at;
  }

  int(): number {
    return this.#bytes.readInt32BE(this.#take(4));
  }

  uint(): number {
    return this.#bytes.readUInt32BE(this.#take(4));
  }

  /** XDR says 0 or 1; anything else is refused. */
  bool(): boolean {
    const value = this.uint();
    if (value > 1) {
      throw new DecodeError(`${value} is not a boolean`, this.#at - 4);
    }
    return value === 1;
  }

  hyper(): bigint {
    return this.#bytes.readBigInt64BE(this.#take(8));
  }

  uhyper(): bigint {
    return this.#bytes.readBigUInt64BE(this.#take(8));
  }

  double(): number {
    return this.#bytes.readDoubleBE(this.#take(8));
  }

  /** A view, not a copy. */
  fixedOpaque(length: number): Buffer {
    const at = this.#take(length + paddingOf(length));
    return this.#bytes.subarray(at, at + length);
  }

  opaque(maxBytes: number): Buffer {
    const length = this.uint();
    if (length > maxBytes) {
      throw new DecodeError(`${length} bytes announced, at most ${maxBytes} allowed`, this.#at - 4);
    }
    return this.fixedOpaque(length);
  }

  /** Text; bytes that are no UTF-8 become U+FFFD, as libvirt passes on what guests and files contain. */
  string(maxBytes: number): string {
    return utf8.decode(this.opaque(maxBytes));
  }

  optional<T>(read: () => T): T | undefined {
    return this.bool() ? read() : undefined;
  }

  optionalString(maxBytes: number): string | undefined {
    return this.optional(() => this.string(maxBytes));
  }

  /** `minItemBytes` is the smallest encoding of one item; it bounds the count by the bytes present. */
  array<T>(limits: { readonly maxItems: number; readonly minItemBytes: number }, read: () => T): T[] {
    const count = this.uint();
    if (count > limits.maxItems || count * limits.minItemBytes > this.remainingBytes) {
      throw new DecodeError(`${count} items announced, more than allowed or present`, this.#at - 4);
    }
    const items: T[] = [];
    for (let i = 0; i < count; i += 1) {
      items.push(read());
    }
    return items;
  }

  /** Everything not read yet. */
  rest(): Buffer {
    const at = this.#take(this.remainingBytes);
    return this.#bytes.subarray(at);
  }

  /** A message must end where its structure ends. */
  end(): void {
    if (this.remainingBytes !== 0) {
      throw new DecodeError(`${this.remainingBytes} bytes after the end of the structure`, this.#at);
    }
  }
}
