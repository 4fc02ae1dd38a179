import { readStat } from './process.ts';

/** Most pids that Linux gives out (PID_MAX_LIMIT): a netlink port id above it is no pid. */
const PID_MAX_LIMIT = 4_194_304;

/**
 * The process behind a change. `id` is a pid, or the netlink port id of the request: for the first socket of a process
 * that is its pid, for further ones a random number above all pids, and 0 when the kernel changed something by itself.
 * Undefined when it is nobody or ourselves. `knownName` is what the kernel said its name was at that moment.
 */
export function findCulprit(
  id: number,
  knownName?: string,
): { readonly processId: number; readonly name: string | undefined } | undefined {
  if (id <= 0 || id > PID_MAX_LIMIT || id === process.pid) {
    return undefined;
  }
  return { processId: id, name: knownName ?? readStat(id)?.comm };
}
