import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { DecodeError } from '../../base/errors.ts';
import { EncodeError, XdrReader, XdrWriter } from './xdr.ts';

const LIMIT = 1_000_000;
const writer = (): XdrWriter => new XdrWriter(LIMIT);

/** One item of any type: how to write it, how to read it, and the value. */
const item = fc.oneof(
  fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff }).map((value) => ({ type: 'int' as const, value })),
  fc.integer({ min: 0, max: 0xffff_ffff }).map((value) => ({ type: 'uint' as const, value })),
  fc.boolean().map((value) => ({ type: 'bool' as const, value })),
  fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }).map((value) => ({ type: 'hyper' as const, value })),
  fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }).map((value) => ({ type: 'uhyper' as const, value })),
  fc.double({ noNaN: true }).map((value) => ({ type: 'double' as const, value })),
  fc
    .string({ unit: 'grapheme' })
    .filter((text) => !text.includes('\0'))
    .map((value) => ({ type: 'string' as const, value })),
  fc.uint8Array().map((value) => ({ type: 'opaque' as const, value: Buffer.from(value) })),
);

function write(output: XdrWriter, { type, value }: { type: string; value: unknown }): void {
  const method = Reflect.get(output, type) as (value: unknown) => unknown;
  method.call(output, value);
}

function read(input: XdrReader, type: string): unknown {
  const method = Reflect.get(input, type) as (limit?: number) => unknown;
  return method.call(input, LIMIT);
}

describe('XDR', () => {
  it('has the layout of RFC 4506', () => {
    const bytes = writer()
      .int(-2)
      .uint(7)
      .bool(true)
      .hyper(-1n)
      .string('abcde')
      .fixedOpaque(Buffer.from([9]))
      .optionalString(undefined)
      .finish();
    const expected = 'fffffffe 00000007 00000001 ffffffffffffffff 00000005 6162636465000000 09000000 00000000';
    assert.equal(bytes.toString('hex'), expected.replaceAll(' ', ''));
  });

  it('reads back what it wrote, also across the growth of its buffer', () => {
    fc.assert(
      fc.property(fc.array(item, { maxLength: 200 }), (items) => {
        const output = writer();
        output.array(items, (one) => write(output, one));
        const bytes = output.finish();
        assert.equal(bytes.length % 4, 0);
        const input = new XdrReader(bytes);
        let index = 0;
        const values = input.array({ maxItems: 1000, minItemBytes: 4 }, () => {
          const type = items[index]?.type ?? '';
          index += 1;
          return read(input, type);
        });
        input.end();
        assert.deepEqual(
          values,
          items.map(({ value }) => value),
        );
      }),
      { numRuns: 200 },
    );
  });

  it('random bytes give a value or a DecodeError', () => {
    const types = fc.array(fc.constantFrom('int', 'bool', 'uhyper', 'double', 'string', 'opaque'), { maxLength: 20 });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), types, (bytes, wanted) => {
        const input = new XdrReader(bytes);
        try {
          for (const type of wanted) {
            read(input, type);
          }
        } catch (error) {
          assert.ok(error instanceof DecodeError);
        }
      }),
    );
  });

  it('announced lengths and counts cost nothing', () => {
    const huge = Buffer.from('ffffffff00000000', 'hex');
    assert.throws(() => new XdrReader(huge).string(0xffff_ffff), DecodeError);
    assert.throws(() => new XdrReader(huge).opaque(10), DecodeError);
    assert.throws(() => new XdrReader(huge).array({ maxItems: 0xffff_ffff, minItemBytes: 4 }, () => 0), DecodeError);
    assert.throws(() => new XdrReader(Buffer.from('00000002', 'hex')).bool(), DecodeError);
    assert.throws(() => new XdrReader(Buffer.from('00000001', 'hex')).end(), DecodeError);
  });

  it('refuses what does not fit', () => {
    assert.throws(() => writer().int(0x8000_0000), EncodeError);
    assert.throws(() => writer().uint(-1), EncodeError);
    assert.throws(() => writer().int(0.5), EncodeError);
    assert.throws(() => writer().uhyper(1n << 64n), EncodeError);
    assert.throws(() => writer().string('a\0b'), EncodeError);
    assert.throws(() => new XdrWriter(8).string('too long'), EncodeError);
  });
});
