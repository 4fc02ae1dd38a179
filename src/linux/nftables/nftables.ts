import { errorCode } from '../../base/errors.ts';
import type { NetlinkRequest } from '../netlink/exchange.ts';
import type { NetlinkSocket } from '../netlink/socket.ts';
import { commitBatch, commitPlanned } from './batch.ts';
import { tablesEqual } from './compare.ts';
import { dumpTableAt } from './dump.ts';
import { createTableRequests, deleteTableRequest } from './requests.ts';
import type { Table, TableRef } from './types.ts';

/**
 * The transaction that turns `observed` (undefined: nothing there) into `desired`; empty when they are equal. Pure.
 * A first creation is additions only; replacing deletes the old table in the same transaction, which makes the kernel
 * wait for an RCU grace period: 10 to 16 ms instead of well under 1 ms.
 */
export function planTable(desired: Table, observed: Table | undefined): NetlinkRequest[] {
  if (observed === undefined) {
    return createTableRequests(desired);
  }
  return tablesEqual(desired, observed) ? [] : [deleteTableRequest(observed), ...createTableRequests(desired)];
}

/**
 * Makes the kernel's table of this family and name be `table`, in one atomic transaction or, when it is so already,
 * none. `socket` is of NETLINK_NETFILTER. Counters of a replaced table start anew. Throws KernelError.
 */
export function replaceTable(socket: NetlinkSocket, table: Table): 'unchanged' | 'created' | 'replaced' {
  return commitPlanned(socket, () => {
    const { generation, table: observed } = dumpTableAt(socket, table);
    const requests = planTable(table, observed);
    const result = requests.length === 0 ? 'unchanged' : observed === undefined ? 'created' : 'replaced';
    return { generation, requests, result };
  });
}

/** Deletes the table with all that is in it; false when there was none. Throws KernelError. */
export function deleteTable(socket: NetlinkSocket, table: TableRef): boolean {
  try {
    commitBatch(socket, [deleteTableRequest(table)]);
    return true;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') {
      return false;
    }
    throw error;
  }
}
