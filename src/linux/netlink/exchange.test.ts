import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fd } from '../fd/fd.ts';
import { NLM_F_DUMP_INTR, NLM_F_MULTI, NLMSG_DONE, NLMSG_ERROR } from './constants.ts';
import { dump, exchange, execute, type NetlinkRequest } from './exchange.ts';
import type { NetlinkSocket, Received } from './socket.ts';
import { MessageWriter } from './writer.ts';

const ANSWER = 16;
const request: NetlinkRequest = { op: 'RTM_GETLINK', target: 'links', type: 18, flags: 0, encode: () => undefined };
const decode = ({ payload }: { readonly payload: Buffer }): number => payload.readUInt32LE(0);

interface Part {
  readonly type: number;
  readonly flags?: number;
  readonly word: number;
  /** Of another request when given. */
  readonly sequence?: number;
}

/** A socket whose nth request is answered by the nth script; `requests` counts them. */
function scripted(
  scripts: readonly (readonly (readonly Part[] | 'overrun' | 'truncated')[])[],
  options: { readonly canGrow?: boolean } = {},
): NetlinkSocket & { readonly requests: () => number; readonly grown: () => number } {
  let sequence = 0;
  let grown = 0;
  let queue: (readonly Part[] | 'overrun' | 'truncated')[] = [];
  return {
    fd: new Fd(0, 'not used'),
    protocol: 0,
    where: '',
    portId: 7,
    writer: new MessageWriter(),
    requests: () => sequence,
    grown: () => grown,
    nextSequence: () => ++sequence,
    growReceiveBuffer() {
      grown++;
      return options.canGrow ?? true;
    },
    send() {
      queue = [...(scripts[Math.min(sequence, scripts.length) - 1] ?? [])];
    },
    receive(): Received {
      const next = queue.shift();
      assert.ok(next !== undefined, 'the exchange waits for more than was scripted');
      if (next === 'overrun') {
        return { kind: 'overrun' };
      }
      if (next === 'truncated') {
        return { kind: 'truncated', lengthBytes: 1_000_000 };
      }
      const writer = new MessageWriter();
      for (const part of next) {
        writer.beginMessage({ type: part.type, flags: part.flags ?? NLM_F_MULTI, sequence: part.sequence ?? sequence });
        writer.i32(part.word);
        writer.endMessage();
      }
      return { kind: 'datagram', bytes: writer.bytes() };
    },
    [Symbol.dispose]: () => undefined,
  };
}

const done: Part = { type: NLMSG_DONE, word: 0 };
const answer = (word: number): Part => ({ type: ANSWER, word });
const interrupted = (word: number): Part => ({ type: ANSWER, word, flags: NLM_F_MULTI | NLM_F_DUMP_INTR });

test('a dump of several datagrams, with messages of others between', () => {
  const socket = scripted([[[answer(1), answer(2)], [{ ...answer(9), sequence: 77 }], [answer(3), done]]]);
  assert.deepEqual(dump(socket, request, decode), [1, 2, 3]);
});

test('an interrupted dump is read to its end and repeated, and only the last counts', () => {
  const socket = scripted([
    [[answer(1), interrupted(2)], [answer(3)], [done]],
    [[answer(4), { ...done, flags: NLM_F_MULTI | NLM_F_DUMP_INTR }]],
    [[answer(5), done]],
  ]);
  assert.deepEqual(dump(socket, request, decode), [5]);
  assert.equal(socket.requests(), 3);
});

test('a dump that lost messages is repeated', () => {
  const socket = scripted([['overrun', [answer(1), done]], [[answer(2), done]]]);
  assert.deepEqual(dump(socket, request, decode), [2]);
});

test('a datagram larger than the buffer: the buffer grows and the dump is repeated', () => {
  const socket = scripted([['truncated', [done]], [[answer(1), done]]]);
  assert.deepEqual(dump(socket, request, decode), [1]);
  assert.equal(socket.grown(), 1);
  assert.throws(() => dump(scripted([['truncated']], { canGrow: false }), request, decode), { code: 'Decode' });
});

test('a dump that never comes out consistent is given up after 20 times', () => {
  const socket = scripted([[[interrupted(1), done]]]);
  assert.throws(() => dump(socket, request, decode), { code: 'EAGAIN', message: /changed during each of 20 dumps/ });
  assert.equal(socket.requests(), 20);
});

test('a dump that fails at its end, or at once', () => {
  assert.throws(() => dump(scripted([[[answer(1), { ...done, word: -13 }]]]), request, decode), { code: 'EACCES' });
  assert.throws(() => dump(scripted([[[{ type: NLMSG_ERROR, word: -22 }]]]), request, decode), { code: 'EINVAL' });
});

test('lost answers to a change are an error that says to observe again', () => {
  assert.throws(() => execute(scripted([['overrun']]), request), { code: 'ENOBUFS', message: /observe again/ });
});

test('answers of earlier requests are passed over', () => {
  const late: Part = { type: NLMSG_ERROR, word: -17, sequence: 99 };
  const socket = scripted([[[late], [answer(5)], [{ type: NLMSG_ERROR, word: 0 }]]]);
  assert.deepEqual(exchange(socket, request, decode), [5]);
});
