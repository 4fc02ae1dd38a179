import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Duplex, type Duplex as Stream } from 'node:stream';
import { test } from 'node:test';
import { constants, createDeflate } from 'node:zlib';
import fc from 'fast-check';
import { withDeadline } from '../../../base/deadline.ts';
import { DecodeError } from '../../../base/errors.ts';
import { spdyDictionary } from './spdy-dictionary.ts';
import {
  decodeFrame,
  decodeHeaders,
  encodeControl,
  encodeData,
  encodeHeaders,
  FLAG_FIN,
  uint32,
} from './spdy-frames.ts';
import { serveSpdy, type SpdyStream } from './spdy-session.ts';

const deadlineMs = 5000;

test('the dictionary is the one of the draft', () => {
  let [a, b] = [1, 0];
  for (const byte of spdyDictionary) {
    a = (a + byte) % 65_521;
    b = (b + a) % 65_521;
  }
  assert.equal(((b * 65_536 + a) >>> 0).toString(16), 'e3c6a7c2');
});

test('frames come back as they were sent, wherever the bytes are split', () => {
  const frame = encodeData(7, Buffer.from('hello'), true);
  for (let at = 0; at < frame.length; at++) {
    assert.equal(decodeFrame(frame.subarray(0, at)), undefined);
  }
  assert.deepEqual(decodeFrame(Buffer.concat([frame, frame]))?.rest, frame);
  assert.deepEqual(decodeFrame(frame)?.frame, {
    kind: 'data',
    streamId: 7,
    isLast: true,
    payload: Buffer.from('hello'),
  });
});

test('any bytes are a frame, none yet, or a DecodeError', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      for (const decode of [decodeFrame, decodeHeaders]) {
        try {
          decode(Buffer.from(bytes));
        } catch (error) {
          assert.ok(error instanceof DecodeError);
        }
      }
    }),
  );
  const headers = new Map([
    ['streamtype', 'data'],
    ['port', '80'],
  ]);
  assert.deepEqual(decodeHeaders(encodeHeaders(headers)), headers);
});

/** Two ends of a connection. */
function pair(): [Stream, Stream] {
  const make = (other: () => Duplex): Duplex =>
    new Duplex({
      read() {},
      write(chunk: Buffer, _encoding, done) {
        other().push(chunk);
        done();
      },
      final(done) {
        other().push(null);
        done();
      },
      destroy(_error, done) {
        queueMicrotask(() => other().push(null));
        done(null);
      },
    });
  const one: Duplex = make(() => two);
  const two: Duplex = make(() => one);
  return [one, two];
}

async function compress(): Promise<(headers: ReadonlyMap<string, string>) => Promise<Buffer>> {
  const deflate = createDeflate({ dictionary: spdyDictionary });
  return async (headers) => {
    const chunks: Buffer[] = [];
    const take = (chunk: Buffer): void => void chunks.push(chunk);
    deflate.on('data', take);
    deflate.write(encodeHeaders(headers));
    await new Promise<void>((resolve) => deflate.flush(constants.Z_SYNC_FLUSH, () => resolve()));
    deflate.off('data', take);
    return Buffer.concat(chunks);
  };
}

test('a stream carries bytes both ways and ends; garbage ends the connection', async () => {
  const [client, server] = pair();
  const opened: SpdyStream[] = [];
  const stop = new AbortController();
  const served = serveSpdy(
    server,
    (stream) => {
      opened.push(stream);
      stream.stream.pipe(stream.stream);
    },
    stop.signal,
  );
  const block = await compress();
  let received = Buffer.alloc(0);
  const done = Promise.withResolvers<void>();
  client.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    if (received.includes('hello')) {
      done.resolve();
    }
  });
  for (const id of [1, 3]) {
    const payload = Buffer.concat([uint32(id, 0), Buffer.alloc(2), await block(new Map([['streamtype', `s${id}`]]))]);
    client.write(encodeControl('SYN_STREAM', payload));
  }
  client.write(encodeData(3, Buffer.from('hello'), true));
  client.write(encodeControl('PING', uint32(9), FLAG_FIN));
  await withDeadline(done.promise, deadlineMs, 'the echo');
  assert.deepEqual(
    opened.map(({ headers }) => headers.get('streamtype')),
    ['s1', 's3'],
  );
  client.write(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
  client.write(Buffer.alloc(64, 0xff));
  await withDeadline(served, deadlineMs, 'the end');
  assert.ok(opened.every(({ stream }) => stream.destroyed));
});

test('an abort ends a connection that says nothing', async () => {
  const [client, server] = pair();
  const stop = new AbortController();
  const served = serveSpdy(server, () => assert.fail('no stream'), stop.signal);
  stop.abort();
  client.resume();
  await withDeadline(Promise.all([served, once(client, 'end')]), deadlineMs, 'the end');
});
