/**
 * A transaction as a value: a list of requests that the kernel carries out all or none.
 *
 *   NFNL_MSG_BATCH_BEGIN, request, request, ..., NFNL_MSG_BATCH_END        in one datagram
 */
import { constants } from 'node:os';
import { DecodeError, type KernelError } from '../../base/errors.ts';
import { NLM_F_ACK, NLM_F_APPEND, NLM_F_CREATE, NLMSG_ERROR } from '../netlink/constants.ts';
import { type NetlinkRequest, refusal } from '../netlink/exchange.ts';
import { decodeAcknowledgement, decodeMessages } from '../netlink/message.ts';
import type { NetlinkSocket } from '../netlink/socket.ts';
import type { MessageWriter } from '../netlink/writer.ts';
import { encodeChain } from './chain.ts';
import {
  NFNL_MSG_BATCH_BEGIN,
  NFNL_MSG_BATCH_END,
  NFNL_SUBSYS_NFTABLES,
  NFT_MSG_DELTABLE,
  NFT_MSG_NEWCHAIN,
  NFT_MSG_NEWRULE,
  NFT_MSG_NEWSET,
  NFT_MSG_NEWSETELEM,
  NFT_MSG_NEWTABLE,
  NFTA_SET_ELEM_LIST_SET,
  NFTA_SET_ELEM_LIST_TABLE,
  NFTA_TABLE_NAME,
} from './constants.ts';
import { encodeElements, toRawElements } from './elements.ts';
import { encodeFamilyHeader, nftMessageType } from './header.ts';
import { encodeRule } from './rule.ts';
import { encodeSet } from './set.ts';
import { encodeTable } from './table.ts';
import type { NftSet, Table, TableRef } from './types.ts';

/** `inet table "x"`. */
export function describeTable(table: TableRef): string {
  return `${table.family} table ${JSON.stringify(table.name)}`;
}

/** An attribute holds at most 64 KiB; an element at most about 300 bytes. */
const ELEMENTS_PER_MESSAGE = 200;

/** What makes `table` in a namespace that has none of its name. Pure additions: no grace period to wait for. */
export function createTableRequests(table: Table): NetlinkRequest[] {
  const { family, name } = table;
  const where = describeTable(table);
  const request = (
    op: 'NEWTABLE' | 'NEWCHAIN' | 'NEWSET' | 'NEWSETELEM' | 'NEWRULE',
    target: string,
    encode: (writer: MessageWriter) => void,
  ): NetlinkRequest => ({
    op: `NFT_MSG_${op}`,
    target,
    type: nftMessageType(messageNumbers[op]),
    flags: op === 'NEWRULE' ? NLM_F_CREATE | NLM_F_APPEND : NLM_F_CREATE,
    encode(writer) {
      encodeFamilyHeader(writer, family);
      encode(writer);
    },
  });
  return [
    request('NEWTABLE', where, (writer) => encodeTable(writer, table)),
    ...table.chains.map((chain) =>
      request('NEWCHAIN', `chain ${JSON.stringify(chain.name)} of ${where}`, (writer) =>
        encodeChain(writer, table, chain),
      ),
    ),
    ...table.sets.flatMap((set, index) => [
      request('NEWSET', `set ${JSON.stringify(set.name)} of ${where}`, (writer) =>
        encodeSet(writer, { table: name, id: index + 1 }, set),
      ),
      ...elementChunks(set).map((elements) =>
        request('NEWSETELEM', `elements of set ${JSON.stringify(set.name)} of ${where}`, (writer) => {
          writer.stringAttribute(NFTA_SET_ELEM_LIST_TABLE, name);
          writer.stringAttribute(NFTA_SET_ELEM_LIST_SET, set.name);
          encodeElements(writer, elements);
        }),
      ),
    ]),
    ...table.chains.flatMap((chain) =>
      chain.rules.map((rule, index) =>
        request('NEWRULE', `rule ${index + 1} of chain ${JSON.stringify(chain.name)} of ${where}`, (writer) =>
          encodeRule(writer, { table: name, chain: chain.name }, rule),
        ),
      ),
    ),
  ];
}

const messageNumbers = {
  NEWTABLE: NFT_MSG_NEWTABLE,
  NEWCHAIN: NFT_MSG_NEWCHAIN,
  NEWSET: NFT_MSG_NEWSET,
  NEWSETELEM: NFT_MSG_NEWSETELEM,
  NEWRULE: NFT_MSG_NEWRULE,
} as const;

function elementChunks(set: NftSet): ReturnType<typeof toRawElements>[] {
  const elements = toRawElements(set);
  return Array.from({ length: Math.ceil(elements.length / ELEMENTS_PER_MESSAGE) }, (_, index) =>
    elements.slice(index * ELEMENTS_PER_MESSAGE, (index + 1) * ELEMENTS_PER_MESSAGE),
  );
}

/** NFT_MSG_DELTABLE with all that is in it; refused with ENOENT when there is none. */
export function deleteTableRequest(table: TableRef): NetlinkRequest {
  return {
    op: 'NFT_MSG_DELTABLE',
    target: describeTable(table),
    type: nftMessageType(NFT_MSG_DELTABLE),
    flags: 0,
    encode(writer) {
      encodeFamilyHeader(writer, table.family);
      writer.stringAttribute(NFTA_TABLE_NAME, table.name);
    },
  };
}

/**
 * Carries out all requests or none, atomically for packets and for other programs. Throws the first KernelError; it
 * names the request that was refused.
 */
export function commitBatch(socket: NetlinkSocket, requests: readonly NetlinkRequest[]): void {
  const last = requests.at(-1);
  if (last === undefined) {
    return;
  }
  const sequences = encodeBatch(socket, requests);
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
        failure ??= refusal(socket, request, acknowledgement);
      } else if (request === last && failure === undefined) {
        return;
      }
    }
  }
}

/** Writes the batch; gives the request of each sequence number, where the frame itself counts as a transaction. */
function encodeBatch(
  socket: NetlinkSocket,
  requests: readonly NetlinkRequest[],
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
