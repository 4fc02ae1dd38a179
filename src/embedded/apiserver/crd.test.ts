import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ensureCustomResourceDefinitions } from './crd/ensure.ts';
import type { CustomResourceDefinition } from './crd/types.ts';
import { startTestServer } from './test-server.ts';
import type { TestServer } from './test-server.ts';
import { crdType } from './crd/types.ts';
import { pollUntil } from '../../base/deadline.ts';
import { isNotFound } from '../../apimachinery/status.ts';

const widgets = '/apis/example.com/v1/namespaces/default/widgets';

const definition: CustomResourceDefinition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'widgets.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'widgets', kind: 'Widget', shortNames: ['wd'] },
    versions: [
      {
        name: 'v1alpha1',
        served: true,
        storage: false,
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: {
          status: {},
          scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' },
        },
        additionalPrinterColumns: [
          { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
          { name: 'Size', type: 'integer', jsonPath: '.spec.size' },
        ],
        schema: {
          openAPIV3Schema: {
            type: 'object',
            required: ['spec'],
            properties: {
              spec: {
                type: 'object',
                required: ['size'],
                properties: {
                  size: { type: 'integer', minimum: 1 },
                  color: { type: 'string', default: 'red' },
                  replicas: { type: 'integer' },
                },
              },
              status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
            },
          },
        },
      },
    ],
  },
};

function widget(name: string, spec: object, more: object = {}): object {
  return { apiVersion: 'example.com/v1', kind: 'Widget', metadata: { name }, spec, ...more };
}

describe('custom resources', () => {
  let server: TestServer;
  before(async () => {
    server = await startTestServer();
    await ensureCustomResourceDefinitions(server.client, [definition]);
  });
  after(async () => {
    await server.close();
  });

  test('installing again changes nothing', async () => {
    const before = await server.client.get(crdType, definition.metadata);
    await ensureCustomResourceDefinitions(server.client, [definition]);
    const again = await server.client.get(crdType, definition.metadata);
    assert.equal(again.metadata.resourceVersion, before.metadata.resourceVersion);
  });

  test('defaults, pruning and validation follow the schema', async () => {
    const made = await server.call('POST', `${widgets}?fieldValidation=Warn`, {
      body: widget('a', { size: 1, bogus: 2 }, { status: { x: 1 } }),
    });
    assert.equal(made.code, 201, made.text);
    assert.deepEqual(made.json.spec, { size: 1, color: 'red' });
    assert.equal(made.json.status, undefined);
    assert.equal(made.json.metadata.generation, 1);
    assert.match(String(made.headers['warning']), /unknown field \\"spec.bogus\\"/);
    const strict = await server.call('POST', `${widgets}?fieldValidation=Strict`, {
      body: widget('b', { size: 1, bogus: 2 }),
    });
    assert.equal(strict.code, 400);
    assert.match(strict.json.message, /strict decoding error: unknown field "spec.bogus"/);
    const invalid = await server.call('POST', widgets, { body: widget('b', { size: 0 }) });
    assert.equal(invalid.code, 422);
    assert.equal(invalid.json.details.causes[0].field, 'spec.size');
  });

  test('status and spec have their own doors; generation counts spec changes', async () => {
    const made = (await server.call('POST', widgets, { body: widget('doors', { size: 1 }) })).json;
    const status = { conditions: [{ type: 'Ready', status: 'True' }] };
    const viaStatus = await server.call('PUT', `${widgets}/doors/status`, {
      body: { ...made, status, spec: { size: 5 } },
    });
    assert.deepEqual(viaStatus.json.spec, made.spec);
    assert.equal(viaStatus.json.metadata.generation, 1);
    const patched = await server.call('PATCH', `${widgets}/doors`, {
      body: { spec: { size: 2 }, status: null },
      type: 'application/merge-patch+json',
    });
    assert.equal(patched.json.metadata.generation, 2);
    assert.deepEqual(patched.json.status, status);
    const noVersion = await server.call('PUT', `${widgets}/doors`, { body: widget('doors', { size: 2 }) });
    assert.match(noVersion.json.message, /metadata.resourceVersion: Invalid value: 0: must be specified for an update/);
    const strategic = { body: {}, type: 'application/strategic-merge-patch+json' };
    assert.equal((await server.call('PATCH', `${widgets}/doors`, strategic)).code, 415);
    const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io';
    assert.deepEqual((await server.call('GET', `${widgets}/doors`, { accept })).json.rows[0].cells, [
      'doors',
      'True',
      2,
    ]);
  });

  test('scale', async () => {
    await server.call('POST', widgets, { body: widget('scaled', { size: 1 }) });
    const scaled = await server.call('PATCH', `${widgets}/scaled/scale`, {
      body: { spec: { replicas: 3 } },
      type: 'application/merge-patch+json',
    });
    assert.equal(scaled.json.kind, 'Scale');
    assert.equal(scaled.json.spec.replicas, 3);
    assert.equal((await server.call('GET', `${widgets}/scaled`)).json.spec.replicas, 3);
  });

  test('every served version shows the one stored object', async () => {
    await server.call('POST', widgets, { body: widget('versions', { size: 7 }) });
    const other = await server.call('GET', '/apis/example.com/v1alpha1/namespaces/default/widgets/versions');
    assert.equal(other.json.apiVersion, 'example.com/v1alpha1');
    assert.equal(other.json.spec.size, 7);
    assert.equal((await server.call('GET', '/apis/example.com')).json.preferredVersion.version, 'v1');
  });

  test('definitions that cannot work are refused', async () => {
    const bad = structuredClone(definition);
    bad.metadata = { name: 'others.example.com' };
    const answer = await server.call('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', { body: bad });
    assert.equal(answer.code, 422);
    assert.match(answer.json.message, /must be spec.names.plural/);
  });

  test('deleting the definition deletes the objects, then the resource', async () => {
    await server.client.delete(crdType, definition.metadata);
    await pollUntil(
      () =>
        server.client.get(crdType, definition.metadata).then(
          () => undefined,
          (error: unknown) => isNotFound(error) || undefined,
        ),
      { timeoutMs: 5000, doing: 'the definition to go' },
    );
    assert.equal((await server.call('GET', widgets)).code, 404);
    await ensureCustomResourceDefinitions(server.client, [definition]);
    assert.equal((await server.call('GET', widgets)).json.items.length, 0);
  });
});
