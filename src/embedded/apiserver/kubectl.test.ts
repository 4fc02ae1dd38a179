import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { writeKubeconfig } from './kubeconfig.ts';
import { startTestServer } from './test-server.ts';
import type { TestServer } from './test-server.ts';

const run = promisify(execFile);

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
  const version = await run('kubectl', ['version', '--client']).catch(() => undefined);
  const skip = version === undefined ? 'kubectl is not installed' : false;
  let server: TestServer;
  before(async () => {
    server = await startTestServer();
    const { ca, client } = server.certificates;
    const address = `https://127.0.0.1:${server.port}`;
    writeKubeconfig(join(server.directory, 'kubeconfig'), { server: address, ca: ca.cert, ...client });
  });
  after(async () => {
    await server.close();
  });

  async function kubectl(...args: string[]): Promise<string> {
    const { directory } = server;
    const env = { ...process.env, KUBECONFIG: join(directory, 'kubeconfig'), HOME: directory };
    const { stdout } = await run('kubectl', args, { env, timeout: 20_000 });
    return stdout;
  }

  function file(name: string, object: object): string {
    const path = join(server.directory, name);
    writeFileSync(path, JSON.stringify(object));
    return path;
  }

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
    await kubectl('apply', '-f', file('crd.json', definition));
    await kubectl('wait', '--for', 'condition=established', 'crd/gadgets.example.com', '--timeout', '5s');
    await kubectl('apply', '-f', file('gadget.json', gadget));
    assert.match(await kubectl('get', 'gd'), /^NAME +SIZE\none +3\n$/);
    const changed = { ...gadget, spec: { size: 4 } };
    assert.match(await kubectl('apply', '-f', file('gadget.json', changed)), /configured/);
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
