/** Names of finalizers: those of others have a domain. Source: k8s.io/kubernetes/pkg/apis/core/validation. */
import type { FieldError } from '../../apimachinery/field-error.ts';
import { invalidField } from '../../apimachinery/field-error.ts';
import type { KubeObject } from '../../apimachinery/object.ts';
import { foregroundFinalizer, orphanFinalizer } from './delete-verb.ts';
import type { Registry } from './registry.ts';
import type { AdmissionPlugin } from './types.ts';

const standard: ReadonlySet<string> = new Set([foregroundFinalizer, orphanFinalizer, 'kubernetes']);

const isUnqualified = (name: string): boolean => !name.includes('/') && !standard.has(name);

/** Built-in kinds take only standard finalizers and those with a domain. */
export function finalizerErrors({ metadata }: KubeObject): FieldError[] {
  return (metadata.finalizers ?? []).flatMap((name, index) =>
    isUnqualified(name)
      ? [
          invalidField(
            `metadata.finalizers[${index}]`,
            name,
            'name is neither a standard finalizer name nor is it fully qualified',
          ),
        ]
      : [],
  );
}

/** Custom resources take any; whoever adds one without a domain is warned. */
export function createFinalizerWarnings(registry: Registry): AdmissionPlugin {
  return {
    name: 'FinalizerWarnings',
    matches: ({ group, resource }, operation) =>
      operation !== 'DELETE' && registry.findDefinition(group, resource)?.custom !== undefined,
    async admit({ object, oldObject }) {
      const before = oldObject?.metadata.finalizers ?? [];
      const added = (object?.metadata.finalizers ?? []).filter((name) => isUnqualified(name) && !before.includes(name));
      const advice =
        'prefer a domain-qualified finalizer name including a path (/) to avoid accidental conflicts with other finalizer writers';
      return { warnings: added.map((name) => `metadata.finalizers: ${JSON.stringify(name)}: ${advice}`) };
    },
  };
}
