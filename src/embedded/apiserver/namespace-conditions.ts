/**
 * What keeps a namespace that is being deleted, as conditions. Pure. Source: NamespaceConditionType of the API reference;
 * reasons and texts as k8s.io/kubernetes/pkg/controller/namespace/deletion has them.
 */
import { stampCondition } from '../../apimachinery/conditions.ts';
import type { Condition } from '../../apimachinery/object.ts';

export interface NamespaceContent {
  /** What there is still, by kind. */
  readonly remaining: readonly { readonly resource: string; readonly group: string; readonly count: number }[];
  /** How many objects each finalizer holds. */
  readonly finalizers: ReadonlyMap<string, number>;
  /** Why content could not be deleted. */
  readonly failures: readonly string[];
}

const failuresShown = 5;
const messageLength = 1024;

/** The conditions for `content`; those that say the same as before keep their time. `now` is RFC 3339. */
export function namespaceConditions(
  content: NamespaceContent,
  before: readonly Condition[],
  now: string,
): readonly Condition[] {
  const { failures, finalizers, remaining } = content;
  const instances = remaining.map(
    ({ resource, group, count }) => `${resource}.${group} has ${count} resource instances`,
  );
  const held = [...finalizers].map(([name, count]) => `${name} in ${count} resource instances`);
  const condition = (
    type: string,
    isTrue: boolean,
    texts: readonly [reason: string, message: string, reasonTrue: string, messageTrue: string],
  ): Condition => {
    const [reason, message] = isTrue ? texts.slice(2) : texts;
    const stated = { reason: reason ?? '', message: (message ?? '').slice(0, messageLength) };
    return stampCondition({ type, status: isTrue ? 'True' : 'False', ...stated }, before, now);
  };
  return [
    // All kinds are in this process: neither their discovery nor their names can fail.
    condition('NamespaceDeletionDiscoveryFailure', false, [
      'ResourcesDiscovered',
      'All resources successfully discovered',
      '',
      '',
    ]),
    condition('NamespaceDeletionGroupVersionParsingFailure', false, [
      'ParsedGroupVersions',
      'All legacy kube types successfully parsed',
      '',
      '',
    ]),
    condition('NamespaceDeletionContentFailure', failures.length > 0, [
      'ContentDeleted',
      'All content successfully deleted, may be waiting on finalization',
      'ContentDeletionFailed',
      `Failed to delete all resource types, ${failures.length} remaining: ${failures.slice(0, failuresShown).join('; ')}`,
    ]),
    condition('NamespaceContentRemaining', remaining.length > 0, [
      'ContentRemoved',
      'All content successfully removed',
      'SomeResourcesRemain',
      `Some resources are remaining: ${instances.toSorted().join(', ')}`,
    ]),
    condition('NamespaceFinalizersRemaining', finalizers.size > 0, [
      'ContentHasNoFinalizers',
      'All content-preserving finalizers finished',
      'SomeFinalizersRemain',
      `Some content in the namespace has finalizers remaining: ${held.toSorted().join(', ')}`,
    ]),
  ];
}
