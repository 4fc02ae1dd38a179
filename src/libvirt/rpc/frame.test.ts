import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { DecodeError } from '../../base/errors.ts';
import { createFrameDecoder, encodeFrame } from './frame.ts';
import type { Frame } from './frame.ts';

const frame = fc.record(
  {
    program: fc.nat({ max: 0xffff_ffff }),
    version: fc.nat(),
    procedure: fc.integer(),
    type: fc.nat(),
    serial: fc.nat({ max: 0xffff_ffff }),
    status: fc.nat(),
    payload: fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes)),
  },
  { noNullPrototype: true },
);

const copy = (one: Frame): Frame => ({ ...one, payload: Buffer.from(one.payload) });

describe('frames', () => {
  it('come out whole, however the stream is split', () => {
    const frames = [0, 3, 28, 100].map((length, index) => ({
      program: 0x2000_8086,
      version: 1,
      procedure: 300 + index,
      type: 1,
      serial: index,
      status: 0,
      payload: Buffer.alloc(length, index),
    }));
    const stream = Buffer.concat(frames.map(encodeFrame));
    for (let cut = 0; cut <= stream.length; cut += 1) {
      const decoder = createFrameDecoder();
      const got = [...decoder.push(stream.subarray(0, cut)), ...decoder.push(stream.subarray(cut))];
      assert.deepEqual(got, frames);
      assert.equal(decoder.pendingBytes, 0);
    }
    const decoder = createFrameDecoder();
    assert.deepEqual(
      [...stream].flatMap((byte) => decoder.push(Buffer.of(byte)).map(copy)),
      frames,
    );
  });

  it('survive any cutting', () => {
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 8 }), fc.array(fc.integer({ min: 1, max: 40 })), (frames, sizes) => {
        const stream = Buffer.concat(frames.map(encodeFrame));
        const decoder = createFrameDecoder();
        const got: Frame[] = [];
        let at = 0;
        for (const size of [...sizes, stream.length]) {
          got.push(...decoder.push(stream.subarray(at, at + size)).map(copy));
          at += size;
        }
        assert.deepEqual(got, frames);
      }),
    );
  });

  it('random bytes give frames or a DecodeError, and hold no more than came', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 20 }), (chunks) => {
        const decoder = createFrameDecoder();
        let received = 0;
        try {
          for (const chunk of chunks) {
            received += chunk.length;
            decoder.push(chunk);
            assert.ok(decoder.pendingBytes <= received);
          }
        } catch (error) {
          assert.ok(error instanceof DecodeError);
        }
      }),
    );
  });

  it('lengths that cannot be are refused at once', () => {
    for (const length of [0, 27, 33_554_437, 0xffff_ffff]) {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE(length);
      assert.throws(() => createFrameDecoder().push(bytes), DecodeError);
    }
  });
});
