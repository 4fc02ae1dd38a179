/** Source: core/v1 PodStatus. */
import type { JsonSchema } from '../json-schema.ts';
import { flag, integer, keyed, list, long, object, open, quantities, text, time } from './build.ts';
import { conditions } from './common.ts';
import { resourceRequirements } from './pod-container.ts';

const state = (description: string): JsonSchema =>
  object(description, {
    running: object('It runs.', { startedAt: time('Since when.') }),
    terminated: object('It ended.', {
      containerID: text('Its id at the runtime.'),
      exitCode: integer('Exit code.'),
      finishedAt: time('When it ended.'),
      message: text('Why, for a person.'),
      reason: text('Why, in one word.'),
      signal: integer('The signal that ended it.'),
      startedAt: time('When it started.'),
    }),
    waiting: object('It does not run yet.', {
      message: text('Why, for a person.'),
      reason: text('Why, in one word.'),
    }),
  });

const containerStatus = object(
  'The state of one container.',
  {
    name: text('The container.'),
    allocatedResources: quantities('What the node set aside.'),
    allocatedResourcesStatus: list('The health of devices.', open('A device.')),
    containerID: text('Its id at the runtime.'),
    image: text('The image it runs.'),
    imageID: text('The exact image.'),
    lastState: state('How the former run ended.'),
    ready: flag('Is it ready to serve?'),
    resources: resourceRequirements,
    restartCount: integer('How often it was restarted.'),
    started: flag('Did it start?'),
    state: state('What it does now.'),
    stopSignal: text('The signal that ends it.'),
    user: open('As whom it runs.'),
    volumeMounts: keyed('How volumes are mounted.', 'mountPath', open('A mount.')),
  },
  ['name'],
);

const ips = (description: string): JsonSchema =>
  keyed(description, 'ip', object('An address.', { ip: text('The address.') }, ['ip']));

export const podStatus = object('What is known of the Pod.', {
  allocatedResources: quantities('What the node set aside.'),
  conditions: conditions('PodScheduled, Initialized, ContainersReady, Ready, ...', {
    lastProbeTime: time('When it was last looked at.'),
    observedGeneration: long('The spec that this is about.'),
  }),
  containerStatuses: list('The containers.', containerStatus),
  ephemeralContainerStatuses: list('The ephemeral containers.', containerStatus),
  extendedResourceClaimStatus: open('A claim made for extended resources.'),
  hostIP: text('Address of the node.'),
  hostIPs: ips('Addresses of the node.'),
  initContainerStatuses: list('The init containers.', containerStatus),
  message: text('Why it is so, for a person.'),
  nominatedNodeName: text('The node that is being cleared for the Pod.'),
  observedGeneration: long('The spec that this is about.'),
  phase: text('Pending, Running, Succeeded, Failed or Unknown.'),
  podIP: text('Address of the Pod.'),
  podIPs: ips('Addresses of the Pod.'),
  qosClass: text('Guaranteed, Burstable or BestEffort.'),
  reason: text('Why it is so, in one word.'),
  resize: text('State of a change of resources.'),
  resourceClaimStatuses: keyed('The claims.', 'name', open('A claim.')),
  resources: resourceRequirements,
  startTime: time('When the node took the Pod.'),
});
