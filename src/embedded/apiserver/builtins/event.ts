/** Events: one storage, served as core/v1 and as events.k8s.io/v1 with its other field names. */
import type { Event } from '../../../apimachinery/core.ts';
import { invalidField } from '../../../apimachinery/field-error.ts';
import type { KubeObject } from '../../../apimachinery/object.ts';
import { formatAge } from '../age.ts';
import type { ResourceDefinition, Strategy } from '../resource.ts';
import { storagePrefix } from '../resource.ts';
import { column, defineBuiltin } from './define.ts';
import type { BuiltinSchemas } from './define.ts';
import { newerEventErrors } from './event-rules.ts';

const renamed: readonly (readonly [stored: string, served: string])[] = [
  ['involvedObject', 'regarding'],
  ['message', 'note'],
  ['source', 'deprecatedSource'],
  ['firstTimestamp', 'deprecatedFirstTimestamp'],
  ['lastTimestamp', 'deprecatedLastTimestamp'],
  ['count', 'deprecatedCount'],
  ['reportingComponent', 'reportingController'],
];

const involvedFields = ['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'] as const;

const strategy: Strategy = {
  nameRule: 'path',
  validate(object) {
    const event = stored(object);
    const { involvedObject, metadata } = event;
    const about = involvedObject?.namespace ?? '';
    // What is in no namespace has its Events in `default`, and elsewhere by those who know no better.
    const errors =
      about === '' || about === metadata.namespace
        ? []
        : [invalidField('involvedObject.namespace', about, 'does not match event.namespace')];
    return (event.eventTime ?? '') === '' ? errors : [...errors, ...newerEventErrors(event, object)];
  },
  fields: {
    ...Object.fromEntries(
      involvedFields.flatMap((field) => {
        const read = (object: KubeObject): unknown => (object as Event).involvedObject?.[field];
        return [
          [`involvedObject.${field}`, read],
          [`regarding.${field}`, read],
        ];
      }),
    ),
    reason: (object) => (object as Event).reason,
    type: (object) => (object as Event).type,
    source: (object) => (object as Event).source?.component,
    reportingComponent: (object) => (object as Event).reportingComponent,
    reportingController: (object) => (object as Event).reportingComponent,
  },
};

const columns = [
  column<Event>('Last Seen', (event) => formatAge(lastSeen(stored(event)))),
  column<Event>('Type', (event) => event.type),
  column<Event>('Reason', (event) => event.reason),
  column<Event>('Object', (event) => involved(stored(event))),
  column<Event>('Subobject', (event) => stored(event).involvedObject?.fieldPath ?? '', { priority: 1 }),
  column<Event>('Source', (event) => source(stored(event)), { priority: 1 }),
  column<Event>('Message', (event) => (stored(event).message ?? '').trim()),
  column<Event>('First Seen', (event) => formatAge(firstSeen(stored(event))), { priority: 1 }),
  column<Event>('Count', (event) => String(stored(event).count ?? 1), { priority: 1 }),
  column<Event>('Name', (event) => event.metadata.name, { priority: 1 }),
];

export function eventDefinitions(schemas: BuiltinSchemas): ResourceDefinition[] {
  const common = { resource: 'events', kind: 'Event', namespaced: true, shortNames: ['ev'], strategy, columns };
  const prefix = storagePrefix('', 'events');
  return [
    defineBuiltin({ ...common, group: '' }, schemas),
    defineBuiltin(
      { ...common, group: 'events.k8s.io', storagePrefix: prefix, fromStorage: toNewEvent, toStorage: stored },
      schemas,
    ),
  ];
}

function toNewEvent(object: KubeObject): KubeObject {
  return { ...rename(object, renamed), apiVersion: 'events.k8s.io/v1' } as KubeObject;
}

function stored(object: KubeObject): Event {
  const back = renamed.map(([old, served]) => [served, old] as const);
  return { ...rename(object, back), apiVersion: 'v1' } as unknown as Event;
}

function rename(object: KubeObject, pairs: readonly (readonly [from: string, to: string])[]): Record<string, unknown> {
  const names = new Map(pairs);
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [names.get(name) ?? name, value]));
}

function lastSeen(event: Event): unknown {
  return event.lastTimestamp ?? event.eventTime ?? event.metadata.creationTimestamp;
}

function firstSeen(event: Event): unknown {
  return event.firstTimestamp ?? event.eventTime ?? event.metadata.creationTimestamp;
}

function involved(event: Event): string {
  const { kind, name } = event.involvedObject ?? {};
  return name === undefined ? (kind ?? '').toLowerCase() : `${(kind ?? '').toLowerCase()}/${name}`;
}

function source(event: Event): string {
  const component = event.source?.component ?? event.reportingComponent ?? '';
  const host = event.source?.host ?? event.reportingInstance;
  return host === undefined || host === '' ? component : `${component}, ${host}`;
}
