/** From Services and EndpointSlices to what the data plane must do: one entry for each address family and port. Pure. */
import {
  type EndpointPort,
  type EndpointSlice,
  familiesOf,
  familyOf,
  type IpFamily,
  isHeadless,
  type Service,
  type ServicePortSpec,
} from './kinds.ts';

export interface Backend {
  readonly address: string;
  readonly port: number;
}

export type Protocol = 'tcp' | 'udp' | 'sctp';

/** Where connections to one address and port of a Service go. */
export interface ServicePort {
  /** `default/web:http`, for people. */
  readonly name: string;
  readonly family: IpFamily;
  readonly protocol: Protocol;
  readonly address: string;
  readonly port: number;
  readonly nodePort: number | undefined;
  /** How long a client stays with its endpoint, seconds; undefined: every connection is its own. */
  readonly affinitySeconds: number | undefined;
  /** Sorted, without repeats. Empty: connections are refused. */
  readonly backends: readonly Backend[];
}

/** Endpoints of one port that are used; upstream has no limit, a rule set does. */
const backendsMax = 4096;
const affinitySecondsDefault = 10_800;
const protocols: Readonly<Record<string, Protocol>> = { TCP: 'tcp', UDP: 'udp', SCTP: 'sctp' };

/** What makes an entry another one: its backends and names do not. */
export function portKey({ address, port, protocol }: ServicePort): string {
  return `${address} ${protocol} ${port}`;
}

/** Two Services with one address is a mistake upstream of here: the first one has it. */
export function withoutTaken(ports: readonly ServicePort[]): ServicePort[] {
  const taken = new Set<string>();
  return ports.filter((port) => {
    const key = portKey(port);
    return !taken.has(key) && taken.add(key);
  });
}

/** `slices` are all of the Service, of whatever manager. Headless and external Services have no entry. */
export function portsOf(service: Service, slices: readonly EndpointSlice[]): ServicePort[] {
  if (service.spec?.type === 'ExternalName' || isHeadless(service)) {
    return [];
  }
  const {
    clusterIP = '',
    clusterIPs = [],
    ports = [],
    sessionAffinity,
    sessionAffinityConfig,
    type,
  } = service.spec ?? {};
  const addresses = (clusterIPs.length > 0 ? clusterIPs : [clusterIP]).filter((ip) => ip !== '' && ip !== 'None');
  const affinitySeconds =
    sessionAffinity === 'ClientIP'
      ? (sessionAffinityConfig?.clientIP?.timeoutSeconds ?? affinitySecondsDefault)
      : undefined;
  const families = familiesOf(service);
  return addresses.flatMap((address) => {
    const family = familyOf(address);
    return ports.flatMap((port): ServicePort[] => {
      const protocol = protocols[port.protocol ?? 'TCP'];
      if (protocol === undefined || !families.includes(family)) {
        return [];
      }
      const isOpened = type === 'NodePort' || type === 'LoadBalancer';
      return [
        {
          name: `${nameOf(service)}:${port.name ?? String(port.port)}`,
          family,
          protocol,
          address,
          port: port.port,
          nodePort: isOpened && port.nodePort !== 0 ? port.nodePort : undefined,
          affinitySeconds,
          backends: backendsOf(port, family, slices),
        },
      ];
    });
  });
}

/** Ready endpoints; where there is none, those that still serve while they end (KEP-1669). */
function backendsOf(port: ServicePortSpec, family: IpFamily, slices: readonly EndpointSlice[]): Backend[] {
  const found = slices
    .filter((slice) => slice.addressType === family && slice.metadata.deletionTimestamp === undefined)
    .flatMap((slice) => {
      const target = (slice.ports ?? []).find((candidate) => isSamePort(candidate, port));
      return target?.port === undefined || target.port === null
        ? []
        : (slice.endpoints ?? []).flatMap(({ addresses, conditions }) =>
            // All addresses of an endpoint are the same endpoint: the first counts.
            addresses.slice(0, 1).map((address) => ({ address, port: target.port ?? 0, conditions })),
          );
    })
    .filter(({ address }) => isUsable(address, family));
  const ready = found.filter(({ conditions }) => conditions?.ready ?? true);
  const ending = found.filter(({ conditions }) => conditions?.serving === true && conditions.terminating === true);
  const chosen = ready.length > 0 ? ready : ending;
  const byKey = new Map(chosen.map(({ address, port: number }) => [`${address} ${number}`, { address, port: number }]));
  return [...byKey]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .slice(0, backendsMax)
    .map(([, backend]) => backend);
}

function isSamePort(candidate: EndpointPort, { name, protocol }: ServicePortSpec): boolean {
  return (candidate.name ?? '') === (name ?? '') && (candidate.protocol ?? 'TCP') === (protocol ?? 'TCP');
}

/**
 * A slice is a user's word: an address of this host itself, of all hosts or of none would turn a Service into a way into
 * what listens on loopback only.
 */
function isUsable(address: string, family: IpFamily): boolean {
  if (familyOf(address) !== family) {
    return false;
  }
  const text = address.toLowerCase();
  return family === 'IPv4'
    ? !/^(?:0|127|22[4-9]|23\d|24\d|25[0-5])\.|^169\.254\./u.test(text)
    : !/^(?:::1?$|::ffff:|fe[89ab]|ff)/u.test(text);
}

function nameOf({ metadata }: Service): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`;
}
