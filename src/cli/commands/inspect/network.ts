import { setTimeout as sleep } from 'node:timers/promises';
import { VmletError } from '../../../base/errors.ts';
import { formatPath } from '../../../vm/inspection/packet-path/format.ts';
import { hasTrouble, judgePath } from '../../../vm/inspection/packet-path/judge.ts';
import type { PathObservation } from '../../../vm/inspection/packet-path/observation.ts';
import type { PathReport } from '../../../vm/inspection/packet-path/report.ts';
import type { Invocation } from '../../command.ts';
import type { ApiSession } from '../../session.ts';
import { subresourcePath } from '../../subresource.ts';
import { clearScreen, watchOrOnce } from './watch.ts';

/** Long enough that counters of a busy VM move, short enough to wait for. */
const betweenLooksMs = 300;

/** Ends with 1 when packets stop or get lost on their way; a watch ends by Ctrl-C, or when the VM is gone. */
export async function inspectNetwork(invocation: Invocation, session: ApiSession, name: string): Promise<number> {
  const { io } = invocation;
  const print = await printer(invocation);
  let before = await look(session, name);
  let trouble = false;
  await sleep(betweenLooksMs, undefined, { signal: io.signal });
  await watchOrOnce(invocation, async () => {
    const now = await look(session, name);
    const report = judgePath(now, before);
    before = now;
    trouble = hasTrouble(report);
    return print(report);
  });
  return trouble ? 1 : 0;
}

async function printer({ io, options }: Invocation): Promise<(report: PathReport) => string> {
  const watches = options['watch'] === true;
  switch (options['output']) {
    case 'json':
      return (report) => `${JSON.stringify(report, undefined, watches ? undefined : 2)}\n`;
    case 'yaml': {
      const { stringify } = await import('yaml');
      return (report) => `${watches ? '---\n' : ''}${stringify(report)}`;
    }
    default:
      return (report) =>
        `${watches && io.color ? clearScreen : ''}${formatPath(report, { color: io.color })}${watches ? '\n' : ''}`;
  }
}

async function look(session: ApiSession, name: string): Promise<PathObservation> {
  const path = subresourcePath(session, 'virtualmachineinstances', name, 'inspectnetwork');
  const answer = await session.request('GET', path);
  if (typeof answer !== 'object' || answer === null || !('paths' in answer) || !Array.isArray(answer.paths)) {
    throw new VmletError(
      'NoInspection',
      `the API server cannot inspect the network of "${name}": is it vmlet, of this version?`,
    );
  }
  return answer as PathObservation;
}
