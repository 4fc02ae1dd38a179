import { constants } from 'node:os';
import { DecodeError, type KernelError } from '../../base/errors.ts';
import { kernelError } from '../errno/errno.ts';
import { NLM_F_ACK, NLM_F_DUMP, NLM_F_DUMP_INTR, NLMSG_DONE, NLMSG_ERROR, NLMSG_NOOP } from './constants.ts';
import { type Acknowledgement, decodeAcknowledgement, decodeDone, decodeMessages, type Message } from './message.ts';
import type { NetlinkSocket } from './socket.ts';
import type { MessageWriter } from './writer.ts';

/** One request as a value: what it is called, what it is done to, and how to write it. */
export interface NetlinkRequest {
  /** UAPI name of the message: `RTM_NEWLINK`. */
  readonly op: string;
  /** The object, for a person: `link "tap0"`. */
  readonly target: string;
  readonly type: number;
  /** Flags beside NLM_F_REQUEST and NLM_F_ACK, which the exchange sets. */
  readonly flags: number;
  /** Writes what follows the netlink header. */
  readonly encode: (writer: MessageWriter) => void;
}

/** A dump interrupted by changes is repeated this often before it is given up. */
const DUMP_ATTEMPTS = 20;

/** Sends one request and gives what `decode` makes of its answers; most requests have none but the acknowledgement. */
export function exchange<T>(
  socket: NetlinkSocket,
  request: NetlinkRequest,
  decode: (message: Message) => T | undefined,
): T[] {
  return exchangeBatch(socket, [request], decode);
}

/** Sends one request and waits for its acknowledgement. Throws KernelError. */
export function execute(socket: NetlinkSocket, request: NetlinkRequest): void {
  executeAll(socket, [request]);
}

/**
 * Sends all requests in one datagram, which the kernel works off in order, and waits until all are done: two system
 * calls however many requests. rtnetlink does not stop at a refused request, so later ones have been tried too; the
 * first refusal is thrown.
 */
export function executeAll(socket: NetlinkSocket, requests: readonly NetlinkRequest[]): void {
  exchangeBatch(socket, requests, () => undefined);
}

/** Like `executeAll`, with the answers (of RTM_GET..., or NLM_F_ECHO) decoded in order. */
export function exchangeBatch<T>(
  socket: NetlinkSocket,
  requests: readonly NetlinkRequest[],
  decode: (message: Message) => T | undefined,
): T[] {
  const last = requests.at(-1);
  if (last === undefined) {
    return [];
  }
  const { writer } = socket;
  const bySequence = new Map<number, NetlinkRequest>();
  let lastSequence = 0;
  writer.reset();
  for (const request of requests) {
    lastSequence = socket.nextSequence();
    bySequence.set(lastSequence, request);
    // Requests are worked off in order and failures always answer, so only the last needs an acknowledgement.
    const flags = request === last ? request.flags | NLM_F_ACK : request.flags & ~NLM_F_ACK;
    encodeRequest(writer, request, { flags, sequence: lastSequence });
  }
  const target = `${last.target}${socket.where}`;
  socket.send(writer.bytes(), target);
  const results: T[] = [];
  let failure: KernelError | undefined;
  for (let done = false; !done;) {
    for (const message of receiveMessages(socket, last)) {
      const request = bySequence.get(message.sequence);
      if (request === undefined) {
        continue;
      }
      if (message.type === NLMSG_ERROR) {
        const acknowledgement = decodeAcknowledgement(message);
        if (acknowledgement.errno !== 0) {
          failure ??= refusal(socket, request, acknowledgement);
        }
        done ||= message.sequence === lastSequence;
      } else if (message.type !== NLMSG_NOOP && message.type !== NLMSG_DONE) {
        const result = decode(message);
        if (result !== undefined) {
          results.push(result);
        }
      }
    }
  }
  if (failure !== undefined) {
    throw failure;
  }
  return results;
}

/**
 * Sends a dump request and gives what `decode` makes of each answer. A dump that the kernel marks as interrupted by a
 * change (NLM_F_DUMP_INTR), that overran the queue, or whose datagram did not fit is read to its end and repeated.
 * Throws KernelError, code EAGAIN when it never came out consistent.
 */
export function dump<T>(
  socket: NetlinkSocket,
  request: NetlinkRequest,
  decode: (message: Message) => T | undefined,
): T[] {
  for (let attempt = 0; attempt < DUMP_ATTEMPTS; attempt++) {
    const results = dumpOnce(socket, request, decode);
    if (results !== undefined) {
      return results;
    }
  }
  throw refusal(socket, request, {
    errno: constants.errno.EAGAIN,
    extack: `changed during each of ${DUMP_ATTEMPTS} dumps`,
  });
}

function dumpOnce<T>(
  socket: NetlinkSocket,
  request: NetlinkRequest,
  decode: (message: Message) => T | undefined,
): T[] | undefined {
  const { writer } = socket;
  const sequence = socket.nextSequence();
  writer.reset();
  encodeRequest(writer, request, { flags: request.flags | NLM_F_DUMP, sequence });
  const target = `${request.target}${socket.where}`;
  socket.send(writer.bytes(), target);
  const results: T[] = [];
  let usable = true;
  for (;;) {
    const received = socket.receive({ wait: true, target });
    if (received.kind === 'truncated') {
      usable = false;
      if (!socket.growReceiveBuffer()) {
        throw new DecodeError(`${request.op} ${target}: a datagram of ${received.lengthBytes} bytes`);
      }
      continue;
    }
    if (received.kind !== 'datagram') {
      usable = false;
      continue;
    }
    for (const message of decodeMessages(received.bytes)) {
      if (message.sequence !== sequence) {
        continue;
      }
      if ((message.flags & NLM_F_DUMP_INTR) !== 0) {
        usable = false;
      }
      if (message.type === NLMSG_DONE || message.type === NLMSG_ERROR) {
        const end = message.type === NLMSG_DONE ? decodeDone(message) : decodeAcknowledgement(message);
        if (end.errno !== 0) {
          throw refusal(socket, request, end);
        }
        return usable ? results : undefined;
      }
      const result = usable && message.type !== NLMSG_NOOP ? decode(message) : undefined;
      if (result !== undefined) {
        results.push(result);
      }
    }
  }
}

function encodeRequest(
  writer: MessageWriter,
  request: NetlinkRequest,
  header: { readonly flags: number; readonly sequence: number },
): void {
  writer.beginMessage({ type: request.type, ...header });
  request.encode(writer);
  writer.endMessage();
}

function receiveMessages(socket: NetlinkSocket, request: NetlinkRequest): Message[] {
  const received = socket.receive({ wait: true, target: `${request.target}${socket.where}` });
  switch (received.kind) {
    case 'datagram':
      return decodeMessages(received.bytes);
    case 'overrun':
      throw refusal(socket, request, { errno: constants.errno.ENOBUFS, extack: 'answers were lost: observe again' });
    case 'truncated':
      throw new DecodeError(`${request.op} ${request.target}: an answer of ${received.lengthBytes} bytes`);
    case 'empty':
      return [];
  }
}

/** The KernelError for a request that the kernel refused. */
export function refusal(
  socket: NetlinkSocket,
  request: Pick<NetlinkRequest, 'op' | 'target'>,
  acknowledgement: Acknowledgement,
): KernelError {
  return kernelError({
    op: request.op,
    target: `${request.target}${socket.where}`,
    errno: acknowledgement.errno,
    extack: acknowledgement.extack,
  });
}
