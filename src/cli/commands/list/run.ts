import type { VirtualMachine } from '../../../vm/kinds/virtualmachine/types.ts';
import { vmType } from '../../../vm/kinds/virtualmachine/resource.ts';
import type { VirtualMachineInstance } from '../../../vm/kinds/virtualmachineinstance/types.ts';
import { vmiType } from '../../../vm/kinds/virtualmachineinstance/resource.ts';
import type { Invocation } from '../../command.ts';
import { printObjects } from '../../output/print-objects.ts';
import { formatAge } from '../../output/table.ts';
import { openSession } from '../../session.ts';

type Machine = VirtualMachine | VirtualMachineInstance;

export async function run(invocation: Invocation): Promise<number> {
  const { io, options } = invocation;
  const session = await openSession(invocation);
  const everywhere = options['allNamespaces'] === true;
  const scope = everywhere ? {} : { namespace: session.namespace };
  const [machines, instances] = await Promise.all([
    session.client.list(vmType, scope),
    session.client.list(vmiType, scope),
  ]);
  const instanceOf = new Map(instances.items.map((vmi) => [`${vmi.metadata.namespace}/${vmi.metadata.name}`, vmi]));
  const owned = new Set(machines.items.map((vm) => `${vm.metadata.namespace}/${vm.metadata.name}`));
  const all: Machine[] = [
    ...machines.items,
    ...instances.items.filter((vmi) => !owned.has(`${vmi.metadata.namespace}/${vmi.metadata.name}`)),
  ].sort(byNamespaceAndName);
  const instance = (machine: Machine): VirtualMachineInstance | undefined =>
    instanceOf.get(`${machine.metadata.namespace}/${machine.metadata.name}`);
  const nowMs = Date.now();
  if (all.length === 0 && (options['output'] === undefined || options['output'] === 'wide')) {
    io.err(everywhere ? 'No VMs found.\n' : `No VMs found in namespace ${session.namespace}.\n`);
    return 0;
  }
  await printObjects(io, all, typeof options['output'] === 'string' ? options['output'] : undefined, {
    header: [...(everywhere ? ['NAMESPACE'] : []), 'NAME', 'KIND', 'STATUS', 'READY', 'IP', 'NODE', 'AGE'],
    row: (machine) => {
      const vmi = instance(machine);
      return [
        ...(everywhere ? [machine.metadata.namespace ?? ''] : []),
        machine.metadata.name,
        machine.kind === 'VirtualMachine' ? 'VM' : 'VMI',
        status(machine),
        condition(vmi, 'Ready') ?? 'False',
        vmi?.status?.interfaces?.[0]?.ipAddress ?? '',
        vmi?.status?.nodeName ?? '',
        formatAge(machine.metadata.creationTimestamp, nowMs),
      ];
    },
    wideHeader: ['IPS', 'PAUSED', 'ACCELERATION'],
    wideRow: (machine) => {
      const vmi = instance(machine);
      return [
        vmi?.status?.interfaces?.flatMap((nic) => nic.ipAddresses ?? []).join(',') ?? '',
        condition(vmi, 'Paused') ?? 'False',
        vmi === undefined ? '' : condition(vmi, 'SoftwareEmulation') === 'True' ? 'emulated' : 'kvm',
      ];
    },
  });
  return 0;
}

function byNamespaceAndName(one: Machine, other: Machine): number {
  const keys = [one, other].map(({ metadata }) => `${metadata.namespace ?? ''}/${metadata.name}`);
  return keys[0] === keys[1] ? 0 : (keys[0] ?? '') < (keys[1] ?? '') ? -1 : 1;
}

function status(machine: Machine): string {
  const state = machine.status;
  if (state === undefined) {
    return '';
  }
  return 'printableStatus' in state
    ? (state.printableStatus ?? '')
    : (('phase' in state ? state.phase : undefined) ?? '');
}

function condition(vmi: VirtualMachineInstance | undefined, type: string): string | undefined {
  return vmi?.status?.conditions?.find((candidate) => candidate.type === type)?.status;
}
