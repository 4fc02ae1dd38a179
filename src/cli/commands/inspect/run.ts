import { setTimeout as sleep } from 'node:timers/promises';
import { podType, type Pod } from '../../../apimachinery/core.ts';
import { isNotFound, isStatusReason } from '../../../apimachinery/status.ts';
import { VmletError } from '../../../base/errors.ts';
import { expectMachine, type Expected } from '../../../vm/inspection/expected.ts';
import { formatInspection } from '../../../vm/inspection/format.ts';
import type { Inspection } from '../../../vm/inspection/inspection.ts';
import { findDrift, layOut } from '../../../vm/inspection/page.ts';
import { vmiType } from '../../../vm/kinds/virtualmachineinstance/resource.ts';
import { createdByLabel } from '../../../vm/launcher/names.ts';
import type { Invocation } from '../../command.ts';
import { errorText } from '../../output/error-text.ts';
import { openSession, type ApiSession } from '../../session.ts';
import { subresourcePath } from '../../subresource.ts';

const intervalMs = 1000;
/** ECMA-48: to the first line and column; erase from there to the end. */
const clearScreen = '\u001b[H\u001b[J';

interface Look {
  readonly inspection: Inspection;
  readonly expected: Expected | undefined;
}

/** Ends with 0 after one look. A watch ends by Ctrl-C, or when the VM is gone; what fails in between is told and tried again. */
export async function run(invocation: Invocation): Promise<number> {
  const { io, options } = invocation;
  const session = await openSession(invocation);
  const name = invocation.arguments[0] ?? '';
  const print = await printer(invocation);
  io.out(print(await look(session, name)));
  while (options['watch'] === true) {
    await sleep(intervalMs, undefined, { signal: io.signal });
    try {
      io.out(print(await look(session, name)));
    } catch (error) {
      if (isNotFound(error) || io.signal.aborted) {
        throw error;
      }
      io.err(`vmlet: ${errorText(error)}\n`);
    }
  }
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

async function look(session: ApiSession, name: string): Promise<Look> {
  const { namespace, client } = session;
  const [answer, vmi] = await Promise.all([
    session.request('GET', subresourcePath(session, 'virtualmachineinstances', name, 'inspect')),
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
