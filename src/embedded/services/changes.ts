/**
 * From one list of ports to the next without a look at all the others. Pure. Two tables that differ in a few ports differ
 * in what those ports are in them, so it is enough to plan between two small ones.
 */
import type { Table } from '../../linux/nftables/types.ts';
import type { ServicePort } from './backends.ts';
import { type DataPlaneSettings, sharedElements, tableOf, usedFamilies } from './table.ts';

export interface PartialTables {
  /** What the changed ports are in the table now, and what they must be. */
  readonly before: Table;
  readonly after: Table;
}

/**
 * `undefined` when only whole tables tell: the table comes or goes or serves another family, or a port that changed shares
 * an element with one that did not. Ports are compared by identity.
 */
export function partialTables(
  settings: DataPlaneSettings,
  before: readonly ServicePort[],
  after: readonly ServicePort[],
): PartialTables | undefined {
  const used = usedFamilies(after);
  if (before.length === 0 || used.length === 0 || used.join() !== usedFamilies(before).join()) {
    return undefined;
  }
  const [had, has] = [new Set(before), new Set(after)];
  const [gone, added] = [before.filter((port) => !has.has(port)), after.filter((port) => !had.has(port))];
  const shared = new Set([...gone, ...added].flatMap((port) => sharedElements(settings, port)));
  if (shared.size > 0 && after.some((port) => had.has(port) && mayShare(port, shared))) {
    return undefined;
  }
  return { before: tableOf(settings, gone, used), after: tableOf(settings, added, used) };
}

/** Whether one of the elements may be the port's too: those of pods are never among them. */
function mayShare(port: ServicePort, elements: ReadonlySet<string>): boolean {
  const { backends, family, nodePort, protocol } = port;
  return (
    (nodePort !== undefined && elements.has(`${family} ${protocol} ${nodePort}`)) ||
    backends.some((backend) => elements.has(`${backend.address} ${protocol} ${backend.port}`))
  );
}
