import type { Interface as LibvirtInterface } from '../../../libvirt/xml/device-types.ts';
import type { VirtualMachineInstance } from '../../kinds/virtualmachineinstance/types.ts';
import { factFor } from './fact-lookup.ts';
import type { DomainFacts } from './facts.ts';
import { parsePciAddress } from './pci-address.ts';
import { virtioModel } from './virtio-model.ts';

/** In the VMI's order; an interface with state `absent` has no device. */
export function interfacesOf(vmi: VirtualMachineInstance, facts: DomainFacts): LibvirtInterface[] {
  return (vmi.spec.domain.devices.interfaces ?? [])
    .filter((nic) => nic.state !== 'absent')
    .map((nic) => {
      const fact = factFor(facts.interfaces, nic.name, 'interface');
      const isVirtio = (nic.model ?? 'virtio') === 'virtio';
      return {
        alias: nic.name,
        tap: fact.tap,
        mac: fact.mac,
        model: isVirtio ? virtioModel(vmi) : (nic.model ?? 'virtio'),
        mtu: fact.mtu,
        // Said either way: left open, libvirt tries vhost first and logs what it misses.
        driver: isVirtio ? (facts.vhostNet === true ? 'vhost' : 'qemu') : undefined,
        queues: isVirtio && fact.queues > 1 ? fact.queues : undefined,
        linkDown: nic.state === 'down',
        bootOrder: nic.bootOrder,
        acpiIndex: nic.acpiIndex,
        address: parsePciAddress(nic.pciAddress),
      };
    });
}
