/** From the command line and a VM to the Service that leads to it. Pure. */
import type { KubeObject, ResourceType } from '../../../apimachinery/object.ts';
import { VmletError } from '../../../base/errors.ts';
import type { Interface, Port } from '../../../vm/kinds/virtualmachineinstance/device-types.ts';
import type { VirtualMachineInstance } from '../../../vm/kinds/virtualmachineinstance/types.ts';
import { podHostname } from '../../../vm/launcher/launcher-pod.ts';
import { vmNameLabel } from '../../../vm/launcher/names.ts';
import type { Invocation } from '../../command.ts';
import { UsageError } from '../../options.ts';

export interface ServicePort {
  name?: string;
  protocol?: string;
  port: number;
  targetPort?: number | string;
  nodePort?: number;
}

/** core/v1 Service, as far as it is written here. */
export interface Service extends KubeObject {
  spec: {
    type: string;
    selector: Record<string, string>;
    ports: ServicePort[];
    clusterIP?: string;
    externalIPs?: string[];
    loadBalancerIP?: string;
    ipFamilies?: string[];
    ipFamilyPolicy?: string;
  };
}

export const serviceType: ResourceType<Service> = {
  group: '',
  version: 'v1',
  resource: 'services',
  kind: 'Service',
  namespaced: true,
};

/** Of a VirtualMachine: the instance that it makes. */
export type Machine = Pick<VirtualMachineInstance, 'metadata' | 'spec'>;

const portNamePattern = /^(?=.*[a-z])[a-z0-9](?:[a-z0-9-]{0,13}[a-z0-9])?$/u;

/**
 * The label of the selector is on every launcher Pod and outlives restarts. Throws UsageError for a wrong option and
 * VmletError for a port that would not reach the guest.
 */
export function serviceFor(machine: Machine, options: Invocation['options']): Service {
  const { name, namespace } = machine.metadata;
  const option = (key: string): string | undefined => {
    const value = options[key];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const type = option('type') ?? 'ClusterIP';
  const [clusterIP, externalIP, loadBalancerIP] = [option('clusterIp'), option('externalIp'), option('loadBalancerIp')];
  const [ipFamily, ipFamilyPolicy] = [option('ipFamily'), option('ipFamilyPolicy')];
  if (clusterIP === 'None' && type !== 'ClusterIP') {
    throw new UsageError(`a headless Service (--cluster-ip None) has no ${type}: leave one of the two out`);
  }
  return {
    apiVersion: 'v1',
    kind: serviceType.kind,
    metadata: { name: option('name') ?? defaultName(name), ...(namespace === undefined ? {} : { namespace }) },
    spec: {
      type,
      selector: { [vmNameLabel]: podHostname(machine as VirtualMachineInstance) },
      ports: portsFor(machine, options, option),
      ...(clusterIP === undefined ? {} : { clusterIP }),
      ...(externalIP === undefined ? {} : { externalIPs: [externalIP] }),
      ...(loadBalancerIP === undefined ? {} : { loadBalancerIP }),
      ...(ipFamily === undefined ? {} : { ipFamilies: ipFamily.split(',') }),
      ...(ipFamilyPolicy === undefined ? {} : { ipFamilyPolicy }),
    },
  };
}

function defaultName(name: string): string {
  if (!/^[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?$/u.test(name)) {
    throw new UsageError(
      `a Service cannot be called ${JSON.stringify(name)} (a letter first, then letters, digits and "-"): give --name`,
    );
  }
  return name;
}

function portsFor(
  machine: Machine,
  options: Invocation['options'],
  option: (key: string) => string | undefined,
): ServicePort[] {
  const named = podInterface(machine)?.ports ?? [];
  const port = options['port'] === undefined ? undefined : portNumber('--port', option('port') ?? '');
  const nodePort = option('nodePort') === undefined ? undefined : portNumber('--node-port', option('nodePort') ?? '');
  if (nodePort !== undefined && option('type') === 'ClusterIP') {
    throw new UsageError('--node-port needs --type NodePort or LoadBalancer');
  }
  if (port === undefined) {
    const only = ['targetPort', 'portName', 'nodePort'].find((key) => options[key] !== undefined);
    if (only !== undefined) {
      throw new UsageError(`--${only.replace(/[A-Z]/u, (letter) => `-${letter.toLowerCase()}`)} needs --port`);
    }
    if (named.length === 0) {
      throw new UsageError(`${machine.metadata.name} names no ports for its pod network: give --port`);
    }
    return named.map((entry, index) => ({
      name: entry.name === undefined || entry.name === '' ? `port-${index + 1}` : entry.name,
      protocol: entry.protocol ?? 'TCP',
      port: entry.port,
    }));
  }
  const target = option('targetPort');
  const targetPort =
    target === undefined ? undefined : /^\d+$/u.test(target) ? portNumber('--target-port', target) : target;
  if (typeof targetPort === 'string' && !portNamePattern.test(targetPort)) {
    throw new UsageError(
      `--target-port takes a port from 1 to 65535 or the name of one, not ${JSON.stringify(target)}`,
    );
  }
  const protocol = option('protocol') ?? 'TCP';
  const portName = option('portName');
  requireReached(machine, named, { target: targetPort ?? port, protocol });
  return [
    {
      ...(portName === undefined ? {} : { name: portName }),
      protocol,
      port,
      ...(targetPort === undefined ? {} : { targetPort }),
      ...(nodePort === undefined ? {} : { nodePort }),
    },
  ];
}

/** A guest gets nothing on a port that its interface does not let in, and a name that nobody gave leads nowhere. */
function requireReached(
  machine: Machine,
  named: readonly Port[],
  wanted: { readonly target: number | string; readonly protocol: string },
): void {
  const { target, protocol } = wanted;
  const fits = (entry: Port): boolean =>
    (entry.protocol ?? 'TCP') === protocol && (typeof target === 'number' ? entry.port : entry.name) === target;
  const isFiltered = named.length > 0 && podInterface(machine)?.masquerade !== undefined;
  if ((typeof target === 'number' && !isFiltered) || named.some(fits)) {
    return;
  }
  const known = named.map(
    ({ name = '', port, protocol: of = 'TCP' }) => `${name === '' ? '' : `${name}=`}${port}/${of}`,
  );
  throw new VmletError(
    'PortNotLetIn',
    `${protocol} port ${target} would not reach ${machine.metadata.name}: its interface names ` +
      `${known.join(', ') || 'no ports'}; add it to spec.domain.devices.interfaces[].ports`,
  );
}

function podInterface({ spec }: Machine): Interface | undefined {
  const network = spec.networks?.find(({ pod }) => pod !== undefined)?.name;
  return spec.domain.devices.interfaces?.find(({ name }) => name === network);
}

function portNumber(flag: string, text: string): number {
  const number = Number(text);
  if (!/^\d{1,5}$/u.test(text) || number < 1 || number > 65_535) {
    throw new UsageError(`${flag} takes a port from 1 to 65535, not ${JSON.stringify(text)}`);
  }
  return number;
}
