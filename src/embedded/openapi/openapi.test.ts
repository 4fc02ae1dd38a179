import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeMessage, type Message } from '../apiserver/protobuf/wire.ts';
import { encodeOpenApiV2 } from './gnostic.ts';
import { encodeOpenApiV3 } from './gnostic-v3.ts';
import { buildOpenApiV2 } from './openapi-v2.ts';
import { buildOpenApiV3, buildOpenApiV3Index } from './openapi-v3.ts';
import { createProtobufWriter } from './protobuf-writer.ts';
import { definitionName, type OpenApiResource } from './resource.ts';

const gadgets: OpenApiResource = {
  group: 'example.com',
  version: 'v1',
  kind: 'Gadget',
  resource: 'gadgets',
  namespaced: true,
  verbs: ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete'],
  schema: {
    type: 'object',
    properties: {
      spec: {
        type: 'object',
        properties: {
          port: { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] },
          open: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true, properties: { a: { type: 'string' } } },
          maybe: { type: 'object', nullable: true, properties: { a: { type: 'string' } } },
        },
      },
    },
  },
  subresources: ['status'],
};
const pods: OpenApiResource = { ...gadgets, group: '', kind: 'Pod', resource: 'pods' };

test('definitions are named as Kubernetes names them', () => {
  const name = (group: string, kind: string): string => definitionName({ group, version: 'v1', kind });
  assert.equal(name('', 'Pod'), 'io.k8s.api.core.v1.Pod');
  assert.equal(name('apps', 'Deployment'), 'io.k8s.api.apps.v1.Deployment');
  assert.equal(name('coordination.k8s.io', 'Lease'), 'io.k8s.api.coordination.v1.Lease');
  assert.equal(name('rbac.authorization.k8s.io', 'Role'), 'io.k8s.api.rbac.v1.Role');
  assert.equal(name('kubevirt.io', 'VirtualMachine'), 'io.kubevirt.v1.VirtualMachine');
  assert.equal(
    name('apiextensions.k8s.io', 'CustomResourceDefinition'),
    'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition',
  );
});

test('v2 leaves open what it cannot say', () => {
  const found = buildOpenApiV2([gadgets]).definitions['com.example.v1.Gadget']?.properties?.['spec']?.properties;
  assert.deepEqual(found, {
    port: { type: 'string', format: 'int-or-string', 'x-kubernetes-int-or-string': true },
    open: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    maybe: {},
  });
});

test('patch operations say what they take', () => {
  interface Patch {
    patch: {
      parameters: { name: string }[];
      consumes: string[];
      requestBody: { content: object };
      'x-kubernetes-group-version-kind': object;
    };
  }
  const path = '/apis/example.com/v1/namespaces/{namespace}/gadgets/{name}';
  const { patch } = buildOpenApiV2([gadgets]).paths[path] as Patch;
  const names = patch.parameters.map((it) => it.name);
  assert.ok(names.includes('dryRun') && names.includes('fieldValidation'));
  assert.ok(!patch.consumes.includes('application/strategic-merge-patch+json'));
  assert.deepEqual(patch['x-kubernetes-group-version-kind'], { group: 'example.com', version: 'v1', kind: 'Gadget' });
  const pod = buildOpenApiV3('v1', [pods, gadgets]).paths['/api/v1/namespaces/{namespace}/pods/{name}'] as Patch;
  assert.ok('application/strategic-merge-patch+json' in pod.patch.requestBody.content);
});

test('v3 documents hold one group and version, and the index names them', () => {
  const document = buildOpenApiV3('example.com/v1', [pods, gadgets]);
  assert.ok(Object.keys(document.paths).every((path) => path.startsWith('/apis/example.com/v1/')));
  assert.ok(document.components.schemas['io.k8s.api.core.v1.Pod'] === undefined);
  assert.deepEqual(
    buildOpenApiV3Index([gadgets, pods], () => 'h'),
    {
      paths: {
        'apis/example.com/v1': { serverRelativeURL: '/openapi/v3/apis/example.com/v1?hash=h' },
        'api/v1': { serverRelativeURL: '/openapi/v3/api/v1?hash=h' },
      },
    },
  );
});

test('protobuf: varints, lengths and doubles', () => {
  const writer = createProtobufWriter();
  writer.text(1, 'é');
  writer.bool(2, true);
  writer.int64(3, 300);
  writer.int64(3, -1);
  writer.double(4, 1);
  writer.message(16, () => writer.text(1, 'x'.repeat(200)));
  const hex = Buffer.from(writer.finish()).toString('hex');
  assert.equal(hex, `0a02c3a9100118ac0218ffffffffffffffffff0121000000000000f03f8201cb010ac801${'78'.repeat(200)}`);
});

test('the gnostic document begins with its version and holds every definition', () => {
  const document = buildOpenApiV2([gadgets, pods]);
  const bytes = Buffer.from(encodeOpenApiV2(document));
  assert.equal(bytes.subarray(0, 5).toString('latin1'), '\n\u00032.0');
  for (const name of [...Object.keys(document.definitions), ...Object.keys(document.paths)]) {
    assert.ok(bytes.includes(name));
  }
});

/** Part of openapi.v3.Document, to read the bytes back. */
function namedSchemas(depth: number): Message {
  const named = {
    1: { name: 'name', type: 'string' },
    2: { name: 'value', type: { message: schemaMessage(depth) } },
  } as const;
  return { 1: { name: 'entries', type: { message: named }, repeated: true } };
}

function schemaMessage(depth: number): Message {
  const more: Message = depth === 0 ? {} : { 31: { name: 'properties', type: { message: namedSchemas(depth - 1) } } };
  const schema: Message = {
    18: { name: 'maxItems', type: 'int' },
    20: { name: 'uniqueItems', type: 'bool' },
    23: { name: 'required', type: 'string', repeated: true },
    24: { name: 'enum', type: { message: { 2: { name: 'yaml', type: 'string' } } }, repeated: true },
    25: { name: 'type', type: 'string' },
    33: {
      name: 'default',
      type: { message: { 2: { name: 'boolean', type: 'bool' }, 3: { name: 'string', type: 'string' } } },
    },
    34: { name: 'description', type: 'string' },
    36: {
      name: 'extensions',
      type: {
        message: {
          1: { name: 'name', type: 'string' },
          2: { name: 'value', type: { message: { 2: { name: 'yaml', type: 'string' } } } },
        },
      },
      repeated: true,
    },
    ...more,
  };
  return {
    1: { name: 'schema', type: { message: schema } },
    2: { name: 'reference', type: { message: { 1: { name: '$ref', type: 'string' } } } },
  };
}

test('OpenAPI 3 as protobuf, read back', () => {
  const document = {
    openapi: '3.0.0',
    info: { title: 'test', version: 'v1' },
    paths: {
      '/a': {
        parameters: [{ name: 'p', in: 'query', schema: { type: 'string', uniqueItems: true } }],
        get: {
          operationId: 'readA',
          responses: { '200': { description: 'OK', content: { 'application/json': { schema: { $ref: '#/r' } } } } },
        },
      },
    },
    components: {
      schemas: {
        K: {
          type: 'object',
          description: 'A kind.',
          required: ['a', 'b'],
          properties: {
            a: { $ref: '#/r' },
            b: { type: 'array', maxItems: 3, enum: [[1]], default: {} },
            c: { default: 'x' },
          },
          'x-kubernetes-group-version-kind': [{ kind: 'K' }],
          'not-known': 1,
        },
      },
    },
  };
  const bytes = encodeOpenApiV3(document);
  const content: Message = {
    1: {
      name: 'entries',
      type: {
        message: {
          1: { name: 'name', type: 'string' },
          2: { name: 'value', type: { message: { 1: { name: 'schema', type: { message: schemaMessage(0) } } } } },
        },
      },
    },
  };
  const response: Message = {
    1: {
      name: 'response',
      type: {
        message: { 1: { name: 'description', type: 'string' }, 3: { name: 'content', type: { message: content } } },
      },
    },
  };
  const responses: Message = {
    2: {
      name: 'entries',
      type: { message: { 1: { name: 'name', type: 'string' }, 2: { name: 'value', type: { message: response } } } },
    },
  };
  const operation: Message = {
    5: { name: 'operationId', type: 'string' },
    8: { name: 'responses', type: { message: responses } },
  };
  const parameter: Message = {
    1: { name: 'name', type: 'string' },
    2: { name: 'in', type: 'string' },
    10: { name: 'schema', type: { message: schemaMessage(0) } },
  };
  const item: Message = {
    4: { name: 'get', type: { message: operation } },
    13: {
      name: 'parameters',
      type: { message: { 1: { name: 'parameter', type: { message: parameter } } } },
      repeated: true,
    },
  };
  const paths: Message = {
    1: {
      name: 'entries',
      type: { message: { 1: { name: 'name', type: 'string' }, 2: { name: 'value', type: { message: item } } } },
      repeated: true,
    },
  };
  const found = decodeMessage(
    {
      1: { name: 'openapi', type: 'string' },
      2: {
        name: 'info',
        type: { message: { 1: { name: 'title', type: 'string' }, 6: { name: 'version', type: 'string' } } },
      },
      4: { name: 'paths', type: { message: paths } },
      5: { name: 'components', type: { message: { 1: { name: 'schemas', type: { message: namedSchemas(1) } } } } },
    },
    bytes,
  );
  const reference = { reference: { $ref: '#/r' } };
  assert.deepEqual(JSON.parse(JSON.stringify(found)), {
    openapi: '3.0.0',
    info: { title: 'test', version: 'v1' },
    paths: {
      entries: [
        {
          name: '/a',
          value: {
            parameters: [
              { parameter: { name: 'p', in: 'query', schema: { schema: { type: 'string', uniqueItems: true } } } },
            ],
            get: {
              operationId: 'readA',
              responses: {
                entries: {
                  name: '200',
                  value: {
                    response: {
                      description: 'OK',
                      content: { entries: { name: 'application/json', value: { schema: reference } } },
                    },
                  },
                },
              },
            },
          },
        },
      ],
    },
    components: {
      schemas: {
        entries: [
          {
            name: 'K',
            value: {
              schema: {
                type: 'object',
                description: 'A kind.',
                required: ['a', 'b'],
                properties: {
                  entries: [
                    { name: 'a', value: reference },
                    { name: 'b', value: { schema: { type: 'array', maxItems: 3, enum: [{ yaml: '[1]\n' }] } } },
                    { name: 'c', value: { schema: { default: { string: 'x' } } } },
                  ],
                },
                extensions: [{ name: 'x-kubernetes-group-version-kind', value: { yaml: '[{"kind":"K"}]\n' } }],
              },
            },
          },
        ],
      },
    },
  });
});
