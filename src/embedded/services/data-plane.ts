/**
 * Keeps the nftables table of Services as the API says: observe, plan, one transaction. A change of a Service or slice,
 * a transaction of somebody else on the table and the resync all lead to the same look.
 */
import { errorCode } from '../../base/errors.ts';
import type { Fd } from '../../linux/fd/fd.ts';
import { NETLINK_NETFILTER } from '../../linux/netlink/constants.ts';
import { openNetlink } from '../../linux/netlink/socket.ts';
import { commitBatch, commitPlanned } from '../../linux/nftables/batch.ts';
import { dumpTableAt } from '../../linux/nftables/dump.ts';
import { deleteTable } from '../../linux/nftables/nftables.ts';
import type { Table, TableRef } from '../../linux/nftables/types.ts';
import type { ServicePort } from './backends.ts';
import { planServiceTable, tableRequests, type TableOp } from './plan.ts';
import { type DataPlaneSettings, serviceTable } from './table.ts';

export interface DataPlane extends Disposable {
  /** What would be done now. Throws KernelError. */
  plan(ports: readonly ServicePort[]): TableOp[];
  /** Observes, does it in one transaction, and gives what was done. Synchronous. Throws KernelError. */
  repair(ports: readonly ServicePort[]): TableOp[];
  /**
   * The same from what was made last, without a look at the kernel, whose table of a thousand Services takes long to read.
   * What others changed meanwhile stays until `repair`. Looks where it must. Throws KernelError.
   */
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
  /** As it was made last; undefined when that is not known. */
  let made: { readonly table: Table | undefined } | undefined;
  const plane: DataPlane = {
    plan: (ports) => look(ports).ops,
    apply(ports) {
      if (made === undefined) {
        return plane.repair(ports);
      }
      const table = serviceTable(settings, ports);
      const ops = planServiceTable(ref, table, made.table);
      if (mayHoldClients(ops, table)) {
        return plane.repair(ports);
      }
      try {
        commitBatch(socket, tableRequests(ref, ops));
        made = { table };
        return ops;
      } catch {
        // Not as it was made: the look tells, and what is wrong beyond that.
        return plane.repair(ports);
      }
    },
    repair(ports) {
      made = undefined;
      for (let attempt = 1; ; attempt++) {
        try {
          const done = commitPlanned(socket, () => {
            const { generation, ops } = look(ports);
            return { generation, requests: tableRequests(ref, ops), result: ops };
          });
          made = { table: serviceTable(settings, ports) };
          return done;
        } catch (error) {
          if (attempt >= expiredAttempts || errorCode(error) !== 'ENOENT') {
            throw error;
          }
        }
      }
    },
    remove() {
      made = undefined;
      deleteTable(socket, ref);
    },
    [Symbol.dispose]: () => socket[Symbol.dispose](),
  };
  return plane;
}

/** An endpoint went whose clients the kernel may remember: only a look shows them. */
function mayHoldClients(ops: readonly TableOp[], table: Table | undefined): boolean {
  return ops.some(
    (op) =>
      op.kind === 'delete-elements' &&
      table?.sets.some(({ name }) => name === op.set.name.replace(/^endpoints-/u, 'affinity-') && name !== op.set.name),
  );
}
