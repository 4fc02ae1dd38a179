/** What Events of the newer form must say. Source: k8s.io/kubernetes/pkg/apis/core/validation/events.go. */
import type { Event } from '../../../apimachinery/core.ts';
import type { FieldError } from '../../../apimachinery/field-error.ts';
import { invalidField, requiredField } from '../../../apimachinery/field-error.ts';
import type { KubeObject } from '../../../apimachinery/object.ts';
import { isQualifiedName } from '../../../apimachinery/selectors.ts';
import { invalid } from '../../../apimachinery/status.ts';
import type { AdmissionPlugin } from '../types.ts';

const textLengthMax = 128;
const noteLengthMax = 1024;

/** For an Event that tells its `eventTime`: who reports what, and on what. `event` has the field names of the core group. */
export function newerEventErrors(event: Event, served: KubeObject): FieldError[] {
  const controllerField = served.apiVersion === 'v1' ? 'reportingComponent' : 'reportingController';
  const controller = event.reportingComponent ?? '';
  const errors: FieldError[] = [];
  if (controller === '') {
    errors.push(requiredField(controllerField));
  } else if (!isQualifiedName(controller)) {
    errors.push(invalidField(controllerField, controller, 'name is not a qualified name'));
  }
  for (const field of ['reportingInstance', 'action', 'reason'] as const) {
    const text = (event as Partial<Record<typeof field, string>>)[field] ?? '';
    if (text === '') {
      errors.push(requiredField(field));
    } else if (text.length > textLengthMax) {
      errors.push(invalidField(field, '', `can have at most ${textLengthMax} characters`));
    }
  }
  if ((event.message ?? '').length > noteLengthMax) {
    errors.push(invalidField('message', '', `can have at most ${noteLengthMax} characters`));
  }
  return errors;
}

/** New Events of events.k8s.io tell their time, and nothing by the fields that it has from the core group. */
export const newEventAdmission: AdmissionPlugin = {
  name: 'NewEvents',
  matches: ({ group, resource }, operation) =>
    operation === 'CREATE' && group === 'events.k8s.io' && resource === 'events',
  async admit({ object, name }) {
    const event = (object ?? {}) as unknown as Readonly<Record<string, unknown>>;
    const errors: FieldError[] = [];
    if ((event['eventTime'] ?? '') === '') {
      errors.push(requiredField('eventTime'));
    }
    const { type = '' } = event as { type?: string };
    if (type !== 'Normal' && type !== 'Warning') {
      errors.push(invalidField('type', '', `has invalid value: ${type}`));
    }
    for (const [field, shown] of unset) {
      if (isSet(event[field])) {
        errors.push(invalidField(shown, '', 'needs to be unset'));
      }
    }
    if (errors.length > 0) {
      throw invalid({ group: 'events.k8s.io', resource: 'events', kind: 'Event' }, name, errors);
    }
  },
};

const unset: readonly (readonly [field: string, shown: string])[] = [
  ['deprecatedFirstTimestamp', 'firstTimestamp'],
  ['deprecatedLastTimestamp', 'lastTimestamp'],
  ['deprecatedCount', 'count'],
  ['deprecatedSource', 'source'],
];

function isSet(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) {
    return Object.values(value).some(isSet);
  }
  return value !== undefined && value !== null && value !== '' && value !== 0;
}
