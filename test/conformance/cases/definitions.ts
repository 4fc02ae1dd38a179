import assert from 'node:assert/strict';
import { area } from '../case.ts';
import { conditionOf, expectCode, expectFailure, expectInvalid, mergePatch } from '../expect.ts';
import { definition } from '../fixtures.ts';
import type { Json } from '../raw-client.ts';
import type { World } from '../world.ts';

const reference = 'Extend the API: CustomResourceDefinitions';
const structural = 'Extend the API: Specifying a structural schema';

function thing(world: World, more: Json = {}): Json {
  return definition({ group: `${world.name('d')}.${world.group}`, plural: 'things', kind: 'Thing', ...more });
}

export const definitionCases = area('definitions', reference, (rule) => {
  rule('a new definition becomes Established with NamesAccepted', async (world) => {
    const crd = thing(world);
    await world.define(crd);
    const { json } = await world.get(`${world.definitions}/${crd.metadata.name}`);
    assert.equal(conditionOf(json, 'Established').status, 'True');
    assert.equal(conditionOf(json, 'NamesAccepted').status, 'True');
    assert.equal(conditionOf(json, 'NamesAccepted').reason, 'NoConflicts');
    assert.equal(json.status.acceptedNames.kind, 'Thing');
    assert.deepEqual(json.status.storedVersions, ['v1']);
  });
  rule(
    'conditions have a lastTransitionTime, reason and message',
    async (world) => {
      const { json } = await world.get(`${world.definitions}/widgets.${world.group}`);
      for (const condition of json.status.conditions) {
        assert.match(condition.lastTransitionTime, /Z$/u);
        assert.ok(condition.reason !== '' && condition.message !== '');
      }
    },
    'API conventions: Typical status properties',
  );
  rule('singular, listKind and conversion are filled in', async (world) => {
    const crd = thing(world);
    crd.spec.names = { plural: 'things', kind: 'Thing' };
    const made = expectCode(await world.post(`${world.definitions}?dryRun=All`, crd), 201);
    assert.equal(made.spec.names.singular, 'thing');
    assert.equal(made.spec.names.listKind, 'ThingList');
    assert.equal(made.spec.conversion.strategy, 'None');
  });
  const refused = (name: string, change: (crd: Json) => void, field?: string, own = reference): void =>
    rule(
      `${name} is 422 Invalid`,
      async (world) => {
        const crd = thing(world);
        change(crd);
        const answer = await world.post(`${world.definitions}?dryRun=All`, crd);
        expectInvalid(answer, field);
      },
      own,
    );
  refused('a name other than plural.group', (crd) => (crd.metadata.name = `other.${crd.spec.group}`), 'metadata.name');
  refused(
    'a group without a dot',
    (crd) => {
      crd.spec.group = 'nodot';
      crd.metadata.name = 'things.nodot';
    },
    'spec.group',
  );
  refused('no version at all', (crd) => (crd.spec.versions = []));
  refused('no storage version', (crd) => (crd.spec.versions[0].storage = false), 'spec.versions');
  refused(
    'two storage versions',
    (crd) => crd.spec.versions.push({ ...crd.spec.versions[0], name: 'v2' }),
    'spec.versions',
  );
  refused('two versions of one name', (crd) => crd.spec.versions.push({ ...crd.spec.versions[0], storage: false }));
  refused('a version name that is no DNS label', (crd) => (crd.spec.versions[0].name = 'V_1'));
  refused('a scope that is not known', (crd) => (crd.spec.scope = 'Galaxy'), 'spec.scope');
  refused('a version without a schema', (crd) => delete crd.spec.versions[0].schema);
  refused('an upper case plural', (crd) => {
    crd.spec.names.plural = 'Things';
    crd.metadata.name = `Things.${crd.spec.group}`;
  });
  refused(
    'spec.preserveUnknownFields',
    (crd) => (crd.spec.preserveUnknownFields = true),
    'spec.preserveUnknownFields',
    structural,
  );
  refused('a kind that is no CamelCase DNS label', (crd) => (crd.spec.names.kind = 'A_b'), 'spec.names.kind');
  refused('a short name in upper case', (crd) => (crd.spec.names.shortNames = ['ABC']));
  refused(
    'a printer column without a path',
    (crd) => (crd.spec.versions[0].additionalPrinterColumns = [{ name: 'A', type: 'string' }]),
  );
  refused(
    'a printer column of an unknown type',
    (crd) => (crd.spec.versions[0].additionalPrinterColumns = [{ name: 'A', type: 'x', jsonPath: '.spec' }]),
  );
  refused('a scale path outside spec', (crd) => {
    crd.spec.versions[0].subresources = {
      status: {},
      scale: { specReplicasPath: '.foo', statusReplicasPath: '.status.x' },
    };
  });
  refused('a status replicas path outside status', (crd) => {
    crd.spec.versions[0].subresources = {
      status: {},
      scale: { specReplicasPath: '.spec.x', statusReplicasPath: '.spec.y' },
    };
  });
  refused(
    'a deprecation warning of a version that is not deprecated',
    (crd) => (crd.spec.versions[0].deprecationWarning = 'x'),
  );

  const schemaRefused = (name: string, spec: Json): void =>
    refused(
      `a schema with ${name}`,
      (crd) => (crd.spec.versions[0].schema.openAPIV3Schema.properties.spec = spec),
      undefined,
      structural,
    );
  schemaRefused('a field without a type', { type: 'object', properties: { a: {} } });
  schemaRefused('properties and additionalProperties', {
    type: 'object',
    properties: { a: { type: 'string' } },
    additionalProperties: { type: 'string' },
  });
  schemaRefused('an array without items', { type: 'object', properties: { a: { type: 'array' } } });
  schemaRefused('uniqueItems', {
    type: 'object',
    properties: { a: { type: 'array', uniqueItems: true, items: { type: 'string' } } },
  });
  schemaRefused('a type inside of anyOf', { type: 'object', anyOf: [{ type: 'object' }] });
  schemaRefused('a type that does not exist', { type: 'object', properties: { a: { type: 'text' } } });
  schemaRefused('a pattern that is no regular expression', {
    type: 'object',
    properties: { a: { type: 'string', pattern: '(' } },
  });
  schemaRefused('a default of the wrong type', {
    type: 'object',
    properties: { a: { type: 'integer', default: 'x' } },
  });
  schemaRefused('a default that would be pruned', {
    type: 'object',
    properties: { a: { type: 'object', properties: { b: { type: 'string' } }, default: { c: 'x' } } },
  });
  schemaRefused('a default that its own rules refuse', {
    type: 'object',
    properties: { a: { type: 'integer', maximum: 3, default: 4 } },
  });
  schemaRefused('a list of type map without keys', {
    type: 'object',
    properties: {
      a: {
        type: 'array',
        'x-kubernetes-list-type': 'map',
        items: { type: 'object', properties: { n: { type: 'string' } } },
      },
    },
  });
  schemaRefused('a list key that is no property', {
    type: 'object',
    properties: {
      a: {
        type: 'array',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['zz'],
        items: { type: 'object', properties: { n: { type: 'string' } } },
      },
    },
  });
  schemaRefused('a list type that does not exist', {
    type: 'object',
    properties: { a: { type: 'array', 'x-kubernetes-list-type': 'bag', items: { type: 'string' } } },
  });
  schemaRefused('$ref', { type: 'object', properties: { a: { $ref: '#/definitions/x' } } });
  schemaRefused('restrictions on metadata', {
    type: 'object',
    properties: { a: { type: 'object', 'x-kubernetes-embedded-resource': true } },
  });

  rule('group, scope and the plural name cannot be changed', async (world) => {
    const crd = thing(world);
    await world.define(crd);
    const path = `${world.definitions}/${crd.metadata.name}`;
    expectInvalid(await world.patch(path, mergePatch, { spec: { scope: 'Cluster' } }), 'spec.scope');
    expectInvalid(await world.patch(path, mergePatch, { spec: { group: 'other.example.com' } }));
    expectInvalid(await world.patch(path, mergePatch, { spec: { names: { plural: 'others' } } }));
  });
  rule('a changed schema takes effect', async (world) => {
    const crd = thing(world, { spec: { type: 'object', properties: { a: { type: 'string' } } } });
    const path = await world.define(crd);
    const body = {
      apiVersion: `${crd.spec.group}/v1`,
      kind: 'Thing',
      metadata: { name: 'a' },
      spec: { a: 'x', b: 'y' },
    };
    assert.equal(expectCode(await world.post(`${path}?dryRun=All`, body), 201).spec.b, undefined);
    const versions = structuredClone(crd.spec.versions);
    versions[0].schema.openAPIV3Schema.properties.spec.properties.b = { type: 'string' };
    expectCode(await world.patch(`${world.definitions}/${crd.metadata.name}`, mergePatch, { spec: { versions } }), 200);
    for (let attempt = 0; attempt < 200; attempt += 1) {
      const { json } = await world.post(`${path}?dryRun=All`, body);
      if (json.spec?.b === 'y') {
        return;
      }
    }
    assert.fail('the new field is still pruned');
  });
  rule('a kind that another definition of the group has is not accepted', async (world) => {
    const crd = thing(world);
    await world.define(crd);
    const other = definition({ group: crd.spec.group, plural: 'thingies', kind: 'Thing' });
    expectCode(await world.post(world.definitions, other), 201);
    const path = `${world.definitions}/${other.metadata.name}`;
    const { json } = await world.eventually(
      path,
      (answer) => conditionOf(answer.json, 'NamesAccepted') !== undefined,
      'a verdict on the names',
    );
    assert.equal(conditionOf(json, 'NamesAccepted').status, 'False');
    assert.notEqual(conditionOf(json, 'Established')?.status, 'True');
    expectCode(await world.remove(path), 200);
  });
  rule('deletion deletes the objects and ends the path', async (world) => {
    const crd = thing(world);
    const path = await world.define(crd);
    expectCode(
      await world.post(path, { apiVersion: `${crd.spec.group}/v1`, kind: 'Thing', metadata: { name: 'a' } }),
      201,
    );
    expectCode(await world.remove(`${world.definitions}/${crd.metadata.name}`), 200);
    await world.eventually(path, ({ code }) => code === 404, 'the kind to be gone');
    await world.define(crd);
    assert.deepEqual((await world.get(path)).json.items, []);
  });
  rule('a definition whose objects are held waits, Terminating', async (world) => {
    const crd = thing(world);
    const path = await world.define(crd);
    const metadata = { name: 'held', finalizers: ['example.com/hold'] };
    expectCode(await world.post(path, { apiVersion: `${crd.spec.group}/v1`, kind: 'Thing', metadata }), 201);
    const own = `${world.definitions}/${crd.metadata.name}`;
    expectCode(await world.remove(own), 200);
    await world.eventually(
      own,
      ({ json }) => conditionOf(json, 'Terminating')?.status === 'True',
      'the condition Terminating',
    );
    const late = { apiVersion: `${crd.spec.group}/v1`, kind: 'Thing', metadata: { name: 'late' } };
    expectFailure(await world.post(path, late), 405, 'MethodNotAllowed');
    expectCode(await world.patch(`${path}/held`, mergePatch, { metadata: { finalizers: null } }), 200);
    await world.eventually(own, ({ code }) => code === 404, 'the definition to go');
  });
});

export const versionCases = area('versions', 'Extend the API: Versions in CustomResourceDefinitions', (rule) => {
  rule('an object is served in each served version', async (world) => {
    const { name, uid } = (await world.makeWidget({ color: 'red' })).metadata;
    const other = expectCode(await world.get(`${world.widgets.replace('/v1/', '/v1beta1/')}/${name}`), 200);
    assert.equal(other.apiVersion, `${world.group}/v1beta1`);
    assert.equal(other.metadata.uid, uid);
    assert.equal(other.spec.color, 'red');
  });
  rule('an object may be made in any served version', async (world) => {
    const path = world.widgets.replace('/v1/', '/v1beta1/');
    const name = world.name();
    const body = { apiVersion: `${world.group}/v1beta1`, kind: 'Widget', metadata: { name }, spec: {} };
    assert.equal(expectCode(await world.post(path, body), 201).apiVersion, `${world.group}/v1beta1`);
    assert.equal(expectCode(await world.get(`${world.widgets}/${name}`), 200).apiVersion, `${world.group}/v1`);
  });
  rule(
    'a deprecated version warns',
    async (world) => {
      const answer = await world.get(world.widgets.replace('/v1/', '/v1beta1/'));
      assert.match(String(answer.headers['warning']), /^299 - "widgets v1beta1 is on its way out"/u);
    },
    'KEP-1693 Warnings for deprecated APIs',
  );
  rule(
    'the current version does not warn',
    async (world) => {
      assert.equal((await world.get(world.widgets)).headers['warning'], undefined);
    },
    'KEP-1693 Warnings for deprecated APIs',
  );
  rule('a version that is not served is 404', async (world) => {
    expectCode(await world.get(world.widgets.replace('/v1/', '/v1alpha1/')), 404);
  });
  rule('the body of another version than the path is 400', async (world) => {
    const body = { apiVersion: `${world.group}/v1beta1`, kind: 'Widget', metadata: { name: world.name() } };
    expectFailure(await world.post(world.widgets, body), 400, 'BadRequest');
  });
});

type Check = (object: Json) => void;

export const schemaCases = area('schemas', structural, (rule) => {
  const good = (name: string, spec: Json, check?: Check, own = structural): void =>
    rule(
      name,
      async (world) => {
        const body = { apiVersion: `${world.group}/v1`, kind: 'Widget', metadata: { name: world.name() }, spec };
        const made = expectCode(await world.post(`${world.widgets}?dryRun=All`, body), 201);
        check?.(made.spec);
      },
      own,
    );
  const bad = (name: string, spec: Json, field: string, own = 'Extend the API: Validation'): void =>
    rule(
      `${name} is 422 Invalid about ${field}`,
      async (world) => {
        const body = { apiVersion: `${world.group}/v1`, kind: 'Widget', metadata: { name: world.name() }, spec };
        expectInvalid(await world.post(`${world.widgets}?dryRun=All`, body), field);
      },
      own,
    );

  bad('a text for an integer', { replicas: 'three' }, 'spec.replicas');
  bad('a fraction for an integer', { replicas: 1.5 }, 'spec.replicas');
  bad('a number below the minimum', { replicas: -1 }, 'spec.replicas');
  bad('a number above the maximum', { replicas: 101 }, 'spec.replicas');
  bad('a number at an exclusive minimum', { ratio: 0 }, 'spec.ratio');
  bad('a number that is no multiple', { even: 3 }, 'spec.even');
  bad('a number for a text', { never: 7 }, 'spec.never');
  bad('a text for a boolean', { on: 'yes' }, 'spec.on');
  bad('a text that is not in the enum', { color: 'mauve' }, 'spec.color');
  bad('a text that does not match the pattern', { code: 'ABC' }, 'spec.code');
  bad('a text too short', { short: 'a' }, 'spec.short');
  bad('a text too long', { short: 'abcdef' }, 'spec.short');
  bad('a text that is no date-time', { when: 'yesterday' }, 'spec.when');
  bad('a text that is no base64', { bytes: '***' }, 'spec.bytes');
  bad('a list with too few items', { few: [] }, 'spec.few');
  bad('a list with too many items', { few: [1, 2, 3, 4] }, 'spec.few');
  bad('an item of the wrong type', { few: [1, 'x'] }, 'spec.few[1]');
  bad('a list for an object', { nested: [] }, 'spec.nested');
  bad('a value of the wrong type in a map', { words: { a: 1 } }, 'spec.words.a');
  bad('too many members', { words: { a: '1', b: '2', c: '3', d: '4' } }, 'spec.words');
  bad('a required field that is left out', { nested: { may: 'x' } }, 'spec.nested.must');
  bad('both of oneOf', { either: { left: 'a', right: 'b' } }, 'spec.either');
  bad('none of oneOf', { either: {} }, 'spec.either');
  bad('a field of an item', { ports: [{ name: 'a', number: 70000 }] }, 'spec.ports[0].number');
  bad('a missing key of a list of type map', { ports: [{ number: 1 }] }, 'spec.ports[0].name');
  bad(
    'two items of one key',
    { ports: [{ name: 'a' }, { name: 'a' }] },
    'spec.ports[1]',
    'API conventions: Lists; KEP-555',
  );
  bad('an item twice in a set', { tags: ['a', 'a'] }, 'spec.tags[1]', 'API conventions: Lists; KEP-555');
  bad('an embedded resource without a kind', { template: { apiVersion: 'v1', metadata: {} } }, 'spec.template.kind');
  bad('an object for int-or-string', { port: {} }, 'spec.port');

  good('an integer and a text are good for int-or-string', { port: 80 }, (spec) => assert.equal(spec.port, 80));
  good('a text is good for int-or-string', { port: '80%' }, (spec) => assert.equal(spec.port, '80%'));
  good('a whole number with a fraction of zero is an integer', { replicas: 3.0 }, (spec) =>
    assert.equal(spec.replicas, 3),
  );
  good('one of oneOf is good', { either: { left: 'a' } });
  good('atomic lists may hold an item twice', { args: ['a', 'a'] }, (spec) => assert.deepEqual(spec.args, ['a', 'a']));
  good(
    'an embedded resource is kept',
    { template: { apiVersion: 'v1', kind: 'X', metadata: { name: 'n' }, any: 1 } },
    (spec) => assert.equal(spec.template.any, 1),
  );

  const pruning = 'Extend the API: Field pruning';
  good('an unknown field is pruned', { frobnicate: 1 }, (spec) => assert.equal(spec.frobnicate, undefined), pruning);
  good(
    'an unknown field deep down is pruned',
    { nested: { must: 'x', frobnicate: 1 } },
    (spec) => assert.deepEqual(spec.nested, { must: 'x', may: 'inner' }),
    pruning,
  );
  good(
    'an unknown field of an item is pruned',
    { ports: [{ name: 'a', frobnicate: 1 }] },
    (spec) => assert.equal(spec.ports[0].frobnicate, undefined),
    pruning,
  );
  good(
    'x-kubernetes-preserve-unknown-fields keeps all',
    { free: { a: { b: [1] } } },
    (spec) => assert.deepEqual(spec.free, { a: { b: [1] } }),
    pruning,
  );
  rule(
    'an unknown field at the top is pruned',
    async (world) => {
      const body = { apiVersion: `${world.group}/v1`, kind: 'Widget', metadata: { name: world.name() }, frobnicate: 1 };
      assert.equal(expectCode(await world.post(`${world.widgets}?dryRun=All`, body), 201).frobnicate, undefined);
    },
    pruning,
  );

  const defaulting = 'Extend the API: Defaulting';
  good('a default is filled in', {}, (spec) => assert.deepEqual(spec, { replicas: 1, fallback: 'given' }), defaulting);
  good('a value that is given stays', { fallback: 'mine' }, (spec) => assert.equal(spec.fallback, 'mine'), defaulting);
  good(
    'a default inside of an object that is given',
    { nested: { must: 'x' } },
    (spec) => assert.equal(spec.nested.may, 'inner'),
    defaulting,
  );
  good(
    'a default inside of an object that is not given does nothing',
    {},
    (spec) => assert.equal(spec.nested, undefined),
    defaulting,
  );
  good(
    'a default inside of an item',
    { ports: [{ name: 'a' }] },
    (spec) => assert.equal(spec.ports[0].protocol, 'TCP'),
    defaulting,
  );
  good(
    'null for a field with a default that is not nullable takes the default',
    { fallback: null },
    (spec) => assert.equal(spec.fallback, 'given'),
    'Extend the API: Defaulting and Nullable',
  );
  good(
    'null for a nullable field stays',
    { maybe: null },
    (spec) => assert.equal(spec.maybe, null),
    'Extend the API: Defaulting and Nullable',
  );
  good(
    'null for a field that is neither nullable nor has a default is pruned',
    { never: null },
    (spec) => assert.equal(Object.hasOwn(spec, 'never'), false),
    'Extend the API: Defaulting and Nullable',
  );
  rule(
    'a default added later shows in objects that are there',
    async (world) => {
      const crd = thing(world, { spec: { type: 'object', properties: { a: { type: 'string' } } } });
      const path = await world.define(crd);
      const body = { apiVersion: `${crd.spec.group}/v1`, kind: 'Thing', metadata: { name: 'a' }, spec: {} };
      expectCode(await world.post(path, body), 201);
      const versions = structuredClone(crd.spec.versions);
      versions[0].schema.openAPIV3Schema.properties.spec.properties.a.default = 'late';
      expectCode(
        await world.patch(`${world.definitions}/${crd.metadata.name}`, mergePatch, { spec: { versions } }),
        200,
      );
      await world.eventually(`${path}/a`, ({ json }) => json?.spec?.a === 'late', 'the new default to show');
    },
    defaulting,
  );

  rule(
    'the message names kind, field, value and rule',
    async (world) => {
      const body = {
        apiVersion: `${world.group}/v1`,
        kind: 'Widget',
        metadata: { name: 'w' },
        spec: { color: 'mauve' },
      };
      const status = expectInvalid(await world.post(`${world.widgets}?dryRun=All`, body), 'spec.color');
      assert.match(
        status.message,
        /^Widget\.\S+ "w" is invalid: spec\.color: Unsupported value: "mauve": supported values: "red", "green", "blue"$/u,
      );
      assert.equal(status.details.causes[0].reason, 'FieldValueNotSupported');
      assert.equal(status.details.kind, 'Widget');
      assert.equal(status.details.group, world.group);
    },
    'API conventions: Response Status Kind',
  );
  rule(
    'several faults are several causes',
    async (world) => {
      const body = {
        apiVersion: `${world.group}/v1`,
        kind: 'Widget',
        metadata: { name: 'w' },
        spec: { color: 'mauve', replicas: -1, on: 'x' },
      };
      const status = expectInvalid(await world.post(`${world.widgets}?dryRun=All`, body));
      assert.equal(status.details.causes.length, 3);
    },
    'API conventions: Response Status Kind',
  );
  rule(
    'a missing field is FieldValueRequired',
    async (world) => {
      const body = { apiVersion: `${world.group}/v1`, kind: 'Widget', metadata: { name: 'w' }, spec: { nested: {} } };
      const status = expectInvalid(await world.post(`${world.widgets}?dryRun=All`, body), 'spec.nested.must');
      assert.equal(status.details.causes[0].reason, 'FieldValueRequired');
    },
    'API conventions: Response Status Kind',
  );
});

export const expressionCases = area('validation rules', 'KEP-2876 CRD validation expression language', (rule) => {
  const rules = {
    type: 'object',
    properties: {
      low: { type: 'integer' },
      high: { type: 'integer' },
      fixed: {
        type: 'string',
        'x-kubernetes-validations': [{ rule: 'self == oldSelf', message: 'fixed may not change' }],
      },
    },
    'x-kubernetes-validations': [
      { rule: '!has(self.low) || !has(self.high) || self.low <= self.high', message: 'low must not be above high' },
    ],
  };
  const served = new WeakMap<World, Promise<{ path: string; group: string }>>();
  const setUp = async (world: World) => {
    const known =
      served.get(world) ??
      (async () => {
        const crd = thing(world, { spec: rules });
        return { path: await world.define(crd), group: crd.spec.group as string };
      })();
    served.set(world, known);
    const { path, group } = await known;
    return {
      path,
      body: (spec: Json, name = world.name()): Json => ({
        apiVersion: `${group}/v1`,
        kind: 'Thing',
        metadata: { name },
        spec,
      }),
    };
  };
  rule('an object for which the rule holds is taken', async (world) => {
    const { path, body } = await setUp(world);
    expectCode(await world.post(path, body({ low: 1, high: 2 })), 201);
  });
  rule('one for which it does not hold is 422 Invalid with the message', async (world) => {
    const { path, body } = await setUp(world);
    assert.match(
      expectInvalid(await world.post(path, body({ low: 3, high: 2 })), 'spec').message,
      /low must not be above high/u,
    );
  });
  rule('a transition rule compares with the old object', async (world) => {
    const { path, body } = await setUp(world);
    const { name } = expectCode(await world.post(path, body({ fixed: 'a' })), 201).metadata;
    expectCode(await world.patch(`${path}/${name}`, mergePatch, { spec: { low: 1 } }), 200);
    const answer = await world.patch(`${path}/${name}`, mergePatch, { spec: { fixed: 'b' } });
    assert.match(expectInvalid(answer, 'spec.fixed').message, /fixed may not change/u);
  });
  rule('a rule that cannot be compiled makes the definition 422 Invalid', async (world) => {
    const crd = thing(world, { spec: { type: 'object', 'x-kubernetes-validations': [{ rule: 'self.(' }] } });
    expectInvalid(await world.post(`${world.definitions}?dryRun=All`, crd));
  });
});
