import { isNotFound } from '../../../apimachinery/status.ts';
import { vmType } from '../../../vm/kinds/virtualmachine/resource.ts';
import { vmiType } from '../../../vm/kinds/virtualmachineinstance/resource.ts';
import type { Invocation } from '../../command.ts';
import { UsageError } from '../../options.ts';
import { printable } from '../../output/printable.ts';
import { type ApiSession, openSession } from '../../session.ts';
import { type Machine, type Service, serviceFor, serviceType } from './service.ts';

type Kind = 'vm' | 'vmi';

/** All the words that kubectl and virtctl take. */
const kinds: Readonly<Record<string, Kind>> = {
  vm: 'vm',
  vms: 'vm',
  virtualmachine: 'vm',
  virtualmachines: 'vm',
  vmi: 'vmi',
  vmis: 'vmi',
  virtualmachineinstance: 'vmi',
  virtualmachineinstances: 'vmi',
};

export async function run(invocation: Invocation): Promise<number> {
  const { io, options } = invocation;
  const { kind, name } = readMachine(invocation.arguments);
  const session = await openSession(invocation);
  const machine = await findMachine(session, kind, name);
  const dryRun = options['dryRun'] === true;
  const made = await session.client.create(serviceType, serviceFor(machine, options), { dryRun });
  switch (options['output']) {
    case 'json':
      io.out(`${JSON.stringify(made, undefined, 2)}\n`);
      return 0;
    case 'yaml': {
      const { stringify } = await import('yaml');
      io.out(stringify(made));
      return 0;
    }
    case 'name':
      io.out(`service/${made.metadata.name}\n`);
      return 0;
    default:
      io.out(
        printable(`service/${made.metadata.name} exposed${dryRun ? ' (dry run)' : ''}: ${describe(made)}\n`, '\n'),
      );
      return 0;
  }
}

function readMachine([first = '', second]: readonly (string | undefined)[]): {
  readonly kind: Kind | undefined;
  readonly name: string;
} {
  if (second === undefined) {
    return { kind: undefined, name: first };
  }
  const kind = Object.hasOwn(kinds, first.toLowerCase()) ? kinds[first.toLowerCase()] : undefined;
  if (kind === undefined) {
    throw new UsageError(`"${first}" cannot be exposed: only vm and vmi, followed by a name`);
  }
  return { kind, name: second };
}

/** Of a VirtualMachine the instance that it makes. Without a kind the VM counts first, as it outlives its instances. */
async function findMachine({ client, namespace }: ApiSession, kind: Kind | undefined, name: string): Promise<Machine> {
  const key = { namespace, name };
  if (kind !== 'vmi') {
    try {
      const { metadata, spec } = await client.get(vmType, key);
      return { metadata, spec: spec.template.spec };
    } catch (error) {
      if (kind === 'vm' || !isNotFound(error)) {
        throw error;
      }
    }
  }
  return client.get(vmiType, key);
}

/** `10.96.0.9:80/TCP -> 8080, on every node :30080`, for each port. */
function describe({ spec }: Service): string {
  const { clusterIP = '', ports } = spec;
  const at = clusterIP.includes(':') ? `[${clusterIP}]` : clusterIP;
  return ports
    .map(({ port, protocol = 'TCP', targetPort = port, nodePort }) => {
      const from = clusterIP === 'None' ? `headless, port ${port}/${protocol}` : `${at}:${port}/${protocol}`;
      const onNodes = nodePort === undefined ? '' : `, on every node :${nodePort}`;
      return `${from} -> port ${targetPort} of the guest${onNodes}`;
    })
    .join('; ');
}
