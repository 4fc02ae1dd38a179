/** Query parameters and option bodies as values. Pure. Source: metav1.ListOptions, CreateOptions, DeleteOptions, ... */
import { parseFieldSelector, parseLabelSelector } from '../../apimachinery/selectors.ts';
import type { FieldRequirement, LabelRequirement } from '../../apimachinery/selectors.ts';
import type { FieldError } from '../../apimachinery/field-error.ts';
import { forbiddenField } from '../../apimachinery/field-error.ts';
import { badRequest, invalid } from '../../apimachinery/status.ts';
import type { StatusError } from '../../apimachinery/status.ts';
import { errorMessage } from '../../base/errors.ts';
import { isObject } from './json.ts';

export type FieldValidation = 'Strict' | 'Warn' | 'Ignore';

export interface WriteRequestOptions {
  readonly dryRun: boolean;
  readonly fieldManager: string | undefined;
  readonly fieldValidation: FieldValidation;
}

export interface ListRequestOptions {
  readonly labels: readonly LabelRequirement[];
  readonly fields: readonly FieldRequirement[];
  readonly limit: number | undefined;
  readonly continue: string | undefined;
  readonly resourceVersion: string | undefined;
  readonly resourceVersionMatch: string | undefined;
}

export interface WatchRequestOptions extends ListRequestOptions {
  readonly allowWatchBookmarks: boolean;
  readonly sendInitialEvents: boolean | undefined;
  readonly timeoutSeconds: number | undefined;
}

export interface DeleteRequestOptions {
  readonly dryRun: boolean;
  readonly gracePeriodSeconds: number | undefined;
  readonly propagationPolicy: 'Background' | 'Foreground' | 'Orphan' | undefined;
  readonly preconditions: { readonly uid?: string; readonly resourceVersion?: string };
}

export const noWriteOptions: WriteRequestOptions = {
  dryRun: false,
  fieldManager: undefined,
  fieldValidation: 'Ignore',
};
export const noListOptions: ListRequestOptions = {
  labels: [],
  fields: [],
  limit: undefined,
  continue: undefined,
  resourceVersion: undefined,
  resourceVersionMatch: undefined,
};
export const noDeleteOptions: DeleteRequestOptions = {
  dryRun: false,
  gracePeriodSeconds: undefined,
  propagationPolicy: undefined,
  preconditions: {},
};

export function parseWriteOptions(query: URLSearchParams): WriteRequestOptions {
  const fieldValidation = query.get('fieldValidation') || 'Warn';
  if (fieldValidation !== 'Strict' && fieldValidation !== 'Warn' && fieldValidation !== 'Ignore') {
    throw invalidOptions(
      'UpdateOptions',
      unsupported('fieldValidation', fieldValidation, ['Ignore', 'Warn', 'Strict']),
    );
  }
  return {
    dryRun: isDryRun(query.getAll('dryRun')),
    fieldManager: query.get('fieldManager') ?? undefined,
    fieldValidation,
  };
}

/** Of an apply patch; undefined when not given. */
export function parseForce(query: URLSearchParams): boolean | undefined {
  const value = query.get('force');
  return value === null ? undefined : isTrue(value);
}

/** A list has no initial events. Throws Invalid. */
export function requireNoInitialEvents(query: URLSearchParams): void {
  if (query.has('sendInitialEvents')) {
    const detail = 'sendInitialEvents is forbidden for list';
    throw invalidOptions('ListOptions', forbiddenField('sendInitialEvents', detail));
  }
}

/** Options that a client gave and that do not go together, or do not exist: 422 Invalid, as kube-apiserver has it. */
export function invalidOptions(kind: string, error: FieldError): StatusError {
  return invalid({ group: 'meta.k8s.io', resource: kind.toLowerCase(), kind }, '', [error]);
}

function unsupported(field: string, badValue: unknown, supported: readonly string[]): FieldError {
  const detail = `supported values: ${supported.map((value) => JSON.stringify(value)).join(', ')}`;
  return { type: 'NotSupported', field, badValue, detail };
}

export function parseListOptions(query: URLSearchParams): ListRequestOptions {
  return {
    labels: parsed(query.get('labelSelector'), parseLabelSelector),
    fields: parsed(query.get('fieldSelector'), parseFieldSelector),
    limit: integer(query, 'limit') || undefined,
    continue: query.get('continue') || undefined,
    resourceVersion: query.get('resourceVersion') || undefined,
    resourceVersionMatch: query.get('resourceVersionMatch') || undefined,
  };
}

export function parseWatchOptions(query: URLSearchParams): WatchRequestOptions {
  const initial = query.get('sendInitialEvents');
  return {
    ...parseListOptions(query),
    allowWatchBookmarks: isTrue(query.get('allowWatchBookmarks')),
    sendInitialEvents: initial === null ? undefined : isTrue(initial),
    timeoutSeconds: integer(query, 'timeoutSeconds') || undefined,
  };
}

export function isWatch(query: URLSearchParams): boolean {
  return isTrue(query.get('watch'));
}

/** From the query and, where given, a DeleteOptions body, which wins. */
export function parseDeleteOptions(query: URLSearchParams, body: unknown): DeleteRequestOptions {
  const options = isObject(body) ? body : {};
  const grace = options['gracePeriodSeconds'] ?? integer(query, 'gracePeriodSeconds');
  if (grace !== undefined && grace !== null && !(Number.isSafeInteger(grace) && Number(grace) >= 0)) {
    throw badRequest('gracePeriodSeconds must be an integer of at least 0');
  }
  const asked = query.get('orphanDependents');
  const orphan = options['orphanDependents'] ?? (asked === null ? undefined : isTrue(asked));
  const named = options['propagationPolicy'] ?? (query.get('propagationPolicy') || null);
  const policy = named ?? (typeof orphan === 'boolean' ? (orphan ? 'Orphan' : 'Background') : undefined);
  if (
    policy !== undefined &&
    policy !== null &&
    policy !== 'Background' &&
    policy !== 'Foreground' &&
    policy !== 'Orphan'
  ) {
    throw invalidOptions(
      'DeleteOptions',
      unsupported('propagationPolicy', policy, ['Foreground', 'Background', 'Orphan']),
    );
  }
  if (typeof orphan === 'boolean' && named !== null) {
    const detail = 'orphanDependents and deletionPropagation cannot be both set';
    throw invalidOptions('DeleteOptions', { type: 'Invalid', field: 'propagationPolicy', badValue: policy, detail });
  }
  const preconditions = isObject(options['preconditions']) ? options['preconditions'] : {};
  const { uid, resourceVersion } = preconditions;
  const dryRun = options['dryRun'];
  return {
    dryRun: isDryRun([...query.getAll('dryRun'), ...(Array.isArray(dryRun) ? dryRun.map(String) : [])]),
    gracePeriodSeconds: typeof grace === 'number' ? grace : undefined,
    propagationPolicy: policy ?? undefined,
    preconditions: {
      ...(typeof uid === 'string' && { uid }),
      ...(typeof resourceVersion === 'string' && { resourceVersion }),
    },
  };
}

function parsed<T>(text: string | null, parse: (text: string) => T[]): T[] {
  try {
    return text === null ? [] : parse(text);
  } catch (error) {
    throw badRequest(errorMessage(error));
  }
}

function isDryRun(values: readonly string[]): boolean {
  for (const value of values) {
    if (value !== 'All' && value !== '') {
      throw invalidOptions('UpdateOptions', unsupported('dryRun', value, ['All']));
    }
  }
  return values.includes('All');
}

/** Whatever is given is true, but for 0 and false: Python's clients write `True`. As k8s.io/apimachinery's conversion. */
export function isTrue(value: string | null): boolean {
  return value !== null && value !== '0' && value.toLowerCase() !== 'false';
}

function integer(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null || text === '') {
    return undefined;
  }
  if (!/^\d{1,15}$/u.test(text)) {
    throw badRequest(`${name}: ${JSON.stringify(text)} is not a number`);
  }
  return Number(text);
}
