/** The Node object of a standalone host: what a kubelet would report. Pure. */
import { stampCondition } from '../../apimachinery/conditions.ts';
import type { Condition } from '../../apimachinery/object.ts';
import type { Node } from '../../apimachinery/core.ts';

export interface HostFacts {
  readonly hostname: string;
  /** Go's name: `amd64`, `arm64`. */
  readonly architecture: string;
  readonly kernelVersion: string;
  readonly osImage: string;
  readonly bootId: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly addresses: readonly string[];
  readonly vmletVersion: string;
  /** Devices that launcher Pods may ask for, and how many at once: `devices.kubevirt.io/tun` -> 1000. */
  readonly devices: Readonly<Record<string, number>>;
  /** Labels and conditions that parts above add: KVM's verdict, for one. */
  readonly labels: Readonly<Record<string, string>>;
  readonly conditions: readonly Condition[];
}

/** Memory kept back for the host itself. */
const reservedMemoryBytes = 256 * 1024 * 1024;
const podsMax = 250;

export function nodeLabels(facts: HostFacts): Record<string, string> {
  return {
    'kubernetes.io/hostname': facts.hostname,
    'kubernetes.io/arch': facts.architecture,
    'kubernetes.io/os': 'linux',
    'node-role.kubernetes.io/control-plane': '',
    ...facts.labels,
  };
}

export function nodeStatus(facts: HostFacts, now: string, previous: Node['status']): NonNullable<Node['status']> {
  const devices = Object.fromEntries(Object.entries(facts.devices).map(([name, count]) => [name, String(count)]));
  const quantities = (memoryBytes: number): Record<string, string> => ({
    cpu: String(facts.cpus),
    memory: `${Math.max(0, Math.floor(memoryBytes / 1024))}Ki`,
    pods: String(podsMax),
    ...devices,
  });
  return {
    capacity: quantities(facts.memoryBytes),
    allocatable: quantities(facts.memoryBytes - reservedMemoryBytes),
    addresses: [
      ...facts.addresses.map((address) => ({ type: 'InternalIP', address })),
      { type: 'Hostname', address: facts.hostname },
    ],
    nodeInfo: {
      architecture: facts.architecture,
      operatingSystem: 'linux',
      kernelVersion: facts.kernelVersion,
      osImage: facts.osImage,
      bootID: facts.bootId,
      kubeletVersion: `vmlet-${facts.vmletVersion}`,
      containerRuntimeVersion: 'runc://vmlet',
    },
    conditions: [
      { type: 'Ready', status: 'True' as const, reason: 'VmletReady', message: 'vmlet runs Pods on this host' },
      ...facts.conditions,
    ].map((condition) => stampCondition(condition, previous?.conditions, now)),
  };
}
