/**
 * Which slices and which legacy Endpoints object a Service must have, from the Pods that its selector finds. Pure: the
 * same input gives the same objects, names included, so nothing need be remembered. Rules are those of Kubernetes'
 * endpointslice and endpoints controllers.
 */
import { createHash } from 'node:crypto';
import type { Pod } from '../../apimachinery/core.ts';
import {
  type Endpoint,
  type EndpointAddress,
  type EndpointPort,
  type Endpoints,
  type EndpointSlice,
  endpointSliceType,
  endpointsType,
  familiesOf,
  familyOf,
  headlessLabel,
  type IpFamily,
  isHeadless,
  managedByLabel,
  type Service,
  serviceNameLabel,
  sliceManager,
} from './kinds.ts';

/** Upstream's default of --max-endpoints-per-slice. */
const slicePodsMax = 100;
/** Upstream's limit of an Endpoints object. */
const endpointsAddressesMax = 1000;
const overCapacityAnnotation = 'endpoints.kubernetes.io/over-capacity';

interface Member {
  readonly pod: Pod;
  readonly ports: readonly EndpointPort[];
}

/** Whether slices and Endpoints are made for the Service; without a selector they are its user's affair. */
export function isManaged(service: Service): boolean {
  const { type, selector = {} } = service.spec ?? {};
  return type !== 'ExternalName' && Object.keys(selector).length > 0;
}

/** Whether the Service's selector finds a Pod with these labels. */
export function selects(service: Service, labels: Readonly<Record<string, string>> = {}): boolean {
  return Object.entries(service.spec?.selector ?? {}).every(([key, value]) => labels[key] === value);
}

/** All slices that the Service must have; `pods` are those that it selects. */
export function desiredSlices(service: Service, pods: readonly Pod[]): EndpointSlice[] {
  const members = membersOf(service, pods);
  return familiesOf(service).flatMap((family) => {
    const byPorts = new Map<string, Member[]>();
    for (const member of members.filter(({ pod }) => addressOf(pod, family) !== undefined)) {
      const key = JSON.stringify(member.ports);
      byPorts.set(key, [...(byPorts.get(key) ?? []), member]);
    }
    // A Service without a Pod has an empty slice, as upstream has it: a watcher sees that it is looked after.
    const groups = byPorts.size === 0 ? [['[]', []] as const] : [...byPorts];
    return groups.flatMap(([key, group]) =>
      chunks(group, slicePodsMax).map((part, index) => makeSlice(service, family, part, `${key} ${index}`)),
    );
  });
}

/** The Endpoints object of the Service: its first family only. */
export function desiredEndpoints(service: Service, pods: readonly Pod[]): Endpoints {
  const [family = 'IPv4'] = familiesOf(service);
  const members = membersOf(service, pods).filter(({ pod }) => addressOf(pod, family) !== undefined);
  const counted = members.filter(
    ({ pod }) => isPublished(service, pod) || pod.metadata.deletionTimestamp === undefined,
  );
  const kept = counted.slice(0, endpointsAddressesMax);
  const byPorts = Map.groupBy(kept, ({ ports }) => JSON.stringify(ports));
  const subsets = [...byPorts.values()].map((group) => {
    const part = (ready: boolean): EndpointAddress[] =>
      group
        .filter(({ pod }) => isPublished(service, pod) === ready)
        .map(({ pod }) => endpointAddress(service, pod, family));
    const [addresses, notReadyAddresses] = [part(true), part(false)];
    const ports = group[0]?.ports ?? [];
    return {
      ...(addresses.length === 0 ? {} : { addresses }),
      ...(notReadyAddresses.length === 0 ? {} : { notReadyAddresses }),
      ...(ports.length === 0 ? {} : { ports: [...ports] }),
    };
  });
  const { name, namespace } = service.metadata;
  return {
    apiVersion: 'v1',
    kind: endpointsType.kind,
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      labels: inheritedLabels(service),
      ...(counted.length > kept.length ? { annotations: { [overCapacityAnnotation]: 'truncated' } } : {}),
      ownerReferences: [ownerOf(service)],
    },
    ...(subsets.length === 0 ? {} : { subsets }),
  };
}

/** By name, so that the same Pods are always in the same slice. A Pod that has ended serves nobody. */
function membersOf(service: Service, pods: readonly Pod[]): Member[] {
  return pods
    .filter(({ status }) => status?.phase !== 'Failed' && status?.phase !== 'Succeeded')
    .toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
    .map((pod) => ({ pod, ports: resolvePorts(service, pod) }))
    .filter(({ ports }) => ports.length > 0 || isHeadless(service));
}

/** A port whose name the Pod does not know is left out. */
function resolvePorts(service: Service, pod: Pod): EndpointPort[] {
  return (service.spec?.ports ?? []).flatMap((port) => {
    const protocol = port.protocol ?? 'TCP';
    const target = port.targetPort ?? port.port;
    const number =
      typeof target === 'number' ? (target === 0 ? port.port : target) : containerPort(pod, target, protocol);
    return number === undefined
      ? []
      : [
          {
            name: port.name ?? '',
            protocol,
            port: number,
            ...(port.appProtocol === undefined ? {} : { appProtocol: port.appProtocol }),
          },
        ];
  });
}

function containerPort(pod: Pod, name: string, protocol: string): number | undefined {
  const ports = pod.spec.containers.flatMap((container) => container.ports ?? []);
  return ports.find((port) => port.name === name && (port.protocol ?? 'TCP') === protocol)?.containerPort;
}

function makeSlice(service: Service, family: IpFamily, members: readonly Member[], part: string): EndpointSlice {
  const { name, namespace, uid = '' } = service.metadata;
  const suffix = createHash('sha256').update(`${uid} ${family} ${part}`).digest('hex').slice(0, 8);
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: endpointSliceType.kind,
    metadata: {
      name: `${name}-${suffix}`,
      generateName: `${name}-`,
      ...(namespace === undefined ? {} : { namespace }),
      labels: { ...inheritedLabels(service), [serviceNameLabel]: name, [managedByLabel]: sliceManager },
      ownerReferences: [ownerOf(service)],
    },
    addressType: family,
    endpoints: members.map(({ pod }) => makeEndpoint(service, pod, family)),
    ports: [...(members[0]?.ports ?? [])],
  };
}

/** Upstream: `ready` is never true of a Pod that is being deleted unless not-ready addresses are published. */
function makeEndpoint(service: Service, pod: Pod, family: IpFamily): Endpoint {
  const serving = isPodReady(pod);
  const terminating = pod.metadata.deletionTimestamp !== undefined;
  const { ip, ...rest } = endpointAddress(service, pod, family);
  return { addresses: [ip], conditions: { ready: isPublished(service, pod), serving, terminating }, ...rest };
}

function isPublished(service: Service, pod: Pod): boolean {
  const isAlive = pod.metadata.deletionTimestamp === undefined;
  return service.spec?.publishNotReadyAddresses === true || (isAlive && isPodReady(pod));
}

function endpointAddress(service: Service, pod: Pod, family: IpFamily): EndpointAddress {
  const { name, namespace, uid } = pod.metadata;
  const { hostname, nodeName, subdomain } = pod.spec;
  const isNamed = hostname !== undefined && subdomain === service.metadata.name;
  return {
    ip: addressOf(pod, family) ?? '',
    ...(isNamed ? { hostname } : {}),
    ...(nodeName === undefined ? {} : { nodeName }),
    targetRef: {
      kind: 'Pod',
      ...(namespace === undefined ? {} : { namespace }),
      name,
      ...(uid === undefined ? {} : { uid }),
    },
  };
}

function isPodReady(pod: Pod): boolean {
  return pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;
}

function addressOf(pod: Pod, family: IpFamily): string | undefined {
  const { podIP, podIPs = [] } = pod.status ?? {};
  const addresses = podIPs.length > 0 ? podIPs.map(({ ip }) => ip) : podIP === undefined ? [] : [podIP];
  return addresses.find((ip) => familyOf(ip) === family);
}

function inheritedLabels(service: Service): Record<string, string> {
  return { ...service.metadata.labels, ...(isHeadless(service) ? { [headlessLabel]: '' } : {}) };
}

function ownerOf(service: Service) {
  const { name, uid = '' } = service.metadata;
  return { apiVersion: 'v1', kind: 'Service', name, uid, controller: true, blockOwnerDeletion: true };
}

/** At least one part, empty when there is nothing. */
function chunks<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.max(1, Math.ceil(items.length / size)) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}
