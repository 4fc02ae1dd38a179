import type { Invocation } from '../../command.ts';
import { openSession } from '../../session.ts';
import { putSubresource } from '../../subresource.ts';

export async function run(invocation: Invocation): Promise<number> {
  return putSubresource(await openSession(invocation), invocation, {
    resource: 'virtualmachineinstances',
    subresource: 'unpause',
    body: {},
    done: 'unpaused',
  });
}
