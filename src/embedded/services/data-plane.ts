/**
 * Keeps the nftables table of Services as the API says: observe, plan, one transaction. A change of a Service or slice,
 * a transaction of somebody else on the table and the resync all lead to the same look.
 */
import { errorCode } from '../../base/errors.ts';
import type { Fd } from '../../linux/fd/fd.ts';
import { NETLINK_NETFILTER } from '../../linux/netlink/constants.ts';
import { type NetlinkSocket, openNetlink } from '../../linux/netlink/socket.ts';
import { commitBatch, commitPlanned } from '../../linux/nftables/batch.ts';
import { dumpTableAt, readGeneration, readSet } from '../../linux/nftables/dump.ts';
import { deleteTable } from '../../linux/nftables/nftables.ts';
import type { Table, TableRef } from '../../linux/nftables/types.ts';
import type { ServicePort } from './backends.ts';
import { partialTables } from './changes.ts';
import { planServiceTable, tableRequests, type TableOp } from './plan.ts';
import { type DataPlaneSettings, serviceTable } from './table.ts';

export interface DataPlane extends Disposable {
  /** What would be done now. Throws KernelError. */
  plan(ports: readonly ServicePort[]): TableOp[];
  /**
   * What would put back what others changed since `ports` or something like it was made. Does not look when nobody can
   * have changed the table (`heard`). Throws KernelError.
   */
  drift(ports: readonly ServicePort[]): TableOp[];
  /** Observes, does it in one transaction, and gives what was done. Synchronous. Throws KernelError. */
  repair(ports: readonly ServicePort[]): TableOp[];
  /**
   * The same from what was made last, without a look at the kernel, whose table of a thousand Services takes long to read.
   * Entries that are the same object are as they were. What others changed meanwhile stays until `repair`. Looks where it
   * must. Throws KernelError.
   */
  apply(ports: readonly ServicePort[]): TableOp[];
  /**
   * Hears of a transaction in this namespace, each once and in order: then `drift` need not look as long as no foreign one
   * touched the table. Without a generation some were not heard.
   */
  heard(transaction: { readonly generation: number | undefined; readonly isForeign: boolean }): void;
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
  let made: readonly ServicePort[] | undefined;
  /** Up to this generation of the ruleset nobody else changed what was made; undefined when that is not known. */
  let untouchedUntil: number | undefined;

  /** From what was made to what is wanted; undefined when only a look tells. Throws KernelError. */
  const difference = (ports: readonly ServicePort[]): TableOp[] | undefined => {
    if (made === undefined || made === ports) {
      return made && [];
    }
    const tables = partialTables(settings, made, ports);
    return tables && planServiceTable(ref, tables.after, withClients(socket, tables.before));
  };
  const plane: DataPlane = {
    plan: (ports) => look(ports).ops,
    drift(ports) {
      if (made === undefined) {
        return look(ports).ops;
      }
      if (untouchedUntil !== undefined && untouchedUntil === readGeneration(socket)) {
        return [];
      }
      const { generation, ops } = look(made);
      untouchedUntil = ops.length === 0 ? generation : undefined;
      return ops;
    },
    apply(ports) {
      try {
        const ops = difference(ports);
        if (ops !== undefined) {
          commitBatch(socket, tableRequests(ref, ops));
          made = ports;
          return ops;
        }
      } catch {
        // Not as it was made: the look tells, and what is wrong beyond that.
      }
      return plane.repair(ports);
    },
    repair(ports) {
      made = undefined;
      untouchedUntil = undefined;
      for (let attempt = 1; ; attempt++) {
        try {
          const done = commitPlanned(socket, () => {
            const { generation, ops } = look(ports);
            return { generation, requests: tableRequests(ref, ops), result: { generation, ops } };
          });
          made = ports;
          // Its own transaction is heard of as the next one.
          untouchedUntil = done.generation;
          return done.ops;
        } catch (error) {
          if (attempt >= expiredAttempts || errorCode(error) !== 'ENOENT') {
            throw error;
          }
        }
      }
    },
    heard({ generation, isForeign }) {
      if (untouchedUntil === undefined || (generation !== undefined && generation <= untouchedUntil)) {
        return;
      }
      const isNext = generation === untouchedUntil + 1;
      untouchedUntil = isNext && !isForeign ? generation : undefined;
    },
    remove() {
      made = undefined;
      deleteTable(socket, ref);
    },
    [Symbol.dispose]: () => socket[Symbol.dispose](),
  };
  return plane;
}

/** The kernel alone knows which clients it remembers. */
function withClients(socket: NetlinkSocket, table: Table): Table {
  return {
    ...table,
    sets: table.sets.map((set) => (set.flags.includes('dynamic') ? readSet(socket, table, set) : set)),
  };
}
