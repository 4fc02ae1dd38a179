import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { DecodeError } from '../../base/errors.ts';
import { NLM_F_ACK_TLVS, NLM_F_CAPPED, NLMSG_ERROR, NLMSGERR_ATTR_MSG } from './constants.ts';
import {
  decodeIpAddress,
  decodeMacAddress,
  encodeIpAddress,
  encodeMacAddress,
  formatIpPrefix,
  parseIpPrefix,
} from './ip-address.ts';
import { decodeAcknowledgement, decodeMessages } from './message.ts';
import { decodeAttributes, nestedAttributes, readString, readU32be, readU64 } from './reader.ts';
import { EncodeError, MessageWriter } from './writer.ts';

/** Either a value or a DecodeError: nothing else may come of hostile bytes. */
function decodesOrRefuses(decode: () => unknown): void {
  try {
    decode();
  } catch (error) {
    assert.ok(error instanceof DecodeError, String(error));
  }
}

describe('attributes', () => {
  test('what is written is read', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 0x3fff }), fc.uint8Array({ maxLength: 300 })), { maxLength: 20 }),
        (list) => {
          const writer = new MessageWriter();
          writer.nested(7, () => list.forEach(([type, bytes]) => writer.bytesAttribute(type, bytes)));
          const [nest, ...rest] = decodeAttributes(writer.bytes());
          assert.equal(rest.length, 0);
          assert.equal(nest?.nested, true);
          assert.deepEqual(
            nest === undefined ? [] : nestedAttributes(nest).map(({ type, payload }) => [type, [...payload]]),
            list.map(([type, bytes]) => [type, [...bytes]]),
          );
        },
      ),
    );
  });

  test('numbers and text', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 0xffff_ffff }),
        fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }),
        fc.string({ unit: 'binary' }).filter((text) => !text.includes('\0') && text.isWellFormed()),
        (number, big, text) => {
          const writer = new MessageWriter();
          writer.u32beAttribute(1, number);
          writer.u64Attribute(2, big);
          writer.stringAttribute(3, text);
          const [first, second, third] = decodeAttributes(writer.bytes());
          assert.ok(first !== undefined && second !== undefined && third !== undefined);
          assert.equal(readU32be(first), number);
          assert.equal(readU64(second), big);
          assert.equal(readString(third), text);
          assert.equal(writer.length % 4, 0);
        },
      ),
    );
  });

  test('a value out of range is refused before anything is sent', () => {
    const writer = new MessageWriter();
    assert.throws(() => writer.u8(256), EncodeError);
    assert.throws(() => writer.u16(-1), EncodeError);
    assert.throws(() => writer.u32(1.5), EncodeError);
    assert.throws(() => writer.u32beAttribute(1, 2 ** 32), EncodeError);
    assert.throws(() => writer.u64(1n << 64n), EncodeError);
    assert.throws(() => writer.stringAttribute(1, 'a\0b'), EncodeError);
    assert.throws(() => writer.bytesAttribute(1, Buffer.alloc(65_532)), EncodeError);
    assert.throws(() => writer.nested(1, () => writer.raw(Buffer.alloc(70_000))), EncodeError);
  });

  test('random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        decodesOrRefuses(() => decodeAttributes(Buffer.from(bytes)).map((attribute) => nestedAttributes(attribute)));
      }),
    );
  });
});

describe('messages', () => {
  test('what is written is read', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 8 }), (payloads) => {
        const writer = new MessageWriter();
        payloads.forEach((payload, index) => {
          writer.beginMessage({ type: 20 + index, flags: 0x400, sequence: index });
          writer.raw(payload);
          writer.endMessage();
        });
        assert.deepEqual(
          decodeMessages(writer.bytes()).map(({ type, flags, sequence, payload }) => [
            type,
            flags,
            sequence,
            [...payload],
          ]),
          payloads.map((payload, index) => [20 + index, 0x401, index, [...payload]]),
        );
      }),
    );
  });

  test('random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.integer({ min: 0, max: 0xffff }), (bytes, flags) => {
        const payload = Buffer.from(bytes);
        decodesOrRefuses(() => decodeMessages(payload));
        decodesOrRefuses(() => decodeAcknowledgement({ type: NLMSG_ERROR, flags, sequence: 1, portId: 0, payload }));
      }),
    );
  });

  test('an extended acknowledgement', () => {
    const writer = new MessageWriter();
    writer.i32(-22);
    writer.raw(Buffer.alloc(16));
    writer.stringAttribute(NLMSGERR_ATTR_MSG, 'Invalid attribute');
    const flags = NLM_F_CAPPED | NLM_F_ACK_TLVS;
    assert.deepEqual(
      decodeAcknowledgement({ type: NLMSG_ERROR, flags, sequence: 1, portId: 0, payload: writer.bytes() }),
      { errno: 22, extack: 'Invalid attribute' },
    );
  });
});

describe('addresses', () => {
  test('text of RFC 5952', () => {
    for (const [text, canonical] of [
      ['fd10:0:2::1', 'fd10:0:2::1'],
      ['0:0:0:0:0:0:0:0', '::'],
      ['::1', '::1'],
      ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
      ['2001:DB8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
      ['::ffff:10.0.0.1', '::ffff:a00:1'],
      ['fe80::', 'fe80::'],
      ['10.0.2.1', '10.0.2.1'],
    ] as const) {
      assert.equal(decodeIpAddress(encodeIpAddress(text)), canonical);
    }
    for (const text of ['', '10.0.0', '10.0.0.256', 'fe80::1%eth0', ':::', 'a', '1:2:3:4:5:6:7:8:9']) {
      assert.throws(() => encodeIpAddress(text), EncodeError);
    }
  });

  test('bytes to text and back', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 16, maxLength: 16 })),
        (bytes) => {
          assert.deepEqual([...encodeIpAddress(decodeIpAddress(bytes))], [...bytes]);
        },
      ),
    );
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 6, maxLength: 6 }), (bytes) => {
        assert.deepEqual([...encodeMacAddress(decodeMacAddress(bytes))], [...bytes]);
      }),
    );
  });

  test('prefixes', () => {
    assert.equal(formatIpPrefix(parseIpPrefix('10.0.2.1/24')), '10.0.2.1/24');
    assert.equal(formatIpPrefix(parseIpPrefix('::1')), '::1/128');
    for (const text of ['10.0.0.0/33', '::/129', '10.0.0.0/', '10.0.0.0/-1', '10.0.0.0/8/8']) {
      assert.throws(() => parseIpPrefix(text), EncodeError);
    }
  });
});
