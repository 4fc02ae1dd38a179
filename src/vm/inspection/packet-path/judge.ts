/** Where a VM's packets stop, from one look at their path, or better two. Pure. */
import { allFamilies, familyOf } from './faults.ts';
import { hostHops } from './host-hops.ts';
import { sandboxHops } from './sandbox-hops.ts';
import type { Direction, InterfacePath, IpFamily, PathObservation } from './observation.ts';
import type { Fault, Hop, PathReport, PathVerdict } from './report.ts';

const directions: readonly Direction[] = ['out', 'in'];

/** `before`: an earlier look at the same VM; what grew since then counts most. */
export function judgePath(now: PathObservation, before?: PathObservation): PathReport {
  return {
    vmi: now.vmi,
    ...(before === undefined ? {} : { intervalMs: Math.max(1, Math.round(now.atMs - before.atMs)) }),
    paths: now.paths.map((path) => {
      const earlier = before?.paths.find(({ name }) => name === path.name);
      const hops = [...sandboxHops(path, now, earlier), ...hostHops(path, earlier)].map((hop) => withDeltas(hop));
      return { interface: path.name, binding: path.binding, hops, verdicts: judgeHops(hops, path) };
    }),
  };
}

/** True when packets stop or get lost somewhere. */
export function hasTrouble(report: PathReport): boolean {
  return report.paths.some(({ verdicts }) =>
    verdicts.some(({ outcome }) => outcome === 'stops' || outcome === 'loses'),
  );
}

/** Counters that grew where they should not are losses of that hop. */
function withDeltas(hop: Hop): Hop {
  const { deltas } = hop;
  const growths: Fault[] = [];
  const grew = (count: number, direction: Direction, what: string): void => {
    if (count > 0) {
      growths.push({
        severity: 'loses',
        directions: [direction],
        families: allFamilies,
        cause: `${count} ${what} since the look before`,
        remedy: lossRemedies[hop.kind] ?? 'look again with --watch: a few lost packets under load are no fault',
      });
    }
  };
  if (deltas !== undefined) {
    // Links towards the guest receive what it sends; those towards the outside send it.
    const towardsGuest =
      hop.kind === 'TAP' || hop.kind === 'sandbox bridge' || hop.kind === 'host veth' || hop.kind === 'host bridge';
    const [rx, tx]: [Direction, Direction] = towardsGuest ? ['out', 'in'] : ['in', 'out'];
    grew(deltas.rxDropped + deltas.rxErrors, rx, 'received packets were dropped');
    grew(deltas.txDropped + deltas.txErrors, tx, 'packets to be sent were dropped');
  }
  return growths.length === 0 ? hop : { ...hop, faults: [...hop.faults, ...growths] };
}

const lossRemedies: Partial<Record<Hop['kind'], string>> = {
  TAP: 'the guest does not take packets as fast as they come: give it CPU, or networkInterfaceMultiqueue: true',
  uplink: 'ethtool -S on the link tells which queue or error it is',
};

function judgeHops(hops: readonly Hop[], path: InterfacePath): PathVerdict[] {
  const single = directions.flatMap((direction) =>
    allFamilies.filter((family) => isUsed(path, family)).map((family) => judgeOne(hops, direction, family)),
  );
  return mergeFamilies(single);
}

/** A family that neither guest nor pod has an address of is no part of the path. */
function isUsed(path: InterfacePath, family: IpFamily): boolean {
  return [...path.guest.addresses, ...path.podAddresses].some((address) => familyOf(address) === family);
}

function judgeOne(hops: readonly Hop[], direction: Direction, family: IpFamily): PathVerdict {
  const way = direction === 'out' ? hops : hops.toReversed();
  const what = direction === 'out' ? 'packets from the guest' : 'packets to the guest';
  const found = (
    severities: readonly Fault['severity'][],
  ): { readonly hop: Hop; readonly fault: Fault } | undefined => {
    for (const hop of way) {
      const fault = hop.faults.find(
        (one) =>
          severities.includes(one.severity) && one.directions.includes(direction) && one.families.includes(family),
      );
      if (fault !== undefined) {
        return { hop, fault };
      }
    }
    return undefined;
  };
  const stop = found(['stops', 'absent']) ?? found(['loses']);
  if (stop === undefined) {
    return { direction, families: [family], outcome: 'passes', text: `${what} pass every hop` };
  }
  const { hop, fault } = stop;
  const where = hop.kind === 'guest' ? 'it' : `${hop.kind}${hop.name === '' ? '' : ` ${hop.name}`}`;
  const how = fault.severity === 'loses' ? 'some are lost there' : 'stop there';
  const isSilent = hop.kind === 'guest' && direction === 'out';
  return {
    direction,
    families: [family],
    outcome: fault.severity === 'note' ? 'passes' : fault.severity,
    hop: hop.kind,
    text: isSilent ? `no ${what}: ${fault.cause}` : `${what} reach ${where} and ${how}: ${fault.cause}`,
    remedy: fault.remedy,
  };
}

/** What is true of both families is said once. */
function mergeFamilies(verdicts: readonly PathVerdict[]): PathVerdict[] {
  const merged: PathVerdict[] = [];
  for (const verdict of verdicts) {
    const index = merged.findIndex(({ direction, text }) => direction === verdict.direction && text === verdict.text);
    const same = merged[index];
    if (same === undefined) {
      merged.push(verdict);
    } else {
      merged[index] = { ...same, families: [...same.families, ...verdict.families] };
    }
  }
  return merged;
}
