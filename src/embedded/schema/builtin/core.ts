import type { JsonSchema } from '../json-schema.ts';
import {
  conditions,
  flag,
  integer,
  list,
  object,
  open,
  openList,
  quantities,
  text,
  textList,
  textMap,
  time,
} from './dsl.ts';

const reference = (description: string): JsonSchema =>
  object(description, {
    apiVersion: text('API group and version.'),
    kind: text('Kind.'),
    namespace: text('Namespace.'),
    name: text('Name.'),
    uid: text('The uid.'),
    resourceVersion: text('The revision.'),
    fieldPath: text('A part of the object.'),
  });

export const namespaceSchema: JsonSchema = object('A space for names.', {
  spec: object('What the namespace is.', { finalizers: textList('While not empty, the namespace stays.') }),
  status: object('What is observed of it.', { phase: text('Active or Terminating.'), conditions }),
});

export const nodeSchema: JsonSchema = object('A machine that runs Pods.', {
  spec: object('What the node is to be.', {
    podCIDR: text('Addresses for Pods.'),
    podCIDRs: textList('Addresses for Pods, per family.'),
    providerID: text('The machine’s name at its provider.'),
    unschedulable: flag('Take no new Pods.'),
    taints: list(
      object(
        'Keeps away Pods that do not tolerate it.',
        {
          key: text('Key.'),
          value: text('Value.'),
          effect: text('NoSchedule, PreferNoSchedule or NoExecute.'),
          timeAdded: time('Since when.'),
        },
        ['key', 'effect'],
      ),
    ),
    configSource: open('Not used any more.'),
    externalID: text('Not used any more.'),
  }),
  status: object('What is observed of the node.', {
    capacity: quantities('What the machine has.'),
    allocatable: quantities('What Pods may use of it.'),
    conditions,
    addresses: list(
      object('An address of the node.', { type: text('Kind of address.'), address: text('The address.') }),
      'type',
    ),
    phase: text('Not used any more.'),
    nodeInfo: open('Kernel, operating system and versions.'),
    daemonEndpoints: open('Ports of the node’s agents.'),
    images: openList('Images that are on the node.'),
    volumesInUse: textList('Volumes in use.'),
    volumesAttached: openList('Volumes attached.'),
    config: open('State of the configuration.'),
    features: open('Features of the container runtime.'),
    runtimeHandlers: openList('Handlers of the container runtime.'),
  }),
});

export const secretSchema: JsonSchema = object('Data that is not to be seen by all.', {
  type: text('What the data is for.'),
  data: textMap('Base64 by key.'),
  stringData: textMap('Plain text by key; written into data, never read back.'),
  immutable: flag('The data can never change.'),
});

export const configMapSchema: JsonSchema = object('Data for Pods to use.', {
  data: textMap('Text by key.'),
  binaryData: textMap('Base64 by key.'),
  immutable: flag('The data can never change.'),
});

export const serviceAccountSchema: JsonSchema = object('An identity for Pods.', {
  secrets: openList('Secrets that Pods of the account may use.'),
  imagePullSecrets: openList('Secrets for pulling images.'),
  automountServiceAccountToken: flag('Give Pods a token.'),
});

const eventFields = {
  reason: text('What happened, for a program.'),
  type: text('Normal or Warning.'),
  action: text('What was done.'),
  eventTime: time('When it happened.'),
  reportingInstance: text('Which instance reports.'),
  series: open('How often it happened.'),
  related: reference('A second object that it is about.'),
};

export const eventSchema: JsonSchema = object(
  'Something that happened to an object.',
  {
    ...eventFields,
    involvedObject: reference('What it happened to.'),
    message: text('What happened, for a person.'),
    count: integer('How often.'),
    firstTimestamp: time('First time.'),
    lastTimestamp: time('Last time.'),
    source: object('Who reports.', { component: text('The program.'), host: text('The node.') }),
    reportingComponent: text('The program that reports.'),
  },
  ['involvedObject'],
);

export const newEventSchema: JsonSchema = object('Something that happened to an object.', {
  ...eventFields,
  regarding: reference('What it happened to.'),
  note: text('What happened, for a person.'),
  reportingController: text('The program that reports.'),
  deprecatedCount: integer('How often.'),
  deprecatedFirstTimestamp: time('First time.'),
  deprecatedLastTimestamp: time('Last time.'),
  deprecatedSource: open('Who reports.'),
});

export const leaseSchema: JsonSchema = object('Says who leads, and until when.', {
  spec: object('The lease.', {
    holderIdentity: text('Who holds it.'),
    leaseDurationSeconds: integer('How long it is good without renewal.'),
    leaseTransitions: integer('How often the holder changed.'),
    acquireTime: time('Since when.'),
    renewTime: time('Renewed when.'),
    preferredHolder: text('Who is to have it next.'),
    strategy: text('How the next holder is chosen.'),
  }),
});
