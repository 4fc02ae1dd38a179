/** What a VM's sandbox must look like, from its VMI and launcher Pod alone. What these do not decide is left out. Pure. */
import type { Pod } from '../../apimachinery/core.ts';
import { bridgeName, podInterfaceName, tapName } from '../bindings/names.ts';
import type { VirtualMachineInstance } from '../kinds/virtualmachineinstance/types.ts';
import { sandboxLimits, type SandboxLimits } from '../machine/sandbox-limits.ts';

export interface Expected extends SandboxLimits {
  readonly uid: number | undefined;
  /** Link by name: the words that its line must hold. */
  readonly links: Readonly<Record<string, readonly string[]>>;
  readonly sysctls: Readonly<Record<string, string>>;
  /** Names of the VMI's disks. */
  readonly disks: readonly string[];
}

export function expectMachine(vmi: VirtualMachineInstance, pod: Pod): Expected {
  const compute = pod.spec.containers.find(({ name }) => name === 'compute') ?? pod.spec.containers[0];
  return {
    uid: compute?.securityContext?.runAsUser ?? pod.spec.securityContext?.runAsUser,
    ...sandboxLimits(pod),
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
