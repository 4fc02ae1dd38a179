import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { kubectlMissing, openKubectl } from '../test-kubectl.ts';
import type { Kubectl } from '../test-kubectl.ts';
import { startTestServer } from '../test-server.ts';
import type { TestServer } from '../test-server.ts';
import { patchOf, startTestWebhook } from './test-webhook.ts';
import type { TestWebhook } from './test-webhook.ts';

describe('webhooks and policies by a real kubectl', async () => {
  const skip = await kubectlMissing();
  let server: TestServer;
  let tool: Kubectl;
  let hook: TestWebhook;
  before(async () => {
    server = await startTestServer();
    tool = openKubectl(server);
    hook = await startTestWebhook();
  });
  after(async () => {
    await hook.close();
    await server.close();
  });

  async function kubectl(...args: string[]): Promise<string> {
    const { stdout, stderr } = await tool.tried(...args);
    return `${stdout}${stderr}`;
  }

  const apply = (...objects: object[]): Promise<string> =>
    kubectl('apply', '-f', tool.file({ apiVersion: 'v1', kind: 'List', items: objects }));

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
