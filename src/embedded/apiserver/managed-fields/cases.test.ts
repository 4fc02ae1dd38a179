/**
 * The cases in `cases/`: steps on one object, and what must be there after each. A step has
 *
 *   create | update | apply: <object>   by: <manager>   force, subresource
 *   conflicts: [text]                   the apply is refused with these causes, and nothing changes
 *   object: <fields>                    the object after it, without apiVersion, kind and metadata.name
 *   owners: {<manager> <operation>[/<subresource>]: [path]}
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import type { KubeObject } from '../../../apimachinery/object.ts';
import { StatusError } from '../../../apimachinery/status.ts';
import type { JsonSchema } from '../../schema/json-schema.ts';
import { compileStructuralSchema } from '../../schema/structural-schema.ts';
import { applyRequest } from './apply-request.ts';
import { pathsOf } from './field-set.ts';
import { pathText } from './fields-v1.ts';
import { parseManagedFields } from './managers.ts';
import { trackUpdate } from './track-update.ts';
import type { TrackedKind } from './tracked-kind.ts';

interface Step {
  readonly by: string;
  readonly create?: object;
  readonly update?: object;
  readonly apply?: object;
  readonly version?: string;
  readonly force?: boolean;
  readonly subresource?: string;
  readonly conflicts?: readonly string[];
  readonly object?: object;
  readonly owners?: Readonly<Record<string, readonly string[]>>;
}

interface Case {
  readonly what: string;
  readonly spec: JsonSchema;
  /** spec of the version v2, where there is one. */
  readonly specV2?: JsonSchema;
  readonly hasStatus?: boolean;
  readonly steps: readonly Step[];
}

const directory = join(import.meta.dirname, 'cases');

function kindOf({ spec, specV2, hasStatus }: Case, version: string): TrackedKind {
  const status: JsonSchema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  const compile = (schema: JsonSchema) =>
    compileStructuralSchema({ type: 'object', properties: { spec: schema, status } }).root;
  const types = new Map([['example.com/v1', compile(spec)]]);
  if (specV2 !== undefined) {
    types.set('example.com/v2', compile(specV2));
  }
  return {
    apiVersion: `example.com/${version}`,
    typeOf: (apiVersion) => ({ known: types.has(apiVersion), type: types.get(apiVersion) }),
    hasStatus: hasStatus ?? false,
    emptyObject: {},
  };
}

function whole(fields: object, version: string): KubeObject {
  const { metadata, ...rest } = fields as { metadata?: object };
  return structuredClone<KubeObject>({
    apiVersion: `example.com/${version}`,
    kind: 'Thing',
    metadata: { name: 'thing', ...metadata },
    ...rest,
  });
}

function take(item: Case, live: KubeObject | undefined, step: Step, index: number): KubeObject {
  const version = step.version ?? 'v1';
  const kind = kindOf(item, version);
  const now = `2024-01-01T00:00:${String(index).padStart(2, '0')}Z`;
  const writer = { manager: step.by, subresource: step.subresource ?? '', now };
  const current = live && { ...live, apiVersion: kind.apiVersion };
  if (step.apply !== undefined) {
    return applyRequest(kind, current, whole(step.apply, version), { ...writer, force: step.force ?? false });
  }
  const next = whole(step.create ?? step.update ?? {}, version);
  if (current !== undefined && next.metadata.managedFields === undefined) {
    next.metadata.managedFields = current.metadata.managedFields ?? [];
  }
  trackUpdate(kind, current, next, writer);
  return next;
}

function ownersOf(object: KubeObject): Record<string, string[]> {
  const owners: Record<string, string[]> = {};
  for (const { manager, operation, subresource, fields } of parseManagedFields(
    object.metadata.managedFields,
  ).values()) {
    owners[`${manager} ${operation}${subresource === '' ? '' : `/${subresource}`}`] = [...pathsOf(fields)].map(
      pathText,
    );
  }
  return owners;
}

function shown(object: KubeObject): object {
  const { apiVersion: _, kind: __, metadata, ...rest } = structuredClone(object);
  const { name: ___, managedFields: ____, ...more } = metadata;
  return { ...rest, ...(Object.keys(more).length > 0 && { metadata: more }) };
}

describe('managed fields', () => {
  for (const name of readdirSync(directory).sort()) {
    const item = parse(readFileSync(join(directory, name), 'utf8')) as Case;
    test(item.what, () => {
      let live: KubeObject | undefined;
      for (const [index, step] of item.steps.entries()) {
        const place = `step ${index + 1}`;
        try {
          live = take(item, live, step, index);
          assert.equal(step.conflicts, undefined, `${place} was not refused`);
        } catch (error) {
          if (!(error instanceof StatusError) || step.conflicts === undefined) {
            throw error;
          }
          const causes = error.status.details?.causes ?? [];
          assert.deepEqual(
            causes.map(({ message, field }) => `${message}: ${field}`),
            step.conflicts,
            place,
          );
        }
        if (step.object !== undefined && live !== undefined) {
          assert.deepEqual(shown(live), step.object, place);
        }
        if (step.owners !== undefined && live !== undefined) {
          assert.deepEqual(ownersOf(live), step.owners, place);
        }
      }
    });
  }
});
