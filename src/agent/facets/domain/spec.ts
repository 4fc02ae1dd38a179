import { assert } from '../../../base/assert.ts';
import { formatDomainXml } from '../../../libvirt/xml/format-domain.ts';
import type { VirtualMachineInstance } from '../../../vm/kinds/virtualmachineinstance/types.ts';
import { compileDomain as compileLibvirtDomain } from '../../../vm/machine/domain/compile-domain.ts';
import { domainName } from '../../../vm/machine/domain/identity.ts';
import type { MachineSpec } from '../machine-spec.ts';
import type { DomainHostFacts, DomainSpec } from './model.ts';

/** The domain, with the network and the files that were compiled before it. Pure. */
export function compileDomain(
  vmi: VirtualMachineInstance,
  facts: DomainHostFacts,
  { network, files }: Partial<MachineSpec>,
): DomainSpec {
  assert(network !== undefined && files !== undefined, 'a domain needs its network and files');
  const domain = compileLibvirtDomain({
    vmi,
    facts: {
      ...facts,
      disks: files.disks,
      interfaces: network.interfaces.map((nic) => ({
        name: nic.name,
        tap: nic.tap,
        mac: nic.macAddress,
        mtu: nic.mtu,
        queues: nic.queues,
      })),
      ...(files.kernel === undefined ? {} : { kernel: files.kernel }),
      ...(files.efi === undefined ? {} : { efi: files.efi }),
      privateDir: files.privateDir,
    },
  });
  return {
    name: domainName(vmi),
    xml: formatDomainXml(domain),
    devices: {
      disks: domain.devices.disks.map(({ alias }) => alias),
      interfaces: domain.devices.interfaces.map(({ alias }) => alias),
    },
    startPaused: vmi.spec.startStrategy === 'Paused',
    mayStart: vmi.status?.phase !== 'Running',
  };
}
