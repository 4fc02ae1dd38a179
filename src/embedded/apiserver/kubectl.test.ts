import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { kubectlMissing, openKubectl } from './test-kubectl.ts';
import type { Kubectl } from './test-kubectl.ts';
import { startTestServer } from './test-server.ts';
import type { TestServer } from './test-server.ts';

const definition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'gadgets.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'gadgets', kind: 'Gadget', shortNames: ['gd'] },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: { spec: { type: 'object', properties: { size: { type: 'integer' } } } },
          },
        },
        additionalPrinterColumns: [{ name: 'Size', type: 'integer', jsonPath: '.spec.size' }],
      },
    ],
  },
};
const gadget = { apiVersion: 'example.com/v1', kind: 'Gadget', metadata: { name: 'one' }, spec: { size: 3 } };

describe('a real kubectl', async () => {
  const skip = await kubectlMissing();
  let server: TestServer;
  let tool: Kubectl;
  before(async () => {
    server = await startTestServer();
    tool = openKubectl(server);
  });
  after(async () => {
    await server.close();
  });

  const kubectl = (...args: string[]): Promise<string> => tool.run(...args);

  test('create, label, patch, get, describe, delete', { skip }, async () => {
    await kubectl('create', 'configmap', 'c1', '--from-literal=key=v');
    await kubectl('label', 'cm', 'c1', 'x=y');
    await kubectl('patch', 'cm', 'c1', '-p', '{"data":{"k2":"z"}}');
    assert.equal(
      await kubectl('get', 'cm', 'c1', '-o', 'jsonpath={.data}{.metadata.labels}'),
      '{"k2":"z","key":"v"}{"x":"y"}',
    );
    assert.match(await kubectl('get', 'cm', '-l', 'x=y'), /^NAME +DATA +AGE\nc1 +2 +\d+s\n$/);
    assert.match(await kubectl('describe', 'cm', 'c1'), /Name: +c1/);
    assert.match(await kubectl('auth', 'can-i', 'create', 'pods'), /yes/);
    assert.match(await kubectl('delete', 'cm', 'c1'), /deleted/);
  });

  test('a definition, its objects, wait and delete', { skip }, async () => {
    await kubectl('apply', '-f', tool.file(definition));
    await kubectl('wait', '--for', 'condition=established', 'crd/gadgets.example.com', '--timeout', '5s');
    await kubectl('apply', '-f', tool.file(gadget));
    assert.match(await kubectl('get', 'gd'), /^NAME +SIZE\none +3\n$/);
    const changed = { ...gadget, spec: { size: 4 } };
    assert.match(await kubectl('apply', '-f', tool.file(changed)), /configured/);
    assert.equal(await kubectl('get', 'gd', 'one', '-o', 'jsonpath={.spec.size}'), '4');
    assert.match(await kubectl('explain', 'gadget.spec'), /size\s+<integer>/);
    await kubectl('delete', 'crd', 'gadgets.example.com');
  });

  test('a namespace goes with its content', { skip }, async () => {
    await kubectl('create', 'namespace', 'space');
    await kubectl('create', 'secret', 'generic', 's1', '-n', 'space', '--from-literal=a=b');
    assert.match(await kubectl('get', 'secret', '-A'), /space +s1 +Opaque +1/);
    await kubectl('delete', 'namespace', 'space');
    assert.doesNotMatch(await kubectl('get', 'ns'), /space/);
  });
});
