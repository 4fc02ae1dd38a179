/** A Service's name and port as an address, from the Services and EndpointSlices (or Endpoints) in the store. */
import { labelSelectorRequirements, matchesLabels } from '../../../apimachinery/selectors.ts';
import type { KubeObject } from '../../../apimachinery/object.ts';
import { VmletError } from '../../../base/errors.ts';
import { parseStored } from '../object-view.ts';
import { objectStorageKey, listStoragePrefix } from '../resource.ts';
import type { Address, ResolveService } from './call.ts';
import type { WebhookContext } from './subject.ts';

interface Port {
  readonly name?: string;
  readonly port?: number;
}

interface Service extends KubeObject {
  readonly spec?: { readonly type?: string; readonly externalName?: string; readonly ports?: readonly Port[] };
}

interface EndpointSlice extends KubeObject {
  readonly endpoints?: readonly {
    readonly addresses?: readonly string[];
    readonly conditions?: { readonly ready?: boolean };
  }[];
  readonly ports?: readonly Port[];
}

interface Endpoints extends KubeObject {
  readonly subsets?: readonly {
    readonly addresses?: readonly { readonly ip?: string }[];
    readonly ports?: readonly Port[];
  }[];
}

const maxSlices = 100;

export function createServiceResolver(context: WebhookContext): ResolveService {
  /** Takes turns among the endpoints. */
  let turn = 0;
  return ({ namespace, name, port: wanted = 443 }) => {
    const service = find<Service>(context, { group: '', resource: 'services', namespace, name });
    if (service === undefined) {
      throw new VmletError('WebhookService', `service ${JSON.stringify(name)} not found`);
    }
    const { type, externalName, ports = [] } = service.spec ?? {};
    const servicePort = ports.find(({ port }) => port === wanted);
    if (type === 'ExternalName' && externalName !== undefined) {
      return { host: externalName, port: wanted };
    }
    if (servicePort === undefined) {
      throw new VmletError('WebhookService', `no service port ${wanted} found for service ${JSON.stringify(name)}`);
    }
    const addresses = [
      ...sliceAddresses(context, service, servicePort),
      ...endpointAddresses(context, service, servicePort),
    ];
    turn += 1;
    const address = addresses[turn % Math.max(1, addresses.length)];
    if (address === undefined) {
      throw new VmletError('WebhookService', `no endpoints available for service ${JSON.stringify(name)}`);
    }
    return address;
  };
}

function sliceAddresses(context: WebhookContext, service: Service, wanted: Port): Address[] {
  const definition = context.registry.findDefinition('discovery.k8s.io', 'endpointslices');
  if (definition === undefined) {
    return [];
  }
  const selector = labelSelectorRequirements({ matchLabels: { 'kubernetes.io/service-name': service.metadata.name } });
  const prefix = listStoragePrefix(definition, service.metadata.namespace);
  return context.store
    .range({ prefix })
    .entries.map(({ value }) => parseStored(value) as EndpointSlice)
    .filter(({ metadata }) => matchesLabels(selector, metadata.labels))
    .slice(0, maxSlices)
    .flatMap(({ endpoints = [], ports = [] }) => {
      const port = portOf(ports, wanted);
      const ready = endpoints.filter(({ conditions }) => conditions?.ready !== false);
      return port === undefined ? [] : ready.flatMap(({ addresses = [] }) => addresses.map((host) => ({ host, port })));
    });
}

function endpointAddresses(context: WebhookContext, service: Service, wanted: Port): Address[] {
  const { namespace = '', name } = service.metadata;
  const endpoints = find<Endpoints>(context, { group: '', resource: 'endpoints', namespace, name });
  return (endpoints?.subsets ?? []).flatMap(({ addresses = [], ports = [] }) => {
    const port = portOf(ports, wanted);
    return port === undefined ? [] : addresses.flatMap(({ ip }) => (ip === undefined ? [] : [{ host: ip, port }]));
  });
}

/** Ports of endpoints have the names of the Service's ports. */
function portOf(ports: readonly Port[], wanted: Port): number | undefined {
  return ports.find(({ name = '' }) => name === (wanted.name ?? ''))?.port;
}

// eslint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller names the kind
function find<T extends KubeObject>(
  { registry, store }: WebhookContext,
  key: { readonly group: string; readonly resource: string; readonly namespace: string; readonly name: string },
): T | undefined {
  const definition = registry.findDefinition(key.group, key.resource);
  const entry = definition && store.latest(objectStorageKey(definition, key.namespace, key.name));
  return entry && (parseStored(entry.value) as T);
}
