/** What the network of a VM must be. Pure. */
import { UnsupportedError, VmletError } from '../../../base/errors.ts';
import { bindingOf } from '../../../vm/bindings/bindings.ts';
import { podInterfaceName } from '../../../vm/bindings/names.ts';
import type { DesiredSysctl } from '../../../vm/bindings/types.ts';
import type { Interface } from '../../../vm/kinds/virtualmachineinstance/device-types.ts';
import type { Network, VirtualMachineInstance } from '../../../vm/kinds/virtualmachineinstance/types.ts';
import type { NetworkFacts, NetworkSpec } from './model.ts';
import { compileTable } from './nat-table.ts';

/** MAX_TAP_QUEUES of the kernel (drivers/net/tun.c). */
const MAX_QUEUES = 256;
/** Written on every link made for a VM, before its uid. */
export const MARK = 'vmlet ';

/**
 * Throws UnsupportedError for a binding or network that is not known, VmletError `NetworkMissing`, and `LinkMissing`
 * when the facts lack a pod NIC.
 */
export function compileNetwork(vmi: VirtualMachineInstance, { podNics }: NetworkFacts): NetworkSpec {
  const vmiUid = vmi.metadata.uid ?? '';
  const outputs = boundInterfaces(vmi).map(({ iface, network, index, podInterface }) => {
    const podNic = podNics.find(({ name }) => name === podInterface);
    if (podNic === undefined) {
      throw new VmletError('LinkMissing', `the pod has no network interface ${podInterface}`);
    }
    const queues = queuesOf(vmi, iface);
    return bindingOf(iface).desired({ vmiUid, interface: iface, network, podNic, index, queues });
  });
  const table = outputs.find((output) => output.table !== undefined)?.table;
  return {
    mark: `${MARK}${vmiUid}`,
    podNics,
    links: outputs.flatMap(({ links }) => links),
    sysctls: withoutRepeats(outputs.flatMap(({ sysctls }) => sysctls)),
    table: table && compileTable(table),
    interfaces: outputs.map((output) => output.interface),
  };
}

/** Names of the pod's interfaces that the VM's are bound to, each once. */
export function podInterfacesOf(vmi: VirtualMachineInstance): readonly string[] {
  return [...new Set(boundInterfaces(vmi).map(({ podInterface }) => podInterface))];
}

function boundInterfaces(
  vmi: VirtualMachineInstance,
): readonly { iface: Interface; network: Network; index: number; podInterface: string }[] {
  const { networks = [], domain } = vmi.spec;
  return (domain.devices.interfaces ?? []).flatMap((iface, index) => {
    if (iface.state === 'absent') {
      return [];
    }
    const network = networks.find(({ name }) => name === iface.name);
    if (network === undefined) {
      throw new VmletError('NetworkMissing', `interface ${iface.name}: spec.networks has no network of that name`);
    }
    if (network.pod === undefined) {
      throw new UnsupportedError(`network ${network.name}: only the pod network is supported`);
    }
    return [{ iface, network, index, podInterface: podInterfaceName({ name: network.name, isPrimary: true }) }];
  });
}

/** A queue per virtual CPU when asked for; only virtio can use more than one. */
function queuesOf(vmi: VirtualMachineInstance, iface: Interface): number {
  const { cpu, devices } = vmi.spec.domain;
  if (devices.networkInterfaceMultiqueue !== true || (iface.model ?? 'virtio') !== 'virtio') {
    return 1;
  }
  return Math.min(Math.max((cpu?.sockets ?? 1) * (cpu?.cores ?? 1) * (cpu?.threads ?? 1), 1), MAX_QUEUES);
}

function withoutRepeats(sysctls: readonly DesiredSysctl[]): DesiredSysctl[] {
  return [...new Map(sysctls.map((sysctl) => [sysctl.key, sysctl])).values()];
}
