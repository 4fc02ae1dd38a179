import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { writeKubeconfig } from '../apiserver/kubeconfig.ts';
import { startTestServer, type TestServer } from '../apiserver/test-server.ts';
import { findBuiltinSchema } from '../schema/builtin/builtin-schemas.ts';
import { compileStructuralSchema } from '../schema/structural-schema.ts';
import { encodeOpenApiV2 } from './gnostic.ts';
import { encodeOpenApiV3 } from './gnostic-v3.ts';
import { buildOpenApiV2, type OpenApiV2 } from './openapi-v2.ts';
import { buildOpenApiV3 } from './openapi-v3.ts';

const run = promisify(execFile);

/** Another kubectl than the one on the PATH, to test an old or a new one. */
const program = process.env['VMLET_TEST_KUBECTL'] ?? 'kubectl';

const definition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'gadgets.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'gadgets', singular: 'gadget', kind: 'Gadget', listKind: 'GadgetList' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: 'object',
            description: 'A useful thing.',
            properties: {
              spec: {
                type: 'object',
                description: 'What the gadget is.',
                required: ['size'],
                properties: {
                  size: { type: 'integer', description: 'How large it is.' },
                  port: { 'x-kubernetes-int-or-string': true },
                  open: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
                  parts: { type: 'array', items: { type: 'object', properties: { name: { type: 'string' } } } },
                },
              },
            },
          },
        },
      },
    ],
  },
};
const gadget = (spec: object): object => ({
  apiVersion: 'example.com/v1',
  kind: 'Gadget',
  metadata: { name: 'one', namespace: 'default' },
  spec,
});

describe('kubectl reads the documents', async () => {
  const version = await run(program, ['version', '--client']).catch(() => undefined);
  const skip = version === undefined ? `${program} is not installed` : false;
  let server: TestServer;

  before(async () => {
    server = await startTestServer({
      schemas(group, version, kind) {
        const source = findBuiltinSchema(group, version, kind);
        return source === undefined ? undefined : { source, compiled: compileStructuralSchema(source) };
      },
      openapi: {
        buildOpenApiV2,
        buildOpenApiV3,
        encodeOpenApiV3,
        encodeOpenApiV2: (document) => encodeOpenApiV2(document as OpenApiV2),
      },
    });
    const { ca, client } = server.certificates;
    const address = `https://127.0.0.1:${server.port}`;
    writeKubeconfig(join(server.directory, 'kubeconfig'), { server: address, ca: ca.cert, ...client });
    const created = await server.call('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
      body: definition,
    });
    assert.equal(created.code, 201);
  });
  after(async () => {
    await server.close();
  });

  async function kubectl(...args: string[]): Promise<string> {
    const { directory } = server;
    const env = { ...process.env, KUBECONFIG: join(directory, 'kubeconfig'), HOME: directory };
    const { stdout } = await run(program, args, { env, timeout: 20_000 });
    return stdout;
  }
  const fileOf = (object: object): string => {
    const path = join(server.directory, 'object.json');
    writeFileSync(path, JSON.stringify(object));
    return path;
  };

  test('explain shows the kind, its fields and their descriptions', { skip }, async () => {
    const kind = await kubectl('explain', 'gadgets');
    assert.match(kind, /A useful thing\./);
    assert.match(kind, /What the gadget is\./);
    assert.match(await kubectl('explain', 'gadgets.spec.size'), /How large it is\./);
    assert.match(await kubectl('explain', 'gadgets.metadata.labels'), /selected/);
    assert.match(await kubectl('explain', 'gadgets.spec.parts.name'), /name/);
    assert.match(await kubectl('explain', 'pods.spec.containers.image'), /Image that the container runs/);
  });

  test('what the schema does not know is refused, what it leaves open is not', { skip }, async () => {
    const good = gadget({ size: 3, port: '80', open: { any: { thing: 1 } }, parts: [{ name: 'a' }] });
    assert.match(await kubectl('apply', '-f', fileOf(good)), /created/);
    await assert.rejects(
      kubectl('apply', '-f', fileOf(gadget({ size: 3, szie: 4 }))),
      /unknown field.*szie|szie.*unknown/,
    );
    await assert.rejects(kubectl('apply', '-f', fileOf(gadget({ size: 3, parts: [{ nmae: 'a' }] }))), /nmae/);
  });

  test('a dry run on the server is known to be possible', { skip }, async () => {
    const again = gadget({ size: 5 });
    assert.match(await kubectl('apply', '--dry-run=server', '-f', fileOf(again)), /server dry run/);
    assert.match(await kubectl('get', 'gadgets', 'one', '-o', 'jsonpath={.spec.size}'), /^3$/);
  });
});
