import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { writeKubeconfig } from '../kubeconfig.ts';
import { startTestServer } from '../test-server.ts';
import type { Json, TestServer } from '../test-server.ts';
import { patchOf, startTestWebhook } from './test-webhook.ts';
import type { TestWebhook } from './test-webhook.ts';

const run = promisify(execFile);

describe('webhooks and policies by a real kubectl', async () => {
  const version = await run('kubectl', ['version', '--client']).catch(() => undefined);
  const skip = version === undefined ? 'kubectl is not installed' : false;
  let server: TestServer;
  let hook: TestWebhook;
  before(async () => {
    server = await startTestServer();
    hook = await startTestWebhook();
    const { certificates, directory, port } = server;
    const address = `https://127.0.0.1:${port}`;
    writeKubeconfig(join(directory, 'kubeconfig'), {
      server: address,
      ca: certificates.ca.cert,
      ...certificates.client,
    });
  });
  after(async () => {
    await hook.close();
    await server.close();
  });

  async function kubectl(...args: string[]): Promise<string> {
    const { directory } = server;
    const env = { ...process.env, KUBECONFIG: join(directory, 'kubeconfig'), HOME: directory };
    const { stdout, stderr } = await run('kubectl', args, { env, timeout: 20_000 }).catch(
      (error: unknown) => error as Json,
    );
    return `${stdout}${stderr}`;
  }

  async function apply(...objects: object[]): Promise<string> {
    const file = join(server.directory, 'objects.json');
    writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }));
    return kubectl('apply', '-f', file);
  }

  const rules = [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] }];
  const apiVersion = 'admissionregistration.k8s.io/v1';

  test('a webhook is applied, shown, asked, explained and deleted', { skip }, async () => {
    const webhook = {
      name: 'check.example.com',
      clientConfig: { url: hook.url, caBundle: hook.caBundle },
      rules,
      sideEffects: 'None',
      admissionReviewVersions: ['v1'],
    };
    const configuration = { apiVersion, metadata: { name: 'hooks' }, webhooks: [webhook] };
    const made = await apply(
      { ...configuration, kind: 'MutatingWebhookConfiguration' },
      { ...configuration, kind: 'ValidatingWebhookConfiguration' },
    );
    assert.match(made, /mutatingwebhookconfiguration\.admissionregistration\.k8s\.io\/hooks created/);
    assert.match(
      await kubectl('get', 'mutatingwebhookconfigurations,validatingwebhookconfigurations'),
      /hooks +1 +\d+s/,
    );
    hook.answer = ({ request }) =>
      request.name === 'bad'
        ? { allowed: false, status: { code: 403, message: 'not this one' } }
        : patchOf([{ op: 'add', path: '/data', value: { added: 'yes' } }]);
    assert.match(
      await kubectl('create', 'configmap', 'bad'),
      /admission webhook "check\.example\.com" denied the request: not this one/,
    );
    assert.match(await kubectl('create', 'configmap', 'good'), /created/);
    assert.match(await kubectl('get', 'configmap', 'good', '-o', 'jsonpath={.data.added}'), /^yes/);
    assert.match(await kubectl('explain', 'validatingwebhookconfigurations.webhooks.failurePolicy'), /Ignore/);
    assert.match(
      await kubectl('delete', 'mutatingwebhookconfiguration,validatingwebhookconfiguration', 'hooks'),
      /deleted/,
    );
    assert.match(await kubectl('create', 'configmap', 'bad'), /created/);
  });

  test('a policy is applied, shown and obeyed', { skip }, async () => {
    const made = await apply(
      {
        apiVersion,
        kind: 'ValidatingAdmissionPolicy',
        metadata: { name: 'names' },
        spec: {
          matchConstraints: { resourceRules: rules },
          validations: [
            { expression: "object.metadata.name.startsWith('team-')", message: 'name must start with team-' },
          ],
        },
      },
      {
        apiVersion,
        kind: 'ValidatingAdmissionPolicyBinding',
        metadata: { name: 'names' },
        spec: { policyName: 'names', validationActions: ['Deny'] },
      },
    );
    assert.match(made, /validatingadmissionpolicy\.admissionregistration\.k8s\.io\/names created/);
    assert.match(await kubectl('get', 'validatingadmissionpolicies'), /names +1 +<unset>/);
    assert.match(
      await kubectl('create', 'configmap', 'mine'),
      /ValidatingAdmissionPolicy 'names' with binding 'names' denied request: name must start with team-/,
    );
    assert.match(await kubectl('create', 'configmap', 'team-a'), /created/);
  });
});
