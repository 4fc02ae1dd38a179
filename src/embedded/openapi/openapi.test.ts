import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeOpenApiV2 } from './gnostic.ts';
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
