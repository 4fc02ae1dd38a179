/** Keeps the EndpointSlices and Endpoints of every Service with a selector. Knows Pods only: what runs in them is theirs. */
import { podType, type Pod } from '../../apimachinery/core.ts';
import { isAlreadyExists, isNotFound } from '../../apimachinery/status.ts';
import type { Logger } from '../../base/logger.ts';
import type { KubeClient } from '../../client/client.ts';
import { startController, type Controller } from '../../client/controller.ts';
import { type Informer, startInformer } from '../../client/informer.ts';
import { formatKey, parseKey } from '../../client/object-key.ts';
import { decide, type EndpointAction } from './decide.ts';
import { desiredEndpoints, desiredSlices, isManaged, selects } from './endpoints.ts';
import {
  type Endpoints,
  type EndpointSlice,
  endpointSliceType,
  endpointsType,
  type Service,
  serviceNameLabel,
} from './kinds.ts';

export interface ServiceInformers {
  readonly services: Informer<Service>;
  readonly slices: Informer<EndpointSlice>;
}

/** Slices by the `namespace/name` of their Service. */
export const sliceIndexers = {
  service: ({ metadata }: EndpointSlice): string[] => {
    const name = metadata.labels?.[serviceNameLabel];
    return name === undefined ? [] : [formatKey({ namespace: metadata.namespace, name })];
  },
};

export function startEndpointController(
  options: ServiceInformers & { readonly client: KubeClient; readonly logger: Logger; readonly signal: AbortSignal },
): Controller {
  const { client, logger, services, signal, slices } = options;
  const byNamespace = { namespace: ({ metadata }: { metadata: { namespace?: string } }) => [metadata.namespace ?? ''] };
  const pods = startInformer<Pod>(client, podType, { signal, logger, indexers: byNamespace });
  const endpoints = startInformer<Endpoints>(client, endpointsType, { signal, logger });

  const reconcile = async (key: string): Promise<void> => {
    await Promise.all([services.ready, pods.ready, slices.ready, endpoints.ready]);
    const place = parseKey(key);
    const service = services.get(place);
    if (service !== undefined && !isManaged(service)) {
      return;
    }
    const observed = { slices: slices.byIndex('service', key), endpoints: endpoints.get(place) };
    if (service === undefined || service.metadata.deletionTimestamp !== undefined) {
      await carryOut(decide({ slices: [], endpoints: undefined }, observed));
      return;
    }
    const found = pods
      .byIndex('namespace', place.namespace ?? '')
      .filter(({ metadata }) => selects(service, metadata.labels));
    const desired = { slices: desiredSlices(service, found), endpoints: desiredEndpoints(service, found) };
    await carryOut(decide(desired, observed));
  };

  async function carryOut(actions: readonly EndpointAction[]): Promise<void> {
    for (const action of actions) {
      await perform(action);
      const { name, namespace } = action.object.metadata;
      logger.debug({ action: action.kind, namespace, name }, 'endpoints of a Service changed');
    }
  }

  /** What came first is not an error: the watch event that tells so is on its way, and we look again. */
  async function perform(action: EndpointAction): Promise<void> {
    const { object } = action;
    try {
      switch (action.kind) {
        case 'create-slice':
          await client.create(endpointSliceType, action.object);
          return;
        case 'update-slice':
          await client.update(endpointSliceType, action.object);
          return;
        case 'delete-slice':
          await client.delete(endpointSliceType, object.metadata, { preconditions: preconditions(object) });
          return;
        case 'create-endpoints':
          await client.create(endpointsType, action.object);
          return;
        case 'update-endpoints':
          await client.update(endpointsType, action.object);
          return;
        case 'delete-endpoints':
          await client.delete(endpointsType, object.metadata, { preconditions: preconditions(object) });
          return;
      }
    } catch (error) {
      if (!isNotFound(error) && !isAlreadyExists(error)) {
        throw error;
      }
    }
  }

  const controller = startController({ name: 'endpoints', reconcile, logger, signal });
  services.onChange(({ key }) => controller.enqueue(key));
  endpoints.onChange(({ key }) => controller.enqueue(key));
  slices.onChange(({ object, previous }) => {
    for (const slice of [object, previous]) {
      (slice === undefined ? [] : sliceIndexers.service(slice)).forEach((key) => controller.enqueue(key));
    }
  });
  pods.onChange(({ object, previous }) => {
    for (const pod of [object, previous]) {
      for (const service of services.byIndex('namespace', pod?.metadata.namespace ?? '')) {
        if (isManaged(service) && selects(service, pod?.metadata.labels)) {
          controller.enqueue(formatKey(service.metadata));
        }
      }
    }
  });
  return controller;
}

function preconditions({ metadata }: { readonly metadata: { readonly uid?: string } }): { readonly uid?: string } {
  return metadata.uid === undefined ? {} : { uid: metadata.uid };
}
