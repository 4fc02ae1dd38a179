import { podType, type Pod } from '../../../apimachinery/core.ts';
import { isStatusReason } from '../../../apimachinery/status.ts';
import { VmletError } from '../../../base/errors.ts';
import { expectMachine, type Expected } from '../../../vm/inspection/expected.ts';
import { formatInspection } from '../../../vm/inspection/format.ts';
import type { Inspection } from '../../../vm/inspection/inspection.ts';
import { findDrift, layOut } from '../../../vm/inspection/page.ts';
import { vmiType } from '../../../vm/kinds/virtualmachineinstance/resource.ts';
import { createdByLabel } from '../../../vm/launcher/names.ts';
import type { Invocation } from '../../command.ts';
import { openSession, type ApiSession } from '../../session.ts';
import { readSubject } from '../../subject.ts';
import { subresourcePath } from '../../subresource.ts';
import { clearScreen, watchOrOnce } from './watch.ts';

interface Look {
  readonly inspection: Inspection;
  readonly expected: Expected | undefined;
}

export async function run(invocation: Invocation): Promise<number> {
  const { subject, name } = readSubject(invocation.arguments, ['vm', 'net']);
  const session = await openSession(invocation);
  if (subject === 'net') {
    const { inspectNetwork } = await import('./network.ts');
    return inspectNetwork(invocation, session, name);
  }
  const print = await printer(invocation);
  const deep = invocation.options['deep'] === true;
  await watchOrOnce(invocation, async () => print(await look(session, name, { deep })));
  return 0;
}

async function printer({ io, options }: Invocation): Promise<(look: Look) => string> {
  const watches = options['watch'] === true;
  switch (options['output']) {
    case 'json':
      return (seen) => `${JSON.stringify(document(seen), undefined, watches ? undefined : 2)}\n`;
    case 'yaml': {
      const { stringify } = await import('yaml');
      return (seen) => `${watches ? '---\n' : ''}${stringify(document(seen))}`;
    }
    default:
      return ({ inspection, expected }) =>
        `${watches && io.color ? clearScreen : ''}${formatInspection(inspection, { expected, color: io.color })}${watches ? '\n' : ''}`;
  }
}

function document({ inspection, expected }: Look): object {
  return { ...inspection, drift: findDrift(layOut(inspection, expected)) };
}

async function look(session: ApiSession, name: string, { deep }: { readonly deep: boolean }): Promise<Look> {
  const { namespace, client } = session;
  const path = subresourcePath(session, 'virtualmachineinstances', name, 'inspect');
  const [answer, vmi] = await Promise.all([
    session.request('GET', deep ? `${path}?deep=true` : path),
    client.get(vmiType, { namespace, name }),
  ]);
  if (!isInspection(answer)) {
    throw new VmletError('NoInspection', `the API server cannot inspect "${name}": is it vmlet, of this version?`);
  }
  const pod = await findPod(session, { vmiUid: vmi.metadata.uid ?? '', podUid: answer.pod.uid });
  return { inspection: answer, expected: pod === undefined ? undefined : expectMachine(vmi, pod) };
}

/** Pods may be hidden from who may see VMIs: then there is less to compare with. */
async function findPod(
  { client, namespace }: ApiSession,
  { vmiUid, podUid }: { readonly vmiUid: string; readonly podUid: string },
): Promise<Pod | undefined> {
  try {
    const pods = await client.list(podType, { namespace, labelSelector: `${createdByLabel}=${vmiUid}` });
    return pods.items.find(({ metadata }) => metadata.uid === podUid);
  } catch (error) {
    if (isStatusReason(error, 'Forbidden')) {
      return undefined;
    }
    throw error;
  }
}

function isInspection(value: unknown): value is Inspection {
  return (
    typeof value === 'object' &&
    value !== null &&
    ['vmi', 'pod', 'namespaces', 'processes', 'cgroup', 'network', 'leases', 'disks'].every((key) => key in value)
  );
}
