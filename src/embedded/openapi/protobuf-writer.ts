/** Writes the protobuf wire format (varints, doubles, length-delimited fields) into one growing buffer. */

export interface ProtobufWriter {
  text(field: number, value: string): void;
  bool(field: number, value: boolean): void;
  /** A non-negative safe integer as int64, or a negative one as its 64-bit two's complement. */
  int64(field: number, value: number): void;
  double(field: number, value: number): void;
  message(field: number, write: () => void): void;
  finish(): Uint8Array;
}

const LENGTH_DELIMITED = 2;
const FIXED64 = 1;
const VARINT = 0;

export function createProtobufWriter(): ProtobufWriter {
  let buffer = Buffer.allocUnsafe(64 * 1024);
  let end = 0;

  const reserve = (bytes: number): void => {
    if (end + bytes > buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(buffer.length * 2, end + bytes));
      buffer.copy(larger, 0, 0, end);
      buffer = larger;
    }
  };
  const varint = (value: number | bigint): void => {
    reserve(10);
    let rest = BigInt.asUintN(64, BigInt(value));
    while (rest >= 0x80n) {
      buffer[end++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    buffer[end++] = Number(rest);
  };
  const smallVarint = (value: number): void => {
    reserve(5);
    let rest = value;
    while (rest >= 0x80) {
      buffer[end++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    buffer[end++] = rest;
  };
  const tag = (field: number, wireType: number): void => {
    smallVarint((field << 3) | wireType);
  };

  return {
    text(field, value) {
      tag(field, LENGTH_DELIMITED);
      const bytes = Buffer.byteLength(value);
      smallVarint(bytes);
      reserve(bytes);
      end += buffer.write(value, end);
    },
    bool(field, value) {
      tag(field, VARINT);
      smallVarint(value ? 1 : 0);
    },
    int64(field, value) {
      tag(field, VARINT);
      varint(value);
    },
    double(field, value) {
      tag(field, FIXED64);
      reserve(8);
      end = buffer.writeDoubleLE(value, end);
    },
    message(field, write) {
      tag(field, LENGTH_DELIMITED);
      const start = end;
      write();
      const length = end - start;
      // The length is known only now: move the message by the size of its varint.
      const size = varintSize(length);
      reserve(size);
      buffer.copyWithin(start + size, start, end);
      end = start;
      smallVarint(length);
      end = start + size + length;
    },
    finish: () => Uint8Array.prototype.slice.call(buffer, 0, end),
  };
}

function varintSize(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : value < 0x1000_0000 ? 4 : 5;
}
