import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { pollUntil, withDeadline } from '../../base/deadline.ts';
import { errorCode } from '../../base/errors.ts';
import { XdrWriter } from '../xdr/xdr.ts';
import { createChannel } from './channel.ts';
import type { Channel, KeepaliveOptions } from './channel.ts';
import {
  KEEPALIVE_PROGRAM,
  REMOTE_PROGRAM,
  VIR_NET_CALL,
  VIR_NET_CONTINUE,
  VIR_NET_ERROR,
  VIR_NET_MESSAGE,
  VIR_NET_OK,
  VIR_NET_REPLY,
  VIR_NET_STREAM,
} from './constants.ts';
import { createFrameDecoder, encodeFrame } from './frame.ts';
import type { Frame } from './frame.ts';
import type { Procedure } from './procedure.ts';

const echo: Procedure<string, string> = {
  program: REMOTE_PROGRAM,
  number: 7,
  name: 'ECHO',
  encode: (writer, text) => void writer.string(text),
  decode: (reader) => reader.string(1000),
};
const open: Procedure<undefined, void> = {
  program: REMOTE_PROGRAM,
  number: 8,
  name: 'OPEN',
  encode: () => undefined,
  decode: () => undefined,
};

interface Peer {
  readonly channel: Channel;
  readonly events: Frame[];
  /** The next frame that the channel sent. */
  next(): Promise<Frame>;
  send(frame: Partial<Frame>): void;
  raw(bytes: Uint8Array): void;
  hangUp(): void;
}

/** A channel and the daemon's end of it. */
function connected(keepalive?: KeepaliveOptions): Peer {
  const decoder = createFrameDecoder();
  const frames: Frame[] = [];
  let wake: (() => void) | undefined;
  const events: Frame[] = [];
  const transport = new Duplex({
    read: () => undefined,
    write(chunk: Buffer, _encoding, callback) {
      frames.push(...decoder.push(Buffer.from(chunk)));
      wake?.();
      callback();
    },
  });
  const channel = createChannel(transport, { keepalive, onEvent: (frame) => events.push(frame) });
  const raw = (bytes: Uint8Array): void => void transport.push(bytes);
  return {
    channel,
    events,
    raw,
    hangUp: () => void transport.push(null),
    send: (frame) =>
      raw(
        encodeFrame({
          program: REMOTE_PROGRAM,
          version: 1,
          procedure: 7,
          type: VIR_NET_REPLY,
          serial: 1,
          status: VIR_NET_OK,
          ...frame,
        }),
      ),
    async next() {
      for (;;) {
        const frame = frames.shift();
        if (frame !== undefined) {
          return frame;
        }
        await withDeadline(
          new Promise<void>((resolve) => {
            wake = resolve;
          }),
          2_000,
          'frame from the channel',
        );
      }
    },
  };
}

const text = (value: string): Buffer => new XdrWriter(1000).string(value).finish();
const remoteError = (code: number, message: string): Buffer =>
  new XdrWriter(1000)
    .int(code)
    .int(10)
    .optionalString(message)
    .int(2)
    .optional(undefined, () => undefined)
    .optionalString('one')
    .optionalString(undefined)
    .optionalString(undefined)
    .int(5)
    .int(-1)
    .optional(undefined, () => undefined)
    .finish();

describe('channel', () => {
  it('matches replies by serial, in any order', async () => {
    const peer = connected();
    const first = peer.channel.call(echo, 'a');
    const second = peer.channel.call(echo, 'b');
    const one = await peer.next();
    const two = await peer.next();
    assert.equal(one.type, VIR_NET_CALL);
    assert.notEqual(one.serial, two.serial);
    peer.send({ serial: two.serial, payload: text('B') });
    peer.send({ serial: one.serial, payload: text('A') });
    assert.deepEqual(await Promise.all([first, second]), ['A', 'B']);
    peer.channel.close('done');
  });

  it('decodes errors', async () => {
    const peer = connected();
    const call = peer.channel.call(echo, 'a');
    const { serial } = await peer.next();
    peer.send({ serial, status: VIR_NET_ERROR, payload: remoteError(42, 'Domain not found') });
    await assert.rejects(call, {
      name: 'RemoteError',
      code: 'VIR_ERR_NO_DOMAIN',
      domain: 'VIR_FROM_QEMU',
      message: 'libvirt ECHO: VIR_ERR_NO_DOMAIN Domain not found',
      level: 'error',
      str1: 'one',
      int1: 5,
    });
    peer.channel.close('done');
  });

  it('a deadline and an abort leave the connection usable', async () => {
    const peer = connected();
    await assert.rejects(peer.channel.call(echo, 'a', { timeoutMs: 5 }), { code: 'Cancelled' });
    const controller = new AbortController();
    const call = peer.channel.call(echo, 'b', { signal: controller.signal });
    controller.abort();
    await assert.rejects(call, { code: 'Cancelled' });
    const late = await peer.next();
    await peer.next();
    peer.send({ serial: late.serial, payload: text('late') });
    const again = peer.channel.call(echo, 'c');
    const { serial } = await peer.next();
    peer.send({ serial, payload: text('C') });
    assert.equal(await again, 'C');
    peer.channel.close('done');
  });

  it('a stream that opens after its caller has gone is aborted', async () => {
    const peer = connected();
    await assert.rejects(peer.channel.openStream(open, undefined, { timeoutMs: 5 }), { code: 'Cancelled' });
    const { serial } = await peer.next();
    peer.send({ serial, procedure: 8 });
    const abort = await peer.next();
    assert.deepEqual([abort.type, abort.status, abort.serial], [VIR_NET_STREAM, VIR_NET_ERROR, serial]);
    peer.channel.close('done');
  });

  it('answers pings, and ends a connection that does not', async () => {
    const peer = connected({ intervalMs: 5, count: 2 });
    peer.send({ program: KEEPALIVE_PROGRAM, type: VIR_NET_MESSAGE, procedure: 1, serial: 0 });
    const seen = [await peer.next(), await peer.next()].map((frame) => frame.procedure);
    assert.deepEqual(new Set(seen), new Set([1, 2]));
    const pending = peer.channel.call(echo, 'a').catch(errorCode);
    assert.equal(errorCode(await withDeadline(peer.channel.closed, 2_000, 'dead peer')), 'ConnectionClosed');
    assert.equal(await pending, 'ConnectionClosed');
  });

  it('the end of the transport rejects what is pending and what comes later', async () => {
    const peer = connected();
    const call = peer.channel.call(echo, 'a');
    peer.hangUp();
    await assert.rejects(call, { code: 'ConnectionClosed' });
    await assert.rejects(peer.channel.call(echo, 'b'), { code: 'ConnectionClosed' });
  });

  it('a reply that does not decode fails its call only', async () => {
    const peer = connected();
    const call = peer.channel.call(echo, 'a');
    const { serial } = await peer.next();
    peer.send({ serial, payload: Buffer.from('00000fff', 'hex') });
    await assert.rejects(call, { code: 'Decode' });
    assert.equal(peer.channel.isClosed, false);
    peer.channel.close('done');
  });

  it('passes events on', async () => {
    const peer = connected();
    peer.send({ type: VIR_NET_MESSAGE, procedure: 318, serial: 0 });
    const call = peer.channel.call(echo, 'a');
    peer.send({ serial: (await peer.next()).serial, payload: text('A') });
    await call;
    assert.deepEqual(
      peer.events.map((event) => event.procedure),
      [318],
    );
    peer.channel.close('done');
  });

  it('takes a flood of events no faster than it wants, and loses none', async () => {
    const peer = connected();
    const beganMs = Date.now();
    for (let count = 0; count < 300; count += 1) {
      peer.send({ type: VIR_NET_MESSAGE, serial: 0, procedure: 300 });
    }
    await pollUntil(() => (peer.events.length > 0 ? true : undefined), { timeoutMs: 2_000, doing: 'first events' });
    assert.ok(peer.events.length <= 200, `${peer.events.length} at once`);
    await pollUntil(() => (peer.events.length === 300 ? true : undefined), { timeoutMs: 5_000, doing: 'all events' });
    assert.ok(Date.now() - beganMs >= 900);
    peer.channel.close('done');
  });

  it('random bytes end the connection or wait for more', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ minLength: 1, maxLength: 80 }), { minLength: 1 }), async (chunks) => {
        const peer = connected();
        const call = peer.channel.call(echo, 'a').catch(errorCode);
        for (const chunk of chunks) {
          if (!peer.channel.isClosed) {
            peer.raw(chunk);
          }
        }
        peer.channel.close('done');
        assert.equal(await call, 'ConnectionClosed');
      }),
      { numRuns: 50 },
    );
  });
});

describe('stream', () => {
  async function openStream(options = {}): Promise<{ peer: Peer; stream: Duplex; serial: number }> {
    const peer = connected();
    const opening = peer.channel.openStream(open, undefined, options);
    const { serial } = await peer.next();
    peer.send({ serial, procedure: 8 });
    return { peer, stream: (await opening).stream, serial };
  }
  const packet = (serial: number, status: number, payload = ''): Partial<Frame> => ({
    type: VIR_NET_STREAM,
    procedure: 8,
    serial,
    status,
    payload: Buffer.from(payload),
  });
  const closeOf = (stream: Duplex): Promise<void> =>
    withDeadline(new Promise((resolve) => stream.once('close', () => resolve())), 2_000, 'end of the stream');

  it('carries data both ways and finishes', async () => {
    const { peer, stream, serial } = await openStream();
    peer.send(packet(serial, VIR_NET_CONTINUE, 'hello '));
    peer.send(packet(serial, VIR_NET_CONTINUE, 'guest'));
    stream.write(Buffer.alloc(100_000, 'x'));
    const sent = [await peer.next(), await peer.next()].map((frame) => frame.payload.length);
    assert.deepEqual(sent, [65_536, 34_464]);
    stream.end();
    const finish = await peer.next();
    assert.deepEqual([finish.type, finish.status], [VIR_NET_STREAM, VIR_NET_OK]);
    const over = closeOf(stream);
    peer.send(packet(serial, VIR_NET_OK));
    assert.equal(Buffer.concat((await stream.toArray()) as Buffer[]).toString(), 'hello guest');
    await over;
    peer.channel.close('done');
  });

  it('keeps what comes before the reply', async () => {
    const peer = connected();
    const opening = peer.channel.openStream(open, undefined);
    const { serial } = await peer.next();
    peer.send(packet(serial, VIR_NET_CONTINUE, 'at once'));
    peer.send(packet(serial, VIR_NET_CONTINUE));
    peer.send({ serial, procedure: 8 });
    const { stream } = await opening;
    assert.equal(Buffer.concat((await stream.toArray()) as Buffer[]).toString(), 'at once');
    peer.channel.close('done');
  });

  it('that fails before anybody has it is told to its reader', async () => {
    const peer = connected();
    const opening = peer.channel.openStream(open, undefined);
    const { serial } = await peer.next();
    peer.send({ ...packet(serial, VIR_NET_ERROR), payload: remoteError(38, 'gone') });
    peer.send({ serial, procedure: 8 });
    const { stream } = await opening;
    await assert.rejects(stream.toArray(), { code: 'VIR_ERR_SYSTEM_ERROR' });
    assert.equal(peer.channel.isClosed, false);
    peer.channel.close('done');
  });

  it("that the call does not open is nobody's", async () => {
    const peer = connected();
    const opening = peer.channel.openStream(open, undefined);
    const { serial } = await peer.next();
    peer.send(packet(serial, VIR_NET_CONTINUE, 'too early'));
    peer.send({ serial, procedure: 8, status: VIR_NET_ERROR, payload: remoteError(38, 'no') });
    await assert.rejects(opening, { code: 'VIR_ERR_SYSTEM_ERROR' });
    peer.send(packet(serial, VIR_NET_CONTINUE, 'too late'));
    assert.equal(peer.channel.isClosed, false);
    peer.channel.close('done');
  });

  it("the daemon's end of data ends it", async () => {
    const { peer, stream, serial } = await openStream();
    stream.resume();
    const over = closeOf(stream);
    peer.send(packet(serial, VIR_NET_CONTINUE));
    assert.equal((await peer.next()).status, VIR_NET_OK);
    peer.send(packet(serial, VIR_NET_OK));
    await over;
    peer.channel.close('done');
  });

  it('an error of the daemon reaches the reader', async () => {
    const { peer, stream, serial } = await openStream();
    const failed = new Promise((resolve) => stream.once('error', resolve));
    peer.send({ ...packet(serial, VIR_NET_ERROR), payload: remoteError(38, 'gone') });
    assert.equal(errorCode(await failed), 'VIR_ERR_SYSTEM_ERROR');
    peer.channel.close('done');
  });

  it('destroy aborts and what still arrives is dropped', async () => {
    const { peer, stream, serial } = await openStream();
    stream.destroy();
    assert.equal((await peer.next()).status, VIR_NET_ERROR);
    peer.send(packet(serial, VIR_NET_CONTINUE, 'late'));
    peer.send(packet(serial, VIR_NET_OK));
    peer.channel.close('done');
  });

  it('a reader that falls behind loses its stream, not the connection', async () => {
    const { peer, stream, serial } = await openStream({ maxBufferedBytes: 100_000 });
    const failed = new Promise((resolve) => stream.once('error', resolve));
    for (let i = 0; i < 20; i += 1) {
      peer.send(packet(serial, VIR_NET_CONTINUE, 'y'.repeat(10_000)));
    }
    assert.equal(errorCode(await failed), 'StreamOverrun');
    assert.equal(peer.channel.isClosed, false);
    peer.channel.close('done');
  });

  it('the end of the connection ends it', async () => {
    const { peer, stream } = await openStream();
    const failed = new Promise((resolve) => stream.once('error', resolve));
    peer.hangUp();
    assert.equal(errorCode(await failed), 'ConnectionClosed');
  });
});
