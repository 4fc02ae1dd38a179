import { KernelError } from '../../base/errors.ts';
import type { NetlinkRequest } from '../netlink/exchange.ts';
import type { NetlinkSocket } from '../netlink/socket.ts';
import { commitBatch } from './batch.ts';
import type { Expression } from './expressions/types.ts';
import { createTableRequests, deleteTableRequest } from './requests.ts';
import type { BaseChain, Family, Table, TableFlag } from './types.ts';

/** Nobody has a table of this name; a name has at most 255 bytes. */
const PROBE_TABLE = `vmlet-probe-${process.pid}`;
const ABSENT_TABLE = `${PROBE_TABLE}-absent`;

/**
 * Whether the kernel takes tables with these flags: `owner` is there from 5.12, `persist` (for use beside `owner`) from
 * 6.9. Throws KernelError for refusals of another kind (EPERM).
 */
export function probeTableFlags(socket: NetlinkSocket, flags: readonly TableFlag[]): boolean {
  return isAccepted(socket, 'NFT_MSG_NEWTABLE', { family: 'inet', name: PROBE_TABLE, flags, sets: [], chains: [] });
}

/**
 * Whether the kernel takes a rule of these expressions, in a chain of this family: it may lack the module of one
 * (nft_queue, nft_meta_bridge). Asking loads a module that is there. Throws KernelError as above.
 */
export function probeRule(
  socket: NetlinkSocket,
  rule: { readonly family: Family; readonly expressions: readonly Expression[]; readonly base?: BaseChain },
): boolean {
  const { base, expressions, family } = rule;
  const chain = { name: 'c', rules: [{ expressions }], ...(base === undefined ? {} : { base }) };
  return isAccepted(socket, 'NFT_MSG_NEWRULE', { family, name: PROBE_TABLE, sets: [], chains: [chain] });
}

const unsupported = new Set(['EOPNOTSUPP', 'EINVAL', 'ENOENT', 'EAFNOSUPPORT']);

/**
 * Asks for the table in a transaction whose last request must fail: the kernel looks at all of it and then forgets it,
 * so nothing is made. `op` is the request that is in question.
 */
function isAccepted(socket: NetlinkSocket, op: string, table: Table): boolean {
  const mustFail: NetlinkRequest = deleteTableRequest({ family: table.family, name: ABSENT_TABLE });
  try {
    commitBatch(socket, [...createTableRequests(table), mustFail]);
  } catch (error) {
    if (error instanceof KernelError && error.op === mustFail.op && error.code === 'ENOENT') {
      return true;
    }
    if (error instanceof KernelError && error.op === op && unsupported.has(error.code)) {
      return false;
    }
    throw error;
  }
  return true;
}
