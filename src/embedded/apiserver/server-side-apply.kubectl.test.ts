/** Server-side apply as people use it. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { kubectlMissing, openKubectl } from './test-kubectl.ts';
import type { Kubectl } from './test-kubectl.ts';
import { startTestServer } from './test-server.ts';
import type { Json, TestServer } from './test-server.ts';

const run = promisify(execFile);

const definition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'racks.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'racks', kind: 'Rack' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              spec: {
                type: 'object',
                properties: {
                  size: { type: 'integer' },
                  color: { type: 'string', default: 'grey' },
                  disks: {
                    type: 'array',
                    'x-kubernetes-list-type': 'map',
                    'x-kubernetes-list-map-keys': ['name'],
                    items: {
                      type: 'object',
                      required: ['name'],
                      properties: { name: { type: 'string' }, bus: { type: 'string' }, gigabytes: { type: 'integer' } },
                    },
                  },
                },
              },
            },
          },
        },
      },
    ],
  },
};

/** `KUBECTL_BINARIES=/a/kubectl:/b/kubectl` adds others, such as older versions, to the one on the path. */
const binaries = ['kubectl', ...(process.env['KUBECTL_BINARIES'] ?? '').split(':').filter((path) => path !== '')];

for (const binary of binaries) {
  describe(`server-side apply by ${binary}`, async () => {
    const version = await run(binary, ['version', '--client']).catch(() => undefined);
    const skip = await kubectlMissing(binary);
    const minor = Number(
      /v1\.(\d+)|Minor:"(\d+)/u
        .exec(version?.stdout ?? '')
        ?.slice(1)
        .find(Boolean) ?? 0,
    );
    let server: TestServer;
    let tool: Kubectl;
    before(async () => {
      server = await startTestServer();
      tool = openKubectl(server, binary);
    });
    after(async () => {
      await server.close();
    });

    /** Output and exit code of a command that may fail. */
    async function tried(...args: string[]): Promise<{ code: number; text: string }> {
      const { code, stdout, stderr } = await tool.tried(...args);
      return { code, text: stdout + stderr };
    }

    async function kubectl(...args: string[]): Promise<string> {
      const { code, text } = await tried(...args);
      assert.equal(code, 0, text);
      return text;
    }

    const configMap = (name: string, data: object, labels?: object): object => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, ...(labels && { labels }) },
      data,
    });

    async function managersOf(name: string, resource = 'api/v1/namespaces/default/configmaps'): Promise<Json[]> {
      const { json } = await server.call('GET', `/${resource}/${name}`);
      return (json.metadata.managedFields as Json[]).map(({ manager, operation, fieldsV1 }) => ({
        manager,
        operation,
        fields: fieldsV1,
      }));
    }

    test('applies, takes fields away, and names conflicts', { skip }, async () => {
      const applied = await kubectl('apply', '--server-side', '-f', tool.file(configMap('c', { a: '1', b: '2' })));
      assert.match(applied, /configmap\/c serverside-applied/);
      await kubectl('apply', '--server-side', '-f', tool.file(configMap('c', { a: '1' })));
      assert.equal(await kubectl('get', 'cm', 'c', '-o', 'jsonpath={.data}'), '{"a":"1"}');
      const other = ['apply', '--server-side', '--field-manager', 'other', '-f', tool.file(configMap('c', { a: '9' }))];
      const refused = await tried(...other);
      assert.notEqual(refused.code, 0);
      assert.match(refused.text, /Apply failed with 1 conflict: conflict with "kubectl": \.data\.a/);
      await kubectl(...other, '--force-conflicts');
      assert.equal(await kubectl('get', 'cm', 'c', '-o', 'jsonpath={.data.a}'), '9');
      assert.deepEqual(await managersOf('c'), [
        { manager: 'other', operation: 'Apply', fields: { 'f:data': { 'f:a': {} } } },
      ]);
    });

    test('get shows who set what', { skip }, async () => {
      await kubectl('apply', '--server-side', '-f', tool.file(configMap('s', { a: '1' })));
      const shown = await kubectl('get', 'cm', 's', '-o', 'yaml', ...(minor >= 21 ? ['--show-managed-fields'] : []));
      assert.match(shown, /managedFields:\n.*\n? *- apiVersion: v1\n/);
      assert.match(shown, /manager: kubectl\n/);
      assert.match(shown, /operation: Apply\n/);
    });

    test('diff before and after', { skip }, async () => {
      const first = tool.file(configMap('d', { a: '1' }));
      const next = tool.file(configMap('d', { a: '2' }));
      assert.equal((await tried('diff', '--server-side', '-f', first)).code, 1);
      await kubectl('apply', '--server-side', '-f', first);
      assert.deepEqual(await tried('diff', '--server-side', '-f', first), { code: 0, text: '' });
      const differs = await tried('diff', '--server-side', '-f', next);
      assert.equal(differs.code, 1);
      assert.match(differs.text, /-  a: "1"\n\+  a: "2"/);
      assert.equal(await kubectl('get', 'cm', 'd', '-o', 'jsonpath={.data.a}'), '1');
    });

    test('from client-side to server-side apply and back', { skip }, async () => {
      await kubectl('apply', '-f', tool.file(configMap('m', { a: '1', b: '2' })));
      await kubectl('apply', '--server-side', '-f', tool.file(configMap('m', { a: '1', b: '3' })));
      assert.equal(await kubectl('get', 'cm', 'm', '-o', 'jsonpath={.data}'), '{"a":"1","b":"3"}');
      if (minor >= 26) {
        // These migrate the record, so that a field left out is removed.
        await kubectl('apply', '--server-side', '-f', tool.file(configMap('m', { a: '1' })));
        assert.equal(await kubectl('get', 'cm', 'm', '-o', 'jsonpath={.data}'), '{"a":"1"}');
        const managers = await managersOf('m');
        // The first of them has the annotation alone, which kubectl keeps for a way back.
        assert.deepEqual(managers.map(({ manager }) => String(manager)).sort(), ['kubectl', 'kubectl-last-applied']);
      }
      await kubectl('apply', '-f', tool.file(configMap('m', { a: '7' })));
      assert.equal(await kubectl('get', 'cm', 'm', '-o', 'jsonpath={.data}'), '{"a":"7"}');
    });

    test('edit', { skip }, async () => {
      await kubectl('apply', '--server-side', '-f', tool.file(configMap('e', { a: '1' })));
      const editor = join(server.directory, 'editor.sh');
      writeFileSync(editor, '#!/bin/sh\nsed -i \'s/a: "1"/a: "5"/\' "$1"\n', { mode: 0o755 });
      const env = { ...process.env, KUBECONFIG: join(server.directory, 'kubeconfig'), KUBE_EDITOR: editor };
      const { stdout } = await run(binary, ['edit', 'cm', 'e'], { env, timeout: 30_000 });
      assert.match(stdout, /edited/);
      assert.equal(await kubectl('get', 'cm', 'e', '-o', 'jsonpath={.data.a}'), '5');
      const managers = await managersOf('e');
      assert.deepEqual(
        managers.map(({ manager, operation }) => `${manager} ${operation}`),
        ['kubectl-edit Update'],
      );
    });

    test('prune', { skip }, async () => {
      const labels = { set: 'prune' };
      const both = tool.file({
        apiVersion: 'v1',
        kind: 'List',
        items: [configMap('p1', { a: '1' }, labels), configMap('p2', { a: '1' }, labels)],
      });
      const allowed = minor >= 26 ? '--prune-allowlist' : '--prune-whitelist';
      const prune = ['apply', '--prune', '-l', 'set=prune', allowed, 'core/v1/ConfigMap', '-f'];
      await kubectl(...prune, both);
      const pruned = await kubectl(...prune, tool.file(configMap('p1', { a: '1' }, labels)));
      assert.match(pruned, /configmap\/p2 pruned/);
      assert.match(await kubectl('get', 'cm', '-l', 'set=prune', '-o', 'name'), /^configmap\/p1\n$/);
    });

    test('a custom kind: lists by key, two managers, dry run', { skip }, async () => {
      await kubectl('apply', '--server-side', '-f', tool.file(definition));
      await kubectl('wait', '--for', 'condition=established', 'crd/racks.example.com', '--timeout', '5s');
      const rack = (spec: object): object => ({
        apiVersion: 'example.com/v1',
        kind: 'Rack',
        metadata: { name: 'r' },
        spec,
      });
      const one = rack({ size: 3, disks: [{ name: 'a', bus: 'virtio' }] });
      const two = rack({ disks: [{ name: 'b', bus: 'sata' }] });
      await kubectl('apply', '--server-side', '-f', tool.file(one));
      await kubectl('apply', '--server-side', '--field-manager', 'two', '-f', tool.file(two));
      const read = (): Promise<string> => kubectl('get', 'rack', 'r', '-o', 'jsonpath={.spec}');
      assert.deepEqual(JSON.parse(await read()), {
        size: 3,
        color: 'grey',
        disks: [
          { name: 'a', bus: 'virtio' },
          { name: 'b', bus: 'sata' },
        ],
      });
      const dry = await kubectl('apply', '--server-side', '--dry-run=server', '-f', tool.file(rack({ size: 4 })));
      assert.match(dry, /serverside-applied \(server dry run\)/);
      await kubectl('apply', '--server-side', '-f', tool.file(rack({ size: 3 })));
      assert.deepEqual(JSON.parse(await read()), { size: 3, color: 'grey', disks: [{ name: 'b', bus: 'sata' }] });
      const wrong = await tried('apply', '--server-side', '-f', tool.file(rack({ szie: 3 })));
      assert.match(wrong.text, /szie/);
      assert.notEqual(wrong.code, 0);
    });
  });
}
