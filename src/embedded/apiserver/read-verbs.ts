/** get and list. */
import { matchesFields, matchesLabels } from '../../apimachinery/selectors.ts';
import type { KubeObject } from '../../apimachinery/object.ts';
import { forbiddenField } from '../../apimachinery/field-error.ts';
import { badRequest, expired, failure, notFound } from '../../apimachinery/status.ts';
import type { StatusError } from '../../apimachinery/status.ts';
import { isStoreError } from '../store/store.ts';
import type { ApiContext, ObjectRequest } from './context.ts';
import { limits } from './limits.ts';
import { parseStored, viewStored } from './object-view.ts';
import type { ObjectView } from './object-view.ts';
import { invalidOptions } from './request-options.ts';
import type { ListRequestOptions } from './request-options.ts';
import type { ResourceDefinition } from './resource.ts';
import { listStoragePrefix, objectStorageKey } from './resource.ts';

export interface ListResult {
  readonly revision: number;
  readonly continue: string | undefined;
  /** How many follow the page, about; undefined where nobody counts them. */
  readonly remaining?: number;
  readonly items: readonly ObjectView[];
}

export function getObject(context: ApiContext, request: ObjectRequest, name: string): ObjectView {
  const { definition } = request.resolved;
  const entry = context.store.get(objectStorageKey(definition, request.namespace, name));
  if (entry === undefined) {
    throw notFound(definition, name);
  }
  return viewStored(request.resolved, entry.value);
}

/** Throws BadRequest for a field that cannot be selected on. */
export function createMatcher(
  definition: ResourceDefinition,
  options: Pick<ListRequestOptions, 'labels' | 'fields'>,
): ((object: KubeObject) => boolean) | undefined {
  const { labels, fields } = options;
  for (const { field } of fields) {
    if (fieldReader(definition, field) === undefined) {
      throw badRequest(`field label not supported: ${field}`);
    }
  }
  if (labels.length === 0 && fields.length === 0) {
    return undefined;
  }
  return (object) =>
    matchesLabels(labels, object.metadata.labels) &&
    matchesFields(fields, (field) => {
      const value = fieldReader(definition, field)?.(object);
      return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
    });
}

function fieldReader(definition: ResourceDefinition, field: string): ((object: KubeObject) => unknown) | undefined {
  switch (field) {
    case 'metadata.name':
      return (object) => object.metadata.name;
    case 'metadata.namespace':
      return (object) => object.metadata.namespace;
    default: {
      const { fields } = definition.strategy;
      return fields !== undefined && Object.hasOwn(fields, field) ? fields[field] : undefined;
    }
  }
}

/** A `metadata.name=x` selector names the one object there is to look at. */
export function listObjects(context: ApiContext, request: ObjectRequest, options: ListRequestOptions): ListResult {
  const { definition } = request.resolved;
  const matches = createMatcher(definition, options);
  const prefix = listStoragePrefix(definition, request.namespace);
  const token = options.continue === undefined ? undefined : parseContinue(options.continue);
  const exact = exactRevision(context, options);
  const start = token === undefined ? exact : token.revision;
  const limit = Math.min(options.limit ?? limits.listItems, limits.listItems);
  const items: ObjectView[] = [];
  let after = token === undefined ? undefined : `${prefix}${token.after}`;
  let revision = start;
  for (;;) {
    const page = readPage(context, { prefix, after, revision, limit: limit - items.length });
    revision = page.revision;
    for (const entry of page.entries) {
      if (matches === undefined || matches(parseStored(entry.value))) {
        items.push(viewStored(request.resolved, entry.value));
      }
    }
    const last = page.entries.at(-1)?.key;
    if (!page.more || last === undefined) {
      return { revision: page.revision, continue: undefined, items };
    }
    after = last;
    if (items.length >= limit) {
      const seen = (token?.seen ?? 0) + items.length;
      const remaining = matches === undefined ? context.store.count(prefix) - seen : 0;
      const next = { revision: page.revision, after: last.slice(prefix.length), seen };
      return { revision: page.revision, continue: formatContinue(next), items, ...(remaining > 0 && { remaining }) };
    }
  }
}

function readPage(
  context: ApiContext,
  options: { prefix: string; after: string | undefined; revision: number | undefined; limit: number },
) {
  try {
    return context.store.range(options);
  } catch (error) {
    if (isStoreError(error, 'Compacted')) {
      throw expired(
        'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter.',
      );
    }
    if (isStoreError(error, 'FutureRevision')) {
      throw tooLargeResourceVersion(options.revision ?? 0, context.store.revision);
    }
    throw error;
  }
}

/** The revision to list at, where the client insists on one; checks the rules for resourceVersionMatch. */
function exactRevision(context: ApiContext, options: ListRequestOptions): number | undefined {
  const { resourceVersion, resourceVersionMatch } = options;
  const refuse = (detail: string): StatusError =>
    invalidOptions('ListOptions', forbiddenField('resourceVersionMatch', detail));
  if (resourceVersionMatch !== undefined) {
    if (resourceVersion === undefined) {
      throw refuse('resourceVersionMatch is forbidden unless resourceVersion is provided');
    }
    if (options.continue !== undefined) {
      throw refuse('resourceVersionMatch is forbidden when continue is provided');
    }
    if (resourceVersionMatch !== 'Exact' && resourceVersionMatch !== 'NotOlderThan') {
      throw invalidOptions('ListOptions', {
        type: 'NotSupported',
        field: 'resourceVersionMatch',
        badValue: resourceVersionMatch,
        detail: 'supported values: "Exact", "NotOlderThan"',
      });
    }
    if (resourceVersionMatch === 'Exact' && resourceVersion === '0') {
      throw refuse('resourceVersionMatch "exact" is forbidden for resourceVersion "0"');
    }
  }
  if (resourceVersion === undefined || resourceVersion === '0') {
    return undefined;
  }
  if (options.continue !== undefined) {
    throw badRequest('specifying resource version is not allowed when using continue');
  }
  // A page of a revision that is named is of that revision, also where the client says nothing of a match.
  if (resourceVersionMatch === 'Exact' || (resourceVersionMatch === undefined && options.limit !== undefined)) {
    return parseRevision(resourceVersion);
  }
  requireRevision(context, resourceVersion);
  return undefined;
}

/** Throws Timeout for a revision that is yet to come, BadRequest for what is none. */
export function requireRevision(context: ApiContext, resourceVersion: string): void {
  const revision = parseRevision(resourceVersion);
  if (revision > context.store.revision) {
    throw tooLargeResourceVersion(revision, context.store.revision);
  }
}

export function parseRevision(text: string): number {
  if (!/^\d{1,15}$/u.test(text)) {
    throw badRequest(`resourceVersion: Invalid value: ${JSON.stringify(text)}`);
  }
  return Number(text);
}

function tooLargeResourceVersion(wanted: number, current: number): StatusError {
  return failure(504, 'Timeout', `Timeout: Too large resource version: ${wanted}, current: ${current}`, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    retryAfterSeconds: 1,
  });
}

interface ListPosition {
  readonly revision: number;
  readonly after: string;
  /** Objects given so far. */
  readonly seen: number;
}

function formatContinue({ revision, after, seen }: ListPosition): string {
  const token = { v: 'meta.k8s.io/v1', rv: revision, start: after, seen };
  return Buffer.from(JSON.stringify(token)).toString('base64url');
}

function parseContinue(text: string): ListPosition {
  try {
    const token = JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as {
      rv?: unknown;
      start?: unknown;
      seen?: unknown;
    };
    if (
      Number.isSafeInteger(token.rv) &&
      Number(token.rv) >= 0 &&
      typeof token.start === 'string' &&
      /^[\u0021-\u007e]{1,700}$/u.test(token.start)
    ) {
      const seen = Number.isSafeInteger(token.seen) ? Number(token.seen) : 0;
      return { revision: Number(token.rv), after: token.start, seen };
    }
  } catch {
    // Falls through to the refusal below.
  }
  throw badRequest('continue key is not valid');
}
