import type { Invocation } from '../../command.ts';
import { openSession } from '../../session.ts';
import { putSubresource } from '../../subresource.ts';

export async function run(invocation: Invocation): Promise<number> {
  const session = await openSession(invocation);
  const { options } = invocation;
  return putSubresource(session, invocation, {
    resource: 'virtualmachines',
    subresource: 'start',
    body: options['paused'] === true ? { paused: true } : {},
    done: 'start requested',
  });
}
