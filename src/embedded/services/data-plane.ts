/**
 * Keeps the nftables table of Services as the API says: observe, plan, one transaction. A change of a Service or slice,
 * a transaction of somebody else on the table and the resync all lead to the same look.
 */
import { errorCode } from '../../base/errors.ts';
import type { Fd } from '../../linux/fd/fd.ts';
import { NETLINK_NETFILTER } from '../../linux/netlink/constants.ts';
import { openNetlink } from '../../linux/netlink/socket.ts';
import { commitPlanned } from '../../linux/nftables/batch.ts';
import { dumpTableAt } from '../../linux/nftables/dump.ts';
import { deleteTable } from '../../linux/nftables/nftables.ts';
import type { TableRef } from '../../linux/nftables/types.ts';
import type { ServicePort } from './backends.ts';
import { planServiceTable, tableRequests, type TableOp } from './plan.ts';
import { type DataPlaneSettings, serviceTable } from './table.ts';

export interface DataPlane extends Disposable {
  /** What would be done now. Throws KernelError. */
  plan(ports: readonly ServicePort[]): TableOp[];
  /** Does it in one transaction, and gives what was done. Synchronous. Throws KernelError. */
  apply(ports: readonly ServicePort[]): TableOp[];
  /** Takes the table away. */
  remove(): void;
}

/** A client's entry may expire between the look and the transaction, which then finds nothing to delete. */
const expiredAttempts = 5;

/** `netns` stays the caller's; the namespace of this process when left out. */
export function openDataPlane(settings: DataPlaneSettings, netns?: Fd): DataPlane {
  const socket = openNetlink({ protocol: NETLINK_NETFILTER, ...(netns === undefined ? {} : { netns }) });
  const ref: TableRef = { family: 'inet', name: settings.table };
  const look = (ports: readonly ServicePort[]) => {
    const { generation, table } = dumpTableAt(socket, ref);
    return { generation, ops: planServiceTable(ref, serviceTable(settings, ports), table) };
  };
  return {
    plan: (ports) => look(ports).ops,
    apply(ports) {
      for (let attempt = 1; ; attempt++) {
        try {
          return commitPlanned(socket, () => {
            const { generation, ops } = look(ports);
            return { generation, requests: tableRequests(ref, ops), result: ops };
          });
        } catch (error) {
          if (attempt >= expiredAttempts || errorCode(error) !== 'ENOENT') {
            throw error;
          }
        }
      }
    },
    remove() {
      deleteTable(socket, ref);
    },
    [Symbol.dispose]: () => socket[Symbol.dispose](),
  };
}
