/** create on a subresource that makes something happen: `pods/binding`, `serviceaccounts/token`. */
import { formatTime } from '../../apimachinery/time.ts';
import type { KubeObject } from '../../apimachinery/object.ts';
import { unknownPath } from '../../apimachinery/status.ts';
import { bindPod } from './builtins/pod.ts';
import type { ApiContext, ObjectRequest } from './context.ts';
import { getObject } from './read-verbs.ts';
import type { WriteRequestOptions } from './request-options.ts';
import { changeObject } from './update-verb.ts';

type Action = (object: KubeObject, body: unknown) => KubeObject;

const actions: Readonly<Record<string, Action>> = {
  binding: (object, body) => bindPod(object, body, formatTime()),
};

/** Gives the Status or object to answer. Throws NotFound for a subresource that the resource does not have. */
export async function createSubresource(
  context: ApiContext,
  request: ObjectRequest,
  target: { readonly name: string; readonly subresource: string; readonly body: unknown },
  options: WriteRequestOptions,
): Promise<object> {
  const { name, subresource, body } = target;
  const { group, resource, strategy } = request.resolved.definition;
  const full = `${resource}/${subresource}`;
  const served = strategy.subresources?.includes(subresource) === true;
  const own = group === '' && Object.hasOwn(context.actions, full) ? context.actions[full] : undefined;
  if (own !== undefined && served) {
    const { object } = getObject(context, request, name);
    return own({ context, request, object, body, options });
  }
  const action = Object.hasOwn(actions, subresource) ? actions[subresource] : undefined;
  if (action === undefined || !served) {
    throw unknownPath();
  }
  await changeObject(context, request, name, { ...options, subresource }, (current) => action(current, body));
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 };
}
