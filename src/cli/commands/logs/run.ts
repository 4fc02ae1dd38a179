import { VmletError } from '../../../base/errors.ts';
import type { Invocation } from '../../command.ts';
import { logText } from '../../output/log-text.ts';
import { openSession } from '../../session.ts';
import { subresourcePath } from '../../subresource.ts';

export async function run(invocation: Invocation): Promise<number> {
  const session = await openSession(invocation);
  const name = invocation.arguments[0] ?? '';
  const inspection = await session.request('GET', subresourcePath(session, 'virtualmachineinstances', name, 'inspect'));
  const logs = logsOf(inspection);
  // A serial port gives bytes, which the API carries as one character each; most guests mean UTF-8 by them.
  const serial = logs.serial === undefined ? undefined : Buffer.from(logs.serial, 'latin1').toString('utf8');
  const text = invocation.options['qemu'] === true ? logs.qemu : serial;
  if (text === undefined) {
    throw new VmletError('NoLog', `the node has no such log for "${name}"`);
  }
  invocation.io.out(logText(text, { color: invocation.io.color }));
  return 0;
}

function logsOf(inspection: unknown): { serial?: string; qemu?: string } {
  if (typeof inspection === 'object' && inspection !== null && 'logs' in inspection) {
    return inspection.logs as { serial?: string; qemu?: string };
  }
  return {};
}
