/** create on a subresource that makes something happen: `pods/binding`. */
import type { KubeObject } from '../../apimachinery/object.ts';
import { unknownPath } from '../../apimachinery/status.ts';
import { bindPod } from './builtins/pod.ts';
import type { ApiContext, ObjectRequest } from './context.ts';
import { timestamp } from './metadata.ts';
import type { WriteRequestOptions } from './request-options.ts';
import { changeObject } from './update-verb.ts';

type Action = (object: KubeObject, body: unknown) => KubeObject;

const actions: Readonly<Record<string, Action>> = {
  binding: (object, body) => bindPod(object, body, timestamp()),
};

/** Gives the Status to answer. Throws NotFound for a subresource that the resource does not have. */
export async function createSubresource(
  context: ApiContext,
  request: ObjectRequest,
  target: { readonly name: string; readonly subresource: string; readonly body: unknown },
  options: WriteRequestOptions,
): Promise<object> {
  const { name, subresource, body } = target;
  const action = Object.hasOwn(actions, subresource) ? actions[subresource] : undefined;
  if (action === undefined || request.resolved.definition.strategy.subresources?.includes(subresource) !== true) {
    throw unknownPath();
  }
  await changeObject(context, request, name, { ...options, subresource }, (current) => action(current, body));
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 };
}
