/** The limits and device grants of a VM's sandbox, as kubelet and the embedded runtime compute them from the Pod. Pure. */
import type { Pod } from '../../apimachinery/core.ts';
import { quantityBytes, quantityMilliCpu } from '../../apimachinery/quantity.ts';
import { sharesToWeight, sharesToWeightByCurve } from '../../linux/cgroup/weights.ts';

export interface SandboxLimits {
  readonly memoryMaxBytes: number | 'max';
  /** v1 shares; `cpuWeights` are the same for v2. */
  readonly cpuShares: number;
  /** Microseconds of CPU time in each period. */
  readonly cpuQuotaMicros: number | 'max';
  /** Device numbers asked for by the Pod: `c 10:200`. */
  readonly devices: readonly string[];
}

/** Microseconds; kubelet's default, and that of runc and the kernel. */
export const cpuPeriodMicros = 100_000;
const sharesPerCore = 1024;
const sharesMin = 2;
const sharesMax = 262_144;
const quotaMinMicros = 1000;

const deviceNumbers: Readonly<Record<string, string>> = {
  'devices.kubevirt.io/kvm': 'c 10:232',
  'devices.kubevirt.io/tun': 'c 10:200',
  'devices.kubevirt.io/vhost-net': 'c 10:238',
};

export function sandboxLimits(pod: Pod): SandboxLimits {
  const compute = pod.spec.containers.find(({ name }) => name === 'compute') ?? pod.spec.containers[0];
  const { requests = {}, limits = {} } = compute?.resources ?? {};
  const cpuRequest = requests['cpu'] ?? limits['cpu'];
  const cpuLimit = limits['cpu'];
  return {
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
  };
}

/**
 * The v2 weights that stand for v1 shares: runtimes before 2025 spread them evenly over the range, later ones (runc 1.3,
 * crun 1.23) so that 1024 shares are the default weight of 100. Both are right; the second is what we write.
 */
export function cpuWeights(shares: number): readonly number[] {
  return [sharesToWeight(shares), sharesToWeightByCurve(shares)];
}

/** What every OCI runtime allows a container; older ones give TUN to all. `<type> <major>:<minor>`. */
export const deviceNumbersOfEveryContainer: readonly string[] = [
  'c 1:3',
  'c 1:5',
  'c 1:7',
  'c 1:8',
  'c 1:9',
  'c 5:0',
  'c 5:1',
  'c 5:2',
  'c 136:*',
  'c 10:200',
];

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}
