import { parseDomainXml } from '../../../libvirt/xml/parse-domain.ts';
import { domainMetadataPrefix } from '../../../vm/machine/domain/identity.ts';
import { existsInSandbox } from '../../machine/sandbox-files.ts';
import type { MachinePlace } from '../facet.ts';
import { emulatorPath } from './emulator.ts';
import type { DomainHostFacts, DomainObserved, DomainSpec } from './model.ts';

const notRunning: readonly string[] = ['absent', 'shutoff', 'crashed'];

export function readDomainFacts({ context, link }: MachinePlace): DomainHostFacts {
  // A Pod made before KVM became usable has no such device.
  const virtType = context.emulationReason === undefined && existsInSandbox(link.root, '/dev/kvm') ? 'kvm' : 'qemu';
  return {
    virtType,
    // libvirt gives vhost-net to KVM guests only.
    vhostNet: virtType === 'kvm' && existsInSandbox(link.root, '/dev/vhost-net'),
    emulatorPath: emulatorPath(),
  };
}

export async function observeDomain(
  { link: { connection }, signal }: MachinePlace,
  spec: DomainSpec,
): Promise<DomainObserved> {
  const domain = await connection.findDomainByName(spec.name, { signal });
  if (domain === undefined) {
    return { domain: { state: 'absent', reason: 'unknown' }, devices: undefined };
  }
  const state = await connection.domainState(domain, { signal });
  if (notRunning.includes(state.state)) {
    return { domain: state, devices: undefined };
  }
  const { disks, interfaces } = parseDomainXml(await connection.domainXml(domain, 0, { signal }), domainMetadataPrefix);
  return {
    domain: state,
    devices: { disks: disks.map(({ alias }) => alias), interfaces: interfaces.map(({ alias }) => alias) },
  };
}
