/** What happened to an object, in its two forms. Source: core/v1 and events.k8s.io/v1. */
import { integer, object, text, time } from './build.ts';
import { objectReference } from './common.ts';

const source = object('Who reports.', {
  component: text('The program.'),
  host: text('The node on which it runs.'),
});
const series = object('Set when the event goes on.', {
  count: integer('How often it happened.'),
  lastObservedTime: time('When it happened last.'),
});
const shared = {
  action: text('What was done or failed, about the object.'),
  eventTime: time('When it was first seen, with microseconds.'),
  reason: text('Why, in one word for programs.'),
  related: objectReference('A second object that has to do with it.'),
  reportingInstance: text('Which instance of the reporting program.'),
  series,
  type: text('Normal or Warning.'),
} as const;

export const eventSchema = object(
  'Something that happened to an object. Kept for a while, for people.',
  {
    ...shared,
    involvedObject: objectReference('What it is about.'),
    message: text('What happened, for a person.'),
    count: integer('How often it happened.'),
    firstTimestamp: time('When it happened first.'),
    lastTimestamp: time('When it happened last.'),
    reportingComponent: text('The program that reports.'),
    source,
  },
  ['involvedObject'],
);

export const newEventSchema = object('Something that happened to an object. Kept for a while, for people.', {
  ...shared,
  regarding: objectReference('What it is about.'),
  note: text('What happened, for a person.'),
  reportingController: text('The program that reports.'),
  deprecatedCount: integer('How often it happened.'),
  deprecatedFirstTimestamp: time('When it happened first.'),
  deprecatedLastTimestamp: time('When it happened last.'),
  deprecatedSource: source,
});
