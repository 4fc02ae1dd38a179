/**
 * A transaction as a value: a list of requests that the kernel carries out all or none.
 *
 *   NFNL_MSG_BATCH_BEGIN {generation}, request, request, ..., NFNL_MSG_BATCH_END        in one datagram
 */
import { constants } from 'node:os';
import { DecodeError, errorCode, KernelError } from '../../base/errors.ts';
import { NLM_F_ACK, NLMSG_ERROR } from '../netlink/constants.ts';
import { type NetlinkRequest, refusal } from '../netlink/exchange.ts';
import { decodeAcknowledgement, decodeMessages } from '../netlink/message.ts';
import type { NetlinkSocket } from '../netlink/socket.ts';
import { NFNL_BATCH_GENID, NFNL_MSG_BATCH_BEGIN, NFNL_MSG_BATCH_END, NFNL_SUBSYS_NFTABLES } from './constants.ts';

export interface BatchOptions {
  /**
   * The ruleset's generation that the requests were made for (`dumpTableAt`). When another transaction came in between
   * nothing is done and the error has the code ERESTART.
   */
  readonly generation?: number;
}

/**
 * Carries out all requests or none, atomically for packets and for other programs. Throws the first KernelError; it
 * names the request that was refused.
 */
export function commitBatch(
  socket: NetlinkSocket,
  requests: readonly NetlinkRequest[],
  options: BatchOptions = {},
): void {
  const last = requests.at(-1);
  if (last === undefined) {
    return;
  }
  const sequences = encodeBatch(socket, requests, options);
  const target = `nf_tables transaction${socket.where}`;
  socket.send(socket.writer.bytes(), target);
  let failure: KernelError | undefined;
  for (;;) {
    // The kernel works while we send, so all answers are queued by now: after a refusal nothing need be waited for.
    const received = socket.receive({ wait: failure === undefined, target });
    if (received.kind === 'empty' && failure !== undefined) {
      throw failure;
    }
    if (received.kind === 'overrun') {
      throw failure ?? refusal(socket, last, { errno: constants.errno.ENOBUFS, extack: 'answers were lost' });
    }
    if (received.kind !== 'datagram') {
      throw new DecodeError(`${target}: answer ${received.kind}`);
    }
    for (const message of decodeMessages(received.bytes)) {
      const request = sequences.get(message.sequence);
      if (message.type !== NLMSG_ERROR || request === undefined) {
        continue;
      }
      const acknowledgement = decodeAcknowledgement(message);
      if (acknowledgement.errno !== 0) {
        failure ??=
          acknowledgement.errno === ERESTART ? outdated(socket, request) : refusal(socket, request, acknowledgement);
      } else if (request === last && failure === undefined) {
        return;
      }
    }
  }
}

/** Not an errno of user space, so libc has no name for it; nfnetlink answers with it all the same. */
const ERESTART = 85;

function outdated(socket: NetlinkSocket, request: Pick<NetlinkRequest, 'op' | 'target'>): KernelError {
  return new KernelError({
    op: request.op,
    target: `${request.target}${socket.where}`,
    errno: ERESTART,
    code: 'ERESTART',
    text: 'Another transaction came first',
    extack: 'the ruleset is of another generation: observe and plan again',
  });
}

/** Writes the batch; gives the request of each sequence number, where the frame itself counts as a transaction. */
function encodeBatch(
  socket: NetlinkSocket,
  requests: readonly NetlinkRequest[],
  options: BatchOptions,
): Map<number, Pick<NetlinkRequest, 'op' | 'target'>> {
  const { writer } = socket;
  const sequences = new Map<number, Pick<NetlinkRequest, 'op' | 'target'>>();
  const frame = (type: number): void => {
    const sequence = socket.nextSequence();
    sequences.set(sequence, { op: 'NFNL_MSG_BATCH', target: `nf_tables transaction of ${requests.length} requests` });
    writer.beginMessage({ type, flags: 0, sequence });
    writer.u8(0);
    writer.u8(0);
    writer.u16be(NFNL_SUBSYS_NFTABLES);
    if (type === NFNL_MSG_BATCH_BEGIN && options.generation !== undefined) {
      writer.u32beAttribute(NFNL_BATCH_GENID, options.generation);
    }
    writer.endMessage();
  };
  writer.reset();
  frame(NFNL_MSG_BATCH_BEGIN);
  for (const request of requests) {
    const sequence = socket.nextSequence();
    sequences.set(sequence, request);
    // Failures always answer. Older kernels give no answer to the end of the batch, so the last request asks for one.
    const flags = request === requests.at(-1) ? request.flags | NLM_F_ACK : request.flags;
    writer.beginMessage({ type: request.type, flags, sequence });
    request.encode(writer);
    writer.endMessage();
  }
  frame(NFNL_MSG_BATCH_END);
  return sequences;
}

/** A transaction that is refused because of others is made anew this often. */
const COMMIT_ATTEMPTS = 20;

/** What to do at a generation: requests made for it, and what to give when they have been carried out. */
export interface Planned<T> {
  readonly generation: number;
  readonly requests: readonly NetlinkRequest[];
  readonly result: T;
}

/**
 * The one place that retries: observes and plans by `plan`, and commits on the condition that nothing changed since.
 *
 *   ERESTART   another transaction came first: observe and plan again
 *   EAGAIN     the kernel was busy (loading a module): send the same again
 *
 * Every other refusal is thrown, as is the last of these after 20 attempts.
 */
export function commitPlanned<T>(socket: NetlinkSocket, plan: () => Planned<T>): T {
  let planned = plan();
  for (let attempt = 1; ; attempt++) {
    try {
      commitBatch(socket, planned.requests, { generation: planned.generation });
      return planned.result;
    } catch (error) {
      const code = errorCode(error);
      if (attempt >= COMMIT_ATTEMPTS || (code !== 'ERESTART' && code !== 'EAGAIN')) {
        throw error;
      }
      planned = code === 'ERESTART' ? plan() : planned;
    }
  }
}
