/**
 * What people do with kubectl, on the kinds that vmlet serves. Runs with the kubectl on the PATH, and again with the one that
 * KUBECTL_OLD names: before 1.25 kubectl checks manifests itself, by the protobuf document.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { createKindAdmission, isOwnIdentity } from '../../vm/kinds/admission.ts';
import { buildCrds } from '../../vm/kinds/crds.ts';
import { ensureCustomResourceDefinitions } from '../apiserver/crd/ensure.ts';
import { writeKubeconfig } from '../apiserver/kubeconfig.ts';
import { startTestServer, type TestServer } from '../apiserver/test-server.ts';

const run = promisify(execFile);
const demo = readFileSync(new URL('../../../examples/demo.yaml', import.meta.url), 'utf8');
const programs = [
  ['kubectl on the PATH', process.env['VMLET_TEST_KUBECTL'] ?? 'kubectl'],
  ['old kubectl', process.env['KUBECTL_OLD'] ?? ''],
] as const;

const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p' },
  spec: {
    containers: [
      {
        name: 'c',
        image: 'i',
        env: [{ name: 'A', value: '1' }],
        ports: [{ containerPort: 80 }, { containerPort: 81 }],
        resources: { requests: { cpu: 0.5, memory: '64Mi' } },
        securityContext: { capabilities: { drop: ['ALL'] } },
      },
    ],
    volumes: [{ name: 'v', emptyDir: {} }],
  },
};

for (const [title, program] of programs) {
  describe(`${title} and the kinds of vmlet`, async () => {
    const found = program === '' ? undefined : await run(program, ['version', '--client']).catch(() => undefined);
    const missing = program === '' ? 'KUBECTL_OLD names no kubectl' : `${program} is not installed`;
    const skip = found === undefined ? missing : false;
    let server: TestServer;

    before(async () => {
      server = await startTestServer({
        admission: createKindAdmission({
          architecture: 'amd64',
          newUuid: randomUUID,
          now: () => new Date(),
          isOwnIdentity,
        }),
      });
      const { ca, client } = server.certificates;
      const address = `https://127.0.0.1:${server.port}`;
      writeKubeconfig(join(server.directory, 'kubeconfig'), { server: address, ca: ca.cert, ...client });
      await ensureCustomResourceDefinitions(server.client, buildCrds());
    });
    after(async () => {
      await server.close();
    });

    async function kubectl(args: readonly string[], more: NodeJS.ProcessEnv = {}): Promise<string> {
      const { directory } = server;
      const env = { ...process.env, KUBECONFIG: join(directory, 'kubeconfig'), HOME: directory, ...more };
      const { stdout } = await run(program, args, { env, timeout: 30_000 });
      return stdout;
    }
    const file = (content: string | object): string => {
      const path = join(server.directory, `${randomUUID()}.yaml`);
      writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
      return path;
    };

    test('explain tells of nested fields', { skip }, async () => {
      const disks = await kubectl(['explain', 'vmi.spec.domain.devices.disks']);
      assert.match(disks, /bootOrder\s+<integer>/);
      const containers = await kubectl(['explain', 'pod.spec.containers']);
      assert.match(containers, /volumeMounts\s+<\[\]\w+>/);
      assert.match(await kubectl(['explain', 'pod.spec.containers.readinessProbe.httpGet.port']), /Number or name/);
      assert.match(await kubectl(['explain', 'crd.spec.versions.schema']), /openAPIV3Schema/);
      assert.match(await kubectl(['explain', 'node.status.nodeInfo']), /kernelVersion/);
    });

    test('a VMI is tried, compared, applied, changed and edited', { skip }, async () => {
      const path = file(demo);
      assert.match(await kubectl(['apply', '--dry-run=server', '-f', path]), /server dry run/);
      await assert.rejects(kubectl(['get', 'vmi', 'demo']), /NotFound/);
      assert.match(await kubectl(['apply', '-f', path]), /created/);
      const changed = file(demo.replace('metadata:\n', 'metadata:\n  labels: {tier: test}\n'));
      // diff ends with 1 when there are differences.
      await assert.rejects(kubectl(['diff', '-f', changed]), (error: { code?: number; stdout?: string }) => {
        assert.equal(error.code, 1);
        assert.match(error.stdout ?? '', /^\+ +tier: test$/m);
        return true;
      });
      assert.equal(await kubectl(['diff', '-f', path]), '');
      assert.match(await kubectl(['apply', '-f', changed]), /configured/);
      assert.match(await kubectl(['apply', '-f', changed]), /unchanged/);
      const editor = { KUBE_EDITOR: 'sed -i s/tier:.test/tier:\\ edited/' };
      assert.match(await kubectl(['edit', 'vmi', 'demo'], editor), /edited/);
      assert.equal(await kubectl(['get', 'vmi', 'demo', '-o', 'jsonpath={.metadata.labels.tier}']), 'edited');
    });

    test('a misspelt field is refused by its name', { skip }, async () => {
      const wrong = demo.replace('name: demo', 'name: wrong').replace('    memory:', '    memroy: 1\n    memory:');
      await assert.rejects(kubectl(['apply', '-f', file(wrong)]), /memroy/);
      const container = { ...pod.spec.containers[0], imagePolicy: 'Never' };
      const bad = { ...pod, metadata: { name: 'bad' }, spec: { ...pod.spec, containers: [container] } };
      await assert.rejects(kubectl(['apply', '-f', file(bad)]), /imagePolicy/);
      const level = { ...pod, metadata: { name: 'bad' }, sepc: {} };
      await assert.rejects(kubectl(['apply', '-f', file(level)]), /sepc/);
      const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'bad', lables: {} } };
      await assert.rejects(kubectl(['apply', '-f', file(map)]), /lables/);
      const resources = { requests: { cpu: 'much' } };
      const amount = {
        ...pod,
        metadata: { name: 'bad' },
        spec: { containers: [{ name: 'c', image: 'i', resources }] },
      };
      await assert.rejects(kubectl(['apply', '-f', file(amount)]), /requests\.cpu/);
    });

    test('the items of lists of a Pod are merged by their keys', { skip }, async () => {
      assert.match(await kubectl(['apply', '-f', file(pod)]), /created/);
      assert.equal(await kubectl(['get', 'pod', 'p', '-o', 'jsonpath={..requests.cpu}']), '0.5');
      const [container] = pod.spec.containers;
      const next = { ...pod, spec: { ...pod.spec, containers: [{ ...container, image: 'i:2' }] } };
      // What others added stays, as apply only takes away what it brought.
      await kubectl(['patch', 'pod', 'p', '-p', '{"metadata":{"finalizers":["example.com/hold"]}}']);
      assert.match(await kubectl(['apply', '-f', file(next)]), /configured/);
      const paths =
        'jsonpath={.spec.containers[0].image} {.spec.containers[0].ports[*].containerPort} {.metadata.finalizers}';
      assert.equal(await kubectl(['get', 'pod', 'p', '-o', paths]), 'i:2 80 81 ["example.com/hold"]');
      await kubectl(['patch', 'pod', 'p', '--type=json', '-p', '[{"op":"remove","path":"/metadata/finalizers"}]']);
      assert.match(await kubectl(['delete', 'pod', 'p', '--wait=false']), /deleted/);
    });

    test('objects are created from the command line', { skip }, async () => {
      await kubectl(['create', 'configmap', 'settings', '--from-literal=a=b']);
      await kubectl(['create', 'secret', 'generic', 'hidden', '--from-literal=a=b']);
      await kubectl(['create', 'serviceaccount', 'robot']);
      await kubectl(['create', 'namespace', 'space']);
      assert.match(await kubectl(['run', 'made', '--image=i', '--restart=Never']), /created/);
      assert.equal(await kubectl(['get', 'configmap', 'settings', '-o', 'jsonpath={.data}']), '{"a":"b"}');
      assert.match(await kubectl(['describe', 'vmi', 'demo']), /Name: +demo/);
    });
  });
}
