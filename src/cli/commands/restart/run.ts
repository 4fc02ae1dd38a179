import type { Invocation } from '../../command.ts';
import { graceSeconds } from '../../options.ts';
import { openSession } from '../../session.ts';
import { putSubresource } from '../../subresource.ts';

export async function run(invocation: Invocation): Promise<number> {
  const gracePeriodSeconds = graceSeconds(invocation.options['gracePeriod']);
  const session = await openSession(invocation);
  return putSubresource(session, invocation, {
    resource: 'virtualmachines',
    subresource: 'restart',
    body: gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds },
    done: 'restart requested',
  });
}
