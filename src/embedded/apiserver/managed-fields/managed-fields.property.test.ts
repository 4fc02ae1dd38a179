/** Laws of field sets, comparisons and apply, on random values. */
import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { KubeObject } from '../../../apimachinery/object.ts';
import { DecodeError } from '../../../base/errors.ts';
import type { JsonSchema } from '../../schema/json-schema.ts';
import { compileStructuralSchema } from '../../schema/structural-schema.ts';
import { isObject } from '../json.ts';
import { applyRequest } from './apply-request.ts';
import { compareValues } from './compare.ts';
import {
  equalSets,
  fieldSetOf,
  intersectSets,
  isEmptySet,
  pathsOf,
  subtractSets,
  subtractTrees,
  unionSets,
} from './field-set.ts';
import type { FieldSet } from './field-set.ts';
import { formatFieldsV1, parseFieldsV1 } from './fields-v1.ts';
import { readManagedFields } from './managers.ts';
import { mergeValues } from './merge.ts';
import { toFieldSet } from './to-field-set.ts';
import { trackUpdate } from './track-update.ts';
import type { TrackedKind } from './tracked-kind.ts';
import { itemElement, memberType, shapeOf } from './typed-value.ts';
import type { ValueType } from './typed-value.ts';

const element = fc.constantFrom('f:a', 'f:b', 'f:c', 'k:{"n":"x"}', 'k:{"n":1,"p":"q"}', 'v:"s"', 'v:3', 'i:0');
const set = fc
  .array(fc.array(element, { minLength: 1, maxLength: 4 }), { maxLength: 8 })
  .map((paths) => fieldSetOf(...paths));

function same(left: FieldSet, right: FieldSet): void {
  assert.ok(
    equalSets(left, right),
    `${JSON.stringify(formatFieldsV1(left))} is not ${JSON.stringify(formatFieldsV1(right))}`,
  );
}

describe('field sets', () => {
  test('union, intersection and difference', () => {
    fc.assert(
      fc.property(set, set, set, (a, b, c) => {
        same(unionSets(a, b), unionSets(b, a));
        same(unionSets(unionSets(a, b), c), unionSets(a, unionSets(b, c)));
        same(intersectSets(a, b), intersectSets(b, a));
        same(unionSets(a, a), a);
        same(intersectSets(a, a), a);
        assert.ok(isEmptySet(subtractSets(a, a)));
        same(unionSets(subtractSets(a, b), intersectSets(a, b)), a);
        assert.ok(isEmptySet(intersectSets(subtractSets(a, b), b)));
        same(subtractSets(a, unionSets(b, c)), subtractSets(subtractSets(a, b), c));
        same(intersectSets(a, unionSets(b, c)), unionSets(intersectSets(a, b), intersectSets(a, c)));
        // Without what lies below: never more than without the paths alone.
        same(intersectSets(subtractTrees(a, b), subtractSets(a, b)), subtractTrees(a, b));
      }),
    );
  });

  test('the JSON form and back', () => {
    fc.assert(fc.property(set, (a) => same(parseFieldsV1(JSON.parse(JSON.stringify(formatFieldsV1(a)))), a)));
  });

  test('any JSON is a set or a DecodeError', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        try {
          parseFieldsV1(value);
        } catch (error) {
          assert.ok(error instanceof DecodeError);
        }
      }),
    );
  });
});

const text: JsonSchema = { type: 'string' };
const spec: JsonSchema = {
  type: 'object',
  properties: {
    a: { type: 'integer' },
    nested: { type: 'object', properties: { x: { type: 'integer' }, y: text } },
    labels: { type: 'object', additionalProperties: text },
    whole: { type: 'object', 'x-kubernetes-map-type': 'atomic', additionalProperties: text },
    list: { type: 'array', items: text },
    set: { type: 'array', items: text, 'x-kubernetes-list-type': 'set' },
    items: {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
      items: {
        type: 'object',
        properties: { name: text, v: { type: 'integer' }, tags: { type: 'object', additionalProperties: text } },
      },
    },
    free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
  },
};
const { root } = compileStructuralSchema({ type: 'object', properties: { spec } });
const kind: TrackedKind = {
  apiVersion: 'example.com/v1',
  typeOf: (apiVersion) => ({ known: apiVersion === 'example.com/v1', type: root }),
  hasStatus: false,
  emptyObject: {},
};

const small = fc.integer({ min: 0, max: 2 });
const word = fc.constantFrom('p', 'q', 'r');
const words = fc.dictionary(word, word, { maxKeys: 3 });
const partly = { requiredKeys: [] };
const item = fc.record({ name: word, v: small, tags: words }, { requiredKeys: ['name'] });
const specValue = fc
  .record(
    {
      a: small,
      nested: fc.record({ x: small, y: word }, partly),
      labels: words,
      whole: words,
      list: fc.array(word, { maxLength: 3 }),
      set: fc.uniqueArray(word, { maxLength: 3 }),
      items: fc.uniqueArray(item, { maxLength: 3, selector: ({ name }) => name }),
      free: fc.dictionary(word, fc.oneof(small, words, fc.array(small, { maxLength: 2 })), { maxKeys: 3 }),
    },
    partly,
  )
  // Without null prototypes, as parsed JSON is.
  .map((value) => structuredClone(value));
const configuration = fc.record({ spec: specValue, labels: words }, partly).map(({ spec: value, labels }) => ({
  apiVersion: 'example.com/v1',
  kind: 'Thing',
  metadata: { name: 'thing', ...(labels && { labels: { ...labels } }) },
  ...(value && { spec: value }),
})) as fc.Arbitrary<KubeObject>;

const step = fc.record({
  by: fc.constantFrom('one', 'two', 'three'),
  apply: fc.boolean(),
  object: configuration,
});

function take(
  live: KubeObject | undefined,
  move: { by: string; apply: boolean; object: KubeObject },
  second: number,
): KubeObject {
  const writer = { manager: move.by, subresource: '', now: `2024-01-01T00:00:0${second}Z` };
  if (move.apply) {
    return structuredClone(applyRequest(kind, live, structuredClone(move.object), { ...writer, force: true }));
  }
  const next = structuredClone(move.object);
  trackUpdate(kind, live, next, writer);
  return next;
}

function history(moves: readonly { by: string; apply: boolean; object: KubeObject }[]): KubeObject | undefined {
  return moves.reduce<KubeObject | undefined>((live, move, index) => take(live, move, index), undefined);
}

/** Is there a value at this path? */
function has(type: ValueType, value: unknown, path: readonly string[]): boolean {
  const [first, ...rest] = path;
  if (first === undefined) {
    return value !== undefined;
  }
  if (first.startsWith('f:')) {
    const name = first.slice(2);
    return isObject(value) && has(memberType(type, name).type, value[name], rest);
  }
  return (
    type !== undefined &&
    Array.isArray(value) &&
    shapeOf(type, value) === 'list' &&
    value.some((child: unknown) => itemElement(type, child) === first && has(type.items, child, rest))
  );
}

describe('comparing and merging', () => {
  test('no difference means equal, and a merge with itself changes nothing', () => {
    fc.assert(
      fc.property(specValue, specValue, (left, right) => {
        const type = root.properties.get('spec');
        const { added, modified, removed } = compareValues(type, left, right);
        const reordered = [left, right].map((value) => ({ ...value, set: undefined, items: undefined }));
        if (isEmptySet(added) && isEmptySet(modified) && isEmptySet(removed)) {
          assert.ok(isDeepStrictEqual(reordered[0], reordered[1]));
        }
        const back = compareValues(type, right, left);
        same(back.removed, added);
        same(back.added, removed);
        same(back.modified, modified);
        assert.deepEqual(mergeValues(type, left, left), left);
        const merged = mergeValues(type, left, right);
        assert.deepEqual(mergeValues(type, merged, right), merged);
      }),
    );
  });
});

describe('apply', () => {
  const moves = fc.array(step, { maxLength: 5 });

  test('twice is once, and never conflicts with oneself', () => {
    fc.assert(
      fc.property(moves, configuration, (before, object) => {
        const once = take(history(before), { by: 'me', apply: true, object }, 6);
        const writer = { manager: 'me', subresource: '', now: '2024-01-01T00:00:09Z', force: false };
        const twice = applyRequest(kind, once, structuredClone(object), writer);
        assert.deepEqual(twice, once);
      }),
    );
  });

  test('what is applied is there, and what nobody else has goes with it', () => {
    fc.assert(
      fc.property(moves, configuration, (before, object) => {
        const live = take(history(before), { by: 'me', apply: true, object }, 6);
        const { managedFields: _, ...metadata } = live.metadata;
        assert.deepEqual(mergeValues(root, { ...live, metadata }, object), { ...live, metadata });
      }),
    );
  });

  test('owners have only fields that exist', () => {
    fc.assert(
      fc.property(moves, (all) => {
        const live = history(all);
        if (live !== undefined) {
          for (const { manager, fields } of readManagedFields(live.metadata.managedFields).values()) {
            for (const path of pathsOf(fields)) {
              assert.ok(has(root, live, path), `${manager} has ${path.join(' ')}, which is not there`);
            }
          }
        }
      }),
    );
  });

  test('one manager’s applies leave exactly its last configuration', () => {
    fc.assert(
      fc.property(configuration, configuration, (first, second) => {
        const live = take(
          take(undefined, { by: 'me', apply: true, object: first }, 0),
          { by: 'me', apply: true, object: second },
          1,
        );
        const fresh = take(undefined, { by: 'me', apply: true, object: second }, 1);
        const left = toFieldSet(root, live);
        same(intersectSets(left, toFieldSet(root, fresh)), toFieldSet(root, fresh));
      }),
    );
  });
});
