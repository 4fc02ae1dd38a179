/** What a VM's sandbox must look like, from its VMI and launcher Pod alone. What these do not decide is left out. Pure. */
import type { Pod } from '../../apimachinery/core.ts';
import { quantityBytes, quantityMilliCpu } from '../../apimachinery/quantity.ts';
import { bridgeName, podInterfaceName, tapName } from '../bindings/names.ts';
import type { VirtualMachineInstance } from '../kinds/virtualmachineinstance/types.ts';

export interface Expected {
  readonly uid: number | undefined;
  readonly memoryMaxBytes: number | 'max';
  /** v1 shares, as kubelet and vmlet compute them. */
  readonly cpuShares: number;
  /** Microseconds of CPU time in each period. */
  readonly cpuQuotaMicros: number | 'max';
  /** Device numbers asked for by the Pod: `c 10:200`. */
  readonly devices: readonly string[];
  /** Link by name: the words that its line must hold. */
  readonly links: Readonly<Record<string, readonly string[]>>;
  readonly sysctls: Readonly<Record<string, string>>;
  /** Names of the VMI's disks. */
  readonly disks: readonly string[];
}

/** Microseconds; of kubelet's default. */
const cpuPeriodMicros = 100_000;
const sharesPerCore = 1024;
const sharesMin = 2;
const sharesMax = 262_144;
const quotaMinMicros = 1000;

const deviceNumbers: Readonly<Record<string, string>> = {
  'devices.kubevirt.io/kvm': 'c 10:232',
  'devices.kubevirt.io/tun': 'c 10:200',
  'devices.kubevirt.io/vhost-net': 'c 10:238',
};

export function expectMachine(vmi: VirtualMachineInstance, pod: Pod): Expected {
  const compute = pod.spec.containers.find(({ name }) => name === 'compute') ?? pod.spec.containers[0];
  const { requests = {}, limits = {} } = compute?.resources ?? {};
  const cpuRequest = requests['cpu'] ?? limits['cpu'];
  const cpuLimit = limits['cpu'];
  return {
    uid: compute?.securityContext?.runAsUser ?? pod.spec.securityContext?.runAsUser,
    memoryMaxBytes: limits['memory'] === undefined ? 'max' : Number(quantityBytes(limits['memory'])),
    cpuShares:
      cpuRequest === undefined
        ? sharesMin
        : clamp(Math.floor((quantityMilliCpu(cpuRequest) * sharesPerCore) / 1000), sharesMin, sharesMax),
    cpuQuotaMicros:
      cpuLimit === undefined
        ? 'max'
        : Math.max(quotaMinMicros, Math.floor((quantityMilliCpu(cpuLimit) * cpuPeriodMicros) / 1000)),
    devices: Object.entries(deviceNumbers).flatMap(([name, number]) => (limits[name] === undefined ? [] : [number])),
    ...expectNetwork(vmi),
    disks: (vmi.spec.domain.devices.disks ?? []).map(({ name }) => name),
  };
}

function expectNetwork(vmi: VirtualMachineInstance): Pick<Expected, 'links' | 'sysctls'> {
  const links: Record<string, readonly string[]> = {};
  const sysctls: Record<string, string> = {};
  for (const card of vmi.spec.domain.devices.interfaces ?? []) {
    const network = (vmi.spec.networks ?? []).find(({ name }) => name === card.name);
    if (network?.pod === undefined || card.state === 'absent') {
      continue;
    }
    const nic = podInterfaceName({ name: network.name, isPrimary: true });
    const bridge = bridgeName(nic);
    if (card.masquerade !== undefined) {
      sysctls['net/ipv4/ip_forward'] = '1';
      sysctls[`net/ipv4/conf/${bridge}/route_localnet`] = '1';
    }
    if (card.masquerade !== undefined || card.bridge !== undefined) {
      links[bridge] = ['bridge', 'up'];
      links[tapName(nic)] = ['tun', 'up', `port of ${bridge}`];
    }
  }
  return { links, sysctls };
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}
