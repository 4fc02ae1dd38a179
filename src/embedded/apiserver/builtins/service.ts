/** Services and where they lead: defaults, rules, what kubectl prints. Source: pkg/apis/core, pkg/registry/core/service. */
import { forbiddenField, invalidField, notSupportedField, requiredField } from '../../../apimachinery/field-error.ts';
import type { FieldError } from '../../../apimachinery/field-error.ts';
import type { KubeObject } from '../../../apimachinery/object.ts';
import type { ResourceDefinition, Strategy } from '../resource.ts';
import { hasClusterAddress, hasNodePorts, headless } from '../services/types.ts';
import type { Service, ServicePort } from '../services/types.ts';
import { ageColumn, column, defineBuiltin } from './define.ts';
import type { BuiltinSchemas } from './define.ts';
import { type EndpointSlice, validateSlice, validateSliceUpdate } from './endpoint-slice.ts';

const types = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'] as const;
const protocols = ['SCTP', 'TCP', 'UDP'] as const;
const maxPort = 65_535;
const shownEndpoints = 3;

type Endpoints = KubeObject & {
  subsets?: { addresses?: { ip: string }[]; ports?: { port: number }[] }[];
};
export function serviceDefinitions(schemas: BuiltinSchemas): ResourceDefinition[] {
  return [
    defineBuiltin(
      {
        group: '',
        resource: 'services',
        kind: 'Service',
        namespaced: true,
        shortNames: ['svc'],
        categories: ['all'],
        hasStatus: true,
        strategy,
        columns: [
          column<Service>('Type', ({ spec }) => spec.type),
          column<Service>('Cluster-IP', ({ spec }) => spec.clusterIP ?? '<none>'),
          column<Service>('External-IP', externalAddress),
          column<Service>('Port(s)', ({ spec }) => (spec.ports ?? []).map(formatPort).join(',') || '<none>'),
          ageColumn,
          column<Service>('Selector', ({ spec }) => formatLabels(spec.selector), { priority: 1 }),
        ],
      },
      schemas,
    ),
    defineBuiltin(
      {
        group: '',
        resource: 'endpoints',
        kind: 'Endpoints',
        namespaced: true,
        shortNames: ['ep'],
        columns: [column<Endpoints>('Endpoints', formatEndpoints), ageColumn],
      },
      schemas,
    ),
    defineBuiltin(
      {
        group: 'discovery.k8s.io',
        resource: 'endpointslices',
        kind: 'EndpointSlice',
        namespaced: true,
        strategy: { hasGeneration: true, validate: validateSlice, validateUpdate: validateSliceUpdate },
        columns: [
          column<EndpointSlice>('AddressType', ({ addressType }) => addressType),
          column<EndpointSlice>('Ports', ({ ports }) =>
            shorten(
              (ports ?? []).map(({ port }) => String(port ?? '*')),
              '<unset>',
            ),
          ),
          column<EndpointSlice>('Endpoints', ({ endpoints }) =>
            shorten(
              (endpoints ?? []).flatMap(({ addresses = [] }) => addresses),
              '<unset>',
            ),
          ),
          ageColumn,
        ],
      },
      schemas,
    ),
  ];
}

function externalAddress({ spec, status }: Service): string {
  const external = spec.externalIPs ?? [];
  if (spec.type === 'ExternalName') {
    return spec.externalName ?? '<none>';
  }
  if (spec.type === 'LoadBalancer') {
    const given = (status?.loadBalancer?.ingress ?? []).flatMap(({ ip, hostname }) => ip ?? hostname ?? []);
    return [...given, ...external].join(',') || '<pending>';
  }
  return external.join(',') || '<none>';
}

function formatPort({ port, nodePort, protocol = 'TCP' }: ServicePort): string {
  return nodePort ? `${port}:${nodePort}/${protocol}` : `${port}/${protocol}`;
}

function formatLabels(labels: Readonly<Record<string, string>> | undefined): string {
  return (
    Object.entries(labels ?? {})
      .map(([key, value]) => `${key}=${value}`)
      .join(',') || '<none>'
  );
}

function formatEndpoints({ subsets }: Endpoints): string {
  const all = (subsets ?? []).flatMap(({ addresses = [], ports = [] }) =>
    ports.length === 0
      ? addresses.map(({ ip }) => ip)
      : ports.flatMap(({ port }) => addresses.map(({ ip }) => `${ip}:${port}`)),
  );
  return shorten(all, '<none>');
}

function shorten(items: readonly string[], none: string): string {
  const more = items.length - shownEndpoints;
  const shown = items.slice(0, shownEndpoints).join(',');
  return items.length === 0 ? none : more > 0 ? `${shown} + ${more} more...` : shown;
}

const strategy: Strategy = {
  prepareForCreate(object) {
    const service = object as Service;
    service.spec = { ...(service.spec as Service['spec'] | undefined) };
    service.status = { loadBalancer: {} };
    setDefaults(service);
  },
  prepareForUpdate(object, old) {
    const service = object as Service;
    service.spec = { ...(service.spec as Service['spec'] | undefined) };
    keepAllocated(service, old as Service);
    setDefaults(service);
  },
  validate: (object) => validateService(object as Service),
  validateUpdate(object, old) {
    const [service, before] = [object as Service, old as Service];
    const had = before.spec.clusterIP ?? '';
    const kept = before.spec.type === 'ExternalName' || service.spec.type === 'ExternalName' || had === '';
    if (kept) {
      return [];
    }
    const { clusterIP, clusterIPs = [], ipFamilies = [] } = service.spec;
    const { clusterIPs: hadAll = [], ipFamilies: hadFamilies = [] } = before.spec;
    const why = 'may not change once set';
    return [
      ...(clusterIP === had ? [] : [invalidField('spec.clusterIPs[0]', clusterIPs, why)]),
      ...(hadAll.length < 2 || clusterIPs.length < 2 || clusterIPs[1] === hadAll[1]
        ? []
        : [invalidField('spec.clusterIPs[1]', clusterIPs, why)]),
      ...(hadFamilies.length === 0 || ipFamilies[0] === hadFamilies[0]
        ? []
        : [invalidField('spec.ipFamilies[0]', ipFamilies, why)]),
    ];
  },
  fields: {
    'spec.clusterIP': (object) => (object as Service).spec.clusterIP,
    'spec.type': (object) => (object as Service).spec.type,
  },
};

function setDefaults(service: Service): void {
  const { spec } = service;
  spec.type ??= 'ClusterIP';
  spec.sessionAffinity ??= 'None';
  if (spec.sessionAffinity === 'ClientIP') {
    spec.sessionAffinityConfig ??= { clientIP: { timeoutSeconds: 10_800 } };
  }
  for (const port of spec.ports ?? []) {
    port.protocol ??= 'TCP';
    if (port.targetPort === undefined || port.targetPort === '' || port.targetPort === 0) {
      port.targetPort = port.port;
    }
    if (!hasNodePorts(service) && port.nodePort === 0) {
      delete port.nodePort;
    }
  }
  if (spec.type === 'ExternalName') {
    delete spec.clusterIP;
    delete spec.clusterIPs;
    return;
  }
  spec.clusterIP ??= spec.clusterIPs?.[0] ?? '';
  if (spec.clusterIP === '') {
    delete spec.clusterIP;
    delete spec.clusterIPs;
  } else {
    spec.clusterIPs ??= [spec.clusterIP];
  }
  spec.internalTrafficPolicy ??= 'Cluster';
  if (spec.type === 'NodePort' || spec.type === 'LoadBalancer') {
    spec.externalTrafficPolicy ??= 'Cluster';
  } else {
    delete spec.externalTrafficPolicy;
  }
  if (spec.type === 'LoadBalancer') {
    spec.allocateLoadBalancerNodePorts ??= true;
  }
}

/** What was given out stays when the new object does not say otherwise; what its type no longer has goes. */
function keepAllocated(service: Service, old: Service): void {
  const { spec } = service;
  if (hasClusterAddress(service) && hasClusterAddress(old) && (spec.clusterIP ?? '') === '' && old.spec.clusterIP) {
    spec.clusterIP = old.spec.clusterIP;
    spec.clusterIPs = old.spec.clusterIPs ?? [old.spec.clusterIP];
  }
  if (
    (spec.clusterIPs ?? []).length === 0 &&
    old.spec.clusterIPs !== undefined &&
    spec.clusterIP === old.spec.clusterIP
  ) {
    spec.clusterIPs = old.spec.clusterIPs;
  }
  if (old.spec.clusterIP === headless && (spec.clusterIP ?? '') === '' && spec.type !== 'ExternalName') {
    spec.clusterIP = headless;
    spec.clusterIPs = [headless];
  }
  const hadPorts = hasNodePorts(old);
  for (const port of spec.ports ?? []) {
    const before = (old.spec.ports ?? []).find(
      (other) => other.port === port.port && (other.protocol ?? 'TCP') === (port.protocol ?? 'TCP'),
    );
    if (!hasNodePorts(service)) {
      if (hadPorts && before?.nodePort === port.nodePort) {
        delete port.nodePort;
      }
    } else if (hadPorts && !port.nodePort && before?.nodePort) {
      port.nodePort = before.nodePort;
    }
  }
}

function validateService(service: Service): FieldError[] {
  const { metadata, spec } = service;
  const errors: FieldError[] = [];
  if (!/^[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?$/u.test(metadata.name)) {
    const why =
      "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character";
    errors.push(invalidField('metadata.name', metadata.name, why));
  }
  const { type = 'ClusterIP', ports = [] } = spec;
  if (!(types as readonly string[]).includes(type)) {
    return [...errors, notSupportedField('spec.type', type, types)];
  }
  if (type === 'ExternalName') {
    if ((spec.externalName ?? '') === '') {
      errors.push(requiredField('spec.externalName'));
    }
  } else if (ports.length === 0 && spec.clusterIP !== headless) {
    errors.push(requiredField('spec.ports'));
  }
  if (spec.clusterIP === headless && hasNodePorts(service)) {
    errors.push(invalidField('spec.clusterIPs[0]', headless, `may not be set to 'None' for ${type} services`));
  }
  if (spec.clusterIPs !== undefined && spec.clusterIPs[0] !== spec.clusterIP) {
    errors.push(invalidField('spec.clusterIPs', spec.clusterIPs, 'first value must match `clusterIP`'));
  }
  if (!['None', 'ClientIP'].includes(spec.sessionAffinity ?? 'None')) {
    errors.push(notSupportedField('spec.sessionAffinity', spec.sessionAffinity, ['ClientIP', 'None']));
  }
  return [...errors, ...validatePorts(service)];
}

function validatePorts(service: Service): FieldError[] {
  const { ports = [], type = 'ClusterIP' } = service.spec;
  const errors: FieldError[] = [];
  const names = new Set<string>();
  const numbers = new Set<string>();
  for (const [index, port] of ports.entries()) {
    const path = `spec.ports[${index}]`;
    const { name = '', protocol = 'TCP', targetPort } = port;
    if (name === '' && ports.length > 1) {
      errors.push(requiredField(`${path}.name`));
    } else if (name !== '' && !/^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/u.test(name)) {
      const why = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-'";
      errors.push(invalidField(`${path}.name`, name, why));
    } else if (name !== '' && names.has(name)) {
      errors.push({ type: 'Duplicate', field: `${path}.name`, badValue: name, detail: '' });
    }
    names.add(name);
    if (!isPort(port.port)) {
      errors.push(invalidField(`${path}.port`, port.port, 'must be between 1 and 65535, inclusive'));
    }
    if (!(protocols as readonly string[]).includes(protocol)) {
      errors.push(notSupportedField(`${path}.protocol`, protocol, protocols));
    }
    if (typeof targetPort === 'number' && !isPort(targetPort)) {
      errors.push(invalidField(`${path}.targetPort`, targetPort, 'must be between 1 and 65535, inclusive'));
    }
    if (port.nodePort && !hasNodePorts(service)) {
      errors.push(forbiddenField(`${path}.nodePort`, `may not be used when \`type\` is '${type}'`));
    }
    const key = `${port.port}/${protocol}`;
    if (numbers.has(key)) {
      errors.push({ type: 'Duplicate', field: path, badValue: { port: port.port, protocol }, detail: '' });
    }
    numbers.add(key);
  }
  return errors;
}

function isPort(value: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= maxPort;
}
