import { KernelError } from '../../base/errors.ts';
import type { NetlinkSocket } from '../netlink/socket.ts';
import { commitBatch } from './batch.ts';
import { createTableRequests, deleteTableRequest } from './requests.ts';
import type { TableFlag } from './types.ts';

/** Nobody has a table of this name; a name has at most 255 bytes. */
const PROBE_TABLE = `vmlet-probe-${process.pid}`;
const ABSENT_TABLE = `${PROBE_TABLE}-absent`;

/**
 * Whether the kernel takes tables with these flags: `owner` is there from 5.12, `persist`
 * (for use beside `owner`) from 6.9.
 * Nothing is made: the table is asked for in a transaction whose last request must fail, so the kernel looks at all of
 * it and then forgets it. Throws KernelError for other refusals (EPERM).
 */
export function probeTableFlags(socket: NetlinkSocket, flags: readonly TableFlag[]): boolean {
  const table = { family: 'inet', name: PROBE_TABLE, flags, sets: [], chains: [] } as const;
  try {
    commitBatch(socket, [...createTableRequests(table), deleteTableRequest({ family: 'inet', name: ABSENT_TABLE })]);
  } catch (error) {
    if (error instanceof KernelError && error.op === 'NFT_MSG_NEWTABLE' && unsupported.has(error.code)) {
      return false;
    }
    if (error instanceof KernelError && error.op === 'NFT_MSG_DELTABLE' && error.code === 'ENOENT') {
      return true;
    }
    throw error;
  }
  return false;
}

const unsupported = new Set(['EOPNOTSUPP', 'EINVAL']);
