/** Installs CustomResourceDefinitions through any KubeClient: at start of the embedded server, or on a cluster. */
import { isAlreadyExists, isConflict, isNotFound } from '../../../apimachinery/status.ts';
import { pollUntil } from '../../../base/deadline.ts';
import type { KubeClient } from '../../../client/client.ts';
import { isDeepStrictEqual } from 'node:util';
import { crdType } from './types.ts';
import type { CustomResourceDefinition } from './types.ts';

const establishTimeoutMs = 10_000;

/** Creates what is missing, updates what differs, and resolves when all are Established. */
export async function ensureCustomResourceDefinitions(
  client: KubeClient,
  definitions: readonly CustomResourceDefinition[],
): Promise<void> {
  await Promise.all(definitions.map((definition) => ensureOne(client, definition)));
}

async function ensureOne(client: KubeClient, wanted: CustomResourceDefinition): Promise<void> {
  const key = { name: wanted.metadata.name };
  await pollUntil(
    async () => {
      try {
        const current = await client.get(crdType, key);
        if (needsUpdate(current, wanted)) {
          const { resourceVersion } = current.metadata;
          const metadata = {
            ...current.metadata,
            labels: { ...current.metadata.labels, ...wanted.metadata.labels },
            annotations: { ...current.metadata.annotations, ...wanted.metadata.annotations },
            ...(resourceVersion !== undefined && { resourceVersion }),
          };
          await client.update(crdType, { ...current, metadata, spec: wanted.spec });
          return undefined;
        }
        const conditions = current.status?.conditions ?? [];
        return conditions.some(({ type, status }) => type === 'Established' && status === 'True') || undefined;
      } catch (error) {
        if (isNotFound(error)) {
          await client.create(crdType, wanted).catch((failure: unknown) => {
            if (!isAlreadyExists(failure)) {
              throw failure;
            }
          });
        } else if (!isConflict(error)) {
          throw error;
        }
        return undefined;
      }
    },
    { timeoutMs: establishTimeoutMs, intervalMs: 1, doing: `definition ${wanted.metadata.name} to be Established` },
  );
}

/** Everything wanted is there; what the server filled in beside it does not count. */
function needsUpdate(current: CustomResourceDefinition, wanted: CustomResourceDefinition): boolean {
  const { names, versions, ...rest } = wanted.spec;
  const same =
    Object.entries(rest).every(([field, value]) =>
      isDeepStrictEqual(current.spec[field as keyof typeof current.spec], value),
    ) &&
    Object.entries(names).every(([field, value]) =>
      isDeepStrictEqual(current.spec.names[field as keyof typeof names], value),
    ) &&
    isDeepStrictEqual(current.spec.versions, JSON.parse(JSON.stringify(versions)));
  return !same;
}
