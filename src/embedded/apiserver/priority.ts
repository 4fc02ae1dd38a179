/** Priority classes, resolved into Pods as they come. Source: plugin/pkg/admission/priority of Kubernetes. */
import { cloneJson } from '../../apimachinery/clone-json.ts';
import type { KubeObject, ResourceType } from '../../apimachinery/object.ts';
import { forbidden, isAlreadyExists } from '../../apimachinery/status.ts';
import type { KubeClient } from '../../client/client.ts';
import type { Store } from '../store/store.ts';
import { parseStored } from './object-view.ts';
import { storagePrefix } from './resource.ts';
import type { AdmissionPlugin } from './types.ts';

export interface PriorityClass extends KubeObject {
  value: number;
  globalDefault?: boolean;
  description?: string;
  preemptionPolicy?: string;
}

type PodWithPriority = KubeObject & {
  spec: { priorityClassName?: string; priority?: number; preemptionPolicy?: string };
};

export const highestUserPriority = 1_000_000_000;
const prefix = storagePrefix('scheduling.k8s.io', 'priorityclasses');

const priorityClassType: ResourceType<PriorityClass> = {
  group: 'scheduling.k8s.io',
  version: 'v1',
  resource: 'priorityclasses',
  kind: 'PriorityClass',
  namespaced: false,
};

const systemClasses = [
  [
    'system-cluster-critical',
    2 * highestUserPriority,
    'Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.',
  ],
  [
    'system-node-critical',
    2 * highestUserPriority + 1000,
    'Used for system critical pods that must not be moved from their current node.',
  ],
] as const;

export async function ensureSystemPriorities(client: KubeClient): Promise<void> {
  await Promise.all(
    systemClasses.map(async ([name, value, description]) => {
      const object = {
        apiVersion: 'scheduling.k8s.io/v1',
        kind: 'PriorityClass',
        metadata: { name },
        value,
        description,
      };
      try {
        await client.create(priorityClassType, object);
      } catch (error) {
        if (!isAlreadyExists(error)) {
          throw error;
        }
      }
    }),
  );
}

export function createPriorityAdmission(store: Store): AdmissionPlugin {
  return {
    name: 'priority',
    matches: (type, operation) =>
      type.group === '' && type.resource === 'pods' && type.subresource === undefined && operation === 'CREATE',
    async admit({ object, name }) {
      if (object === undefined) {
        return;
      }
      const given = object as PodWithPriority;
      const className = given.spec.priorityClassName ?? '';
      const found = className === '' ? findDefault(store) : readClass(store, className);
      if (className !== '' && found === undefined) {
        throw forbidden({ group: '', resource: 'pods' }, name, `no PriorityClass with name ${className} was found`);
      }
      const value = found?.value ?? 0;
      if (given.spec.priority !== undefined && given.spec.priority !== value) {
        const why = `the integer value of priority (${given.spec.priority}) must not be provided in pod spec; priority admission controller computed ${value} from the given PriorityClass name`;
        throw forbidden({ group: '', resource: 'pods' }, name, why);
      }
      const pod = cloneJson(given);
      Object.assign(pod.spec, {
        ...(found !== undefined && { priorityClassName: found.metadata.name }),
        priority: value,
        preemptionPolicy: found?.preemptionPolicy ?? given.spec.preemptionPolicy ?? 'PreemptLowerPriority',
      });
      return { object: pod };
    },
  };
}

function readClass(store: Store, name: string): PriorityClass | undefined {
  const entry = store.get(`${prefix}${name}`);
  return entry && (parseStored(entry.value) as PriorityClass);
}

/** Of several defaults the lowest counts. */
function findDefault(store: Store): PriorityClass | undefined {
  return store
    .range({ prefix })
    .entries.map(({ value }) => parseStored(value) as PriorityClass)
    .filter(({ globalDefault }) => globalDefault === true)
    .sort((left, right) => left.value - right.value)[0];
}
