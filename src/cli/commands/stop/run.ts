import type { Invocation } from '../../command.ts';
import { UsageError, graceSeconds } from '../../options.ts';
import { openSession } from '../../session.ts';
import { putSubresource } from '../../subresource.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { options } = invocation;
  if (options['force'] === true && options['gracePeriod'] !== undefined) {
    throw new UsageError('--force leaves the guest no time: do not give --grace-period with it');
  }
  const gracePeriod = options['force'] === true ? 0 : graceSeconds(options['gracePeriod']);
  const session = await openSession(invocation);
  return putSubresource(session, invocation, {
    resource: 'virtualmachines',
    subresource: 'stop',
    body: gracePeriod === undefined ? {} : { gracePeriod },
    done: 'stop requested',
  });
}
