import { assert } from '../base/assert.ts';
import type { Invocation } from './command.ts';
import type { ApiSession } from './session.ts';

const group = '/apis/subresources.kubevirt.io/v1';

export function subresourcePath(session: ApiSession, resource: string, name: string, subresource: string): string {
  const parts = [session.namespace, name].map(encodeURIComponent);
  return `${group}/namespaces/${parts[0]}/${resource}/${parts[1]}/${subresource}`;
}

/** Of a resource that is about no stored object: `explain-vm`. */
export function namespaceResourcePath(namespace: string, resource: string): string {
  return `${group}/namespaces/${encodeURIComponent(namespace)}/${resource}`;
}

/** PUTs one subresource of the object named by the first argument and says so. */
export async function putSubresource(
  session: ApiSession,
  invocation: Invocation,
  request: {
    readonly resource: 'virtualmachines' | 'virtualmachineinstances';
    readonly subresource: string;
    readonly body: object;
    readonly done: string;
  },
): Promise<number> {
  const name = invocation.arguments[0];
  assert(name !== undefined, 'the command line parser requires a name');
  const dryRun = invocation.options['dryRun'] === true;
  const body = dryRun ? { ...request.body, dryRun: ['All'] } : request.body;
  await session.request('PUT', subresourcePath(session, request.resource, name, request.subresource), body);
  const kind = request.resource.slice(0, -1);
  invocation.io.out(`${kind}.kubevirt.io/${name} ${request.done}${dryRun ? ' (dry run)' : ''}\n`);
  return 0;
}
