/** Reads what a Running status tells, from libvirt and from what the agent set up itself. */
import type { InterfaceStatus, VirtualMachineInstance } from '../../vm/kinds/virtualmachineinstance/types.ts';
import type { BoundInterface } from '../../vm/bindings/types.ts';
import { formatBytes } from '../../apimachinery/quantity.ts';
import type { AgentContext } from '../context.ts';
import type { Machine } from './machine.ts';
import type { RunningFacts } from './status.ts';

/** After `serve`. undefined when libvirt stopped answering in between: the next look decides. */
export async function observeRunning(
  context: AgentContext,
  vmi: VirtualMachineInstance,
  machine: Machine,
): Promise<RunningFacts | undefined> {
  if (machine.link === undefined || machine.network === undefined) {
    return undefined;
  }
  const [domain, live] = await Promise.all([machine.observe(vmi), machine.describe(vmi)]);
  if (domain === undefined) {
    return undefined;
  }
  const targets = new Map(live.disks.map((disk) => [disk.alias, disk.target]));
  return {
    domain,
    interfaces: machine.network.interfaces.map(interfaceStatus),
    volumes: (vmi.spec.volumes ?? []).map((volume) => ({ name: volume.name, target: targets.get(volume.name) ?? '' })),
    machineType: live.machine,
    // The guest may have started when the host was different.
    emulationReason:
      live.type === 'kvm' ? undefined : (context.emulationReason ?? 'KVM was not to be used when the guest started'),
    guestMemory: formatBytes(live.memoryBytes),
  };
}

function interfaceStatus(nic: BoundInterface): InterfaceStatus {
  const addresses = nic.podAddresses.map((address) => address.replace(/\/\d+$/, ''));
  return {
    name: nic.name,
    mac: nic.macAddress,
    ...(addresses[0] === undefined ? {} : { ipAddress: addresses[0], ipAddresses: addresses }),
    podInterfaceName: nic.podInterface,
    infoSource: 'domain',
    queueCount: nic.queues,
    linkState: 'up',
  };
}
