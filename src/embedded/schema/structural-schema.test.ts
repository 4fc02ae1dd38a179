import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatFieldError } from '../../apimachinery/field-error.ts';
import type { JsonSchema } from './json-schema.ts';
import { compileStructuralSchema } from './structural-schema.ts';

const text: JsonSchema = { type: 'string' };

function spec(properties: Record<string, JsonSchema>, more: JsonSchema = {}): JsonSchema {
  return { type: 'object', properties: { spec: { type: 'object', properties, ...more } } };
}

function faults(schema: JsonSchema, value: object): string[] {
  return compileStructuralSchema(schema).validate({ spec: value }).map(formatFieldError);
}

const cases: { name: string; schema: JsonSchema; value: object; faults: string[] }[] = [
  {
    name: 'required',
    schema: spec({ domain: { type: 'object', required: ['cpu'] } }, { required: ['domain'] }),
    value: { domain: {} },
    faults: ['spec.domain.cpu: Required value'],
  },
  {
    name: 'type',
    schema: spec({
      cores: { type: 'integer' },
      on: { type: 'boolean' },
      list: { type: 'array' },
      map: { type: 'object' },
    }),
    value: { cores: 'two', on: 1, list: {}, map: null },
    faults: [
      'spec.cores: Invalid value: "string": spec.cores in body must be of type integer: "string"',
      'spec.on: Invalid value: "integer": spec.on in body must be of type boolean: "integer"',
      'spec.list: Invalid value: "object": spec.list in body must be of type array: "object"',
      'spec.map: Invalid value: "null": spec.map in body must be of type object: "null"',
    ],
  },
  {
    name: 'a fraction is no integer',
    schema: spec({ cores: { type: 'integer' } }),
    value: { cores: 1.5 },
    faults: ['spec.cores: Invalid value: "number": spec.cores in body must be of type integer: "number"'],
  },
  {
    name: 'enum',
    schema: spec({ bus: { type: 'string', enum: ['virtio', 'sata'] } }),
    value: { bus: 'ide' },
    faults: ['spec.bus: Unsupported value: "ide": supported values: "virtio", "sata"'],
  },
  {
    name: 'bounds',
    schema: spec({
      low: { type: 'integer', minimum: 1 },
      high: { type: 'integer', maximum: 5 },
      open: { type: 'number', minimum: 0, exclusiveMinimum: true },
      step: { type: 'integer', multipleOf: 4 },
      wide: { type: 'integer', format: 'int32' },
    }),
    value: { low: 0, high: 6, open: 0, step: 6, wide: 2 ** 31 },
    faults: [
      'spec.low: Invalid value: 0: spec.low in body should be greater than or equal to 1',
      'spec.high: Invalid value: 6: spec.high in body should be less than or equal to 5',
      'spec.open: Invalid value: 0: spec.open in body should be greater than 0',
      'spec.step: Invalid value: 6: spec.step in body should be a multiple of 4',
      'spec.wide: Invalid value: 2147483648: spec.wide in body must be of type int32: "number"',
    ],
  },
  {
    name: 'texts',
    schema: spec({
      long: { type: 'string', maxLength: 2 },
      short: { type: 'string', minLength: 3 },
      form: { type: 'string', pattern: '^[a-z]+$' },
      time: { type: 'string', format: 'date-time' },
    }),
    value: { long: 'abc', short: 'ab', form: 'A', time: 'now' },
    faults: [
      'spec.long: Too long: may not be more than 2 bytes',
      'spec.short: Invalid value: "ab": spec.short in body should be at least 3 chars long',
      'spec.form: Invalid value: "A": spec.form in body should match \'^[a-z]+$\'',
      'spec.time: Invalid value: "now": spec.time in body must be of type date-time: "now"',
    ],
  },
  {
    name: 'items carry their index',
    schema: spec({
      volumes: { type: 'array', items: { type: 'object', required: ['name'], properties: { name: text } } },
    }),
    value: { volumes: [{ name: 'a' }, {}, { name: 3 }] },
    faults: [
      'spec.volumes[1].name: Required value',
      'spec.volumes[2].name: Invalid value: "integer": spec.volumes[2].name in body must be of type string: "integer"',
    ],
  },
  {
    name: 'list sizes',
    schema: spec({
      few: { type: 'array', maxItems: 1, items: text },
      many: { type: 'array', minItems: 1, items: text },
    }),
    value: { few: ['a', 'b'], many: [] },
    faults: [
      'spec.few: Too many: 2: must have at most 1 items',
      'spec.many: Invalid value: []: spec.many in body should have at least 1 items',
    ],
  },
  {
    name: 'list types',
    schema: spec({
      set: { type: 'array', items: text, 'x-kubernetes-list-type': 'set' },
      map: {
        type: 'array',
        items: { type: 'object', properties: { name: text, size: text } },
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['name'],
      },
    }),
    value: {
      set: ['a', 'b', 'a'],
      map: [
        { name: 'x', size: '1' },
        { name: 'x', size: '2' },
      ],
    },
    faults: ['spec.set[2]: Duplicate value: "a"', 'spec.map[1]: Duplicate value: {"name":"x"}'],
  },
  {
    name: 'int-or-string',
    schema: spec({ port: { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] } }),
    value: { port: true },
    faults: ['spec.port: Invalid value: "boolean": spec.port in body must be of type integer or string: "boolean"'],
  },
  {
    name: 'members of a map',
    schema: spec({ labels: { type: 'object', additionalProperties: text } }),
    value: { labels: { a: 'b', c: 1 } },
    faults: ['spec.labels.c: Invalid value: "integer": spec.labels.c in body must be of type string: "integer"'],
  },
  {
    name: 'alternatives',
    schema: spec({
      any: { type: 'object', anyOf: [{ required: ['a'] }, { required: ['b'] }] },
      one: { type: 'object', oneOf: [{ required: ['a'] }, { required: ['b'] }] },
      not: { type: 'string', not: { enum: ['bad'] } },
    }),
    value: { any: {}, one: { a: 1, b: 1 }, not: 'bad' },
    faults: [
      'spec.any: Invalid value: {}: spec.any in body must validate at least one schema (anyOf)',
      'spec.one: Invalid value: {"a":1,"b":1}: spec.one in body must validate one and only one schema (oneOf). Found 2 valid',
      'spec.not: Invalid value: "bad": spec.not in body must not validate the schema (not)',
    ],
  },
  {
    name: 'an embedded resource names its kind',
    schema: spec({ template: { type: 'object', 'x-kubernetes-embedded-resource': true } }),
    value: { template: { kind: 'Pod', metadata: { name: 1 } } },
    faults: [
      'spec.template.apiVersion: Required value: must not be empty',
      'spec.template.metadata.name: Invalid value: "integer": spec.template.metadata.name in body must be of type string: "integer"',
    ],
  },
  { name: 'nullable', schema: spec({ a: { type: 'string', nullable: true } }), value: { a: null }, faults: [] },
];

for (const { name, schema, value, faults: expected } of cases) {
  test(`validation: ${name}`, () => {
    assert.deepEqual(faults(schema, value), expected);
  });
}

test('pruning names what it removes and keeps what is declared open', () => {
  const schema = compileStructuralSchema(
    spec({
      known: text,
      open: {
        type: 'object',
        'x-kubernetes-preserve-unknown-fields': true,
        properties: { strict: { type: 'object' } },
      },
      list: { type: 'array', items: { type: 'object', properties: { name: text } } },
      any: { type: 'object', additionalProperties: true },
    }),
  );
  const object = {
    apiVersion: 'v1',
    kind: 'X',
    metadata: { name: 'x', labels: { a: 'b' }, nmae: 'typo' },
    spec: {
      known: 'a',
      unknown: 1,
      open: { free: { deep: 1 }, strict: { gone: 1 } },
      list: [{ name: 'a', nmae: 'b' }],
      any: { x: { y: 1 } },
    },
    status: {},
  };
  assert.deepEqual(schema.prune(object).sort(), [
    'metadata.nmae',
    'spec.list[0].nmae',
    'spec.open.strict.gone',
    'spec.unknown',
    'status',
  ]);
  assert.deepEqual(object, {
    apiVersion: 'v1',
    kind: 'X',
    metadata: { name: 'x', labels: { a: 'b' } },
    spec: { known: 'a', open: { free: { deep: 1 }, strict: {} }, list: [{ name: 'a' }], any: { x: { y: 1 } } },
  });
});

test('defaults fill what is absent, at every depth, and replace nulls that are not allowed', () => {
  const schema = compileStructuralSchema(
    spec({
      foo: { type: 'string', default: 'default' },
      bar: { type: 'string', nullable: true },
      baz: { type: 'string' },
      nested: { type: 'object', default: {}, properties: { cores: { type: 'integer', default: 1 } } },
      list: { type: 'array', items: { type: 'object', properties: { bus: { type: 'string', default: 'virtio' } } } },
    }),
  );
  const object = { spec: { foo: null, bar: null, baz: null, list: [{}, { bus: 'sata' }] } };
  schema.applyDefaults(object);
  assert.deepEqual(object, {
    spec: { foo: 'default', bar: null, nested: { cores: 1 }, list: [{ bus: 'virtio' }, { bus: 'sata' }] },
  });
});

test('defaults are not shared between objects', () => {
  const schema = compileStructuralSchema(spec({ map: { type: 'object', default: { a: 1 } } }));
  const one: { spec: { map?: object } } = { spec: {} };
  const two: { spec: { map?: object } } = { spec: {} };
  schema.applyDefaults(one);
  schema.applyDefaults(two);
  assert.deepEqual(one, two);
  assert.notEqual(one.spec.map, two.spec.map);
});

test('a hostile object is refused within bounds', () => {
  const schema = compileStructuralSchema(
    spec({ open: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } }),
  );
  let deep: object = {};
  for (let i = 0; i < 10_000; i += 1) {
    deep = { deep };
  }
  assert.match(
    schema
      .validate({ spec: { open: deep } })
      .map(formatFieldError)
      .join(),
    /nested deeper than 64 levels/,
  );
  const many = compileStructuralSchema(spec({ list: { type: 'array', items: text } }));
  assert.equal(many.validate({ spec: { list: Array.from({ length: 5_000 }, () => 1) } }).length, 100);
});

test('members named like parts of Object.prototype are unknown fields', () => {
  const schema = compileStructuralSchema(spec({}));
  const object = JSON.parse('{"spec":{"__proto__":{"a":1},"constructor":1,"toString":2}}');
  assert.deepEqual(schema.prune(object).sort(), ['spec.__proto__', 'spec.constructor', 'spec.toString']);
  assert.deepEqual(faults(spec({}, { required: ['toString'] }), {}), ['spec.toString: Required value']);
});

test('a schema that is no schema does not compile', () => {
  const bad = (schema: unknown): void => {
    assert.throws(() => compileStructuralSchema(schema as JsonSchema), { code: 'Decode' });
  };
  bad({ type: 'object', properties: { a: 'string' } });
  bad(JSON.parse('{"properties":{"__proto__":{}}}'));
  bad({ type: 'object', properties: { a: { type: 'string', pattern: '(' } } });
  let deep: object = { type: 'object' };
  for (let i = 0; i < 100; i += 1) {
    deep = { type: 'object', properties: { deep } };
  }
  bad(deep);
});

test('a schema with CEL rules, and only one, asks them', () => {
  const rule = { rule: "self != 'b'" };
  const schema = compileStructuralSchema(spec({ a: { type: 'string', 'x-kubernetes-validations': [rule] } }));
  assert.deepEqual(schema.validate({ spec: { a: 'b' } }), []);
  const outcome = schema.validateRules?.({ spec: { a: 'b' } }, undefined);
  assert.deepEqual(outcome?.errors.map(formatFieldError), [
    'spec.a: Invalid value: "string": failed rule: self != \'b\'',
  ]);
  assert.equal(compileStructuralSchema(spec({ a: { type: 'string' } })).validateRules, undefined);
});
