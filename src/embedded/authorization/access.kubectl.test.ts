/** Rights and identities as people meet them: kubectl with certificates, tokens and `--as`. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { withDeadline } from '../../base/deadline.ts';
import { writeKubeconfig } from '../apiserver/kubeconfig.ts';
import { startTestServer } from '../apiserver/test-server.ts';
import type { TestServer } from '../apiserver/test-server.ts';

const run = promisify(execFile);

describe('kubectl and rights', async () => {
  const found = await run('kubectl', ['version', '--client']).catch(() => undefined);
  const skip = found === undefined ? 'kubectl is not installed' : false;
  let server: TestServer;
  before(async () => {
    server = await startTestServer({
      auth: { tokens: [{ token: 'alice-token', user: { name: 'alice', uid: 'u1', groups: ['people'] } }] },
    });
    const { ca, client } = server.certificates;
    const address = `https://127.0.0.1:${server.port}`;
    writeKubeconfig(join(server.directory, 'kubeconfig'), { server: address, ca: ca.cert, ...client });
    writeTokenConfig('alice', 'alice-token');
  });
  after(async () => {
    await server.close();
  });

  /** A kubeconfig without certificate, as a program in a Pod would have it. */
  function writeTokenConfig(name: string, token: string): void {
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [
        {
          name: 'c',
          cluster: {
            server: `https://127.0.0.1:${server.port}`,
            'certificate-authority-data': Buffer.from(server.certificates.ca.cert).toString('base64'),
          },
        },
      ],
      users: [{ name: 'u', user: { token } }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u', namespace: 'default' } }],
      'current-context': 'x',
    };
    writeFileSync(join(server.directory, `kubeconfig-${name}`), JSON.stringify(config), { mode: 0o600 });
  }

  async function kubectlAs(config: string, ...args: string[]): Promise<string> {
    const { directory } = server;
    const env = { ...process.env, KUBECONFIG: join(directory, config), HOME: directory };
    const { stdout } = await run('kubectl', args, { env, timeout: 20_000 });
    return stdout;
  }
  const kubectl = (...args: string[]): Promise<string> => kubectlAs('kubeconfig', ...args);
  const alice = (...args: string[]): Promise<string> => kubectlAs('kubeconfig-alice', ...args);

  /** What kubectl writes when it fails. */
  async function refusal(work: Promise<string>): Promise<string> {
    try {
      await work;
    } catch (error) {
      return (error as { stderr: string }).stderr + (error as { stdout: string }).stdout;
    }
    throw new Error('kubectl succeeded');
  }

  test('whoami tells users apart', { skip }, async () => {
    const who = '{.status.userInfo.username} {.status.userInfo.uid} {.status.userInfo.groups}';
    assert.equal(await alice('auth', 'whoami', '-o', `jsonpath=${who}`), 'alice u1 ["people","system:authenticated"]');
    assert.match(await kubectl('auth', 'whoami'), /system:masters/);
    assert.match(
      await kubectl('auth', 'whoami', '--as', 'bob', '--as-group', 'g1', '--as-uid', 'u7'),
      /bob[^]*u7[^]*\[g1 system:authenticated\]/,
    );
  });

  test('a role gives what it says, where it says, and no more', { skip }, async () => {
    const refused = await refusal(alice('get', 'pods'));
    assert.match(
      refused,
      /Error from server \(Forbidden\): pods is forbidden: User "alice" cannot list resource "pods" in API group "" in the namespace "default"/,
    );
    assert.match(await refusal(alice('auth', 'can-i', 'list', 'pods')), /no/);
    await kubectl('create', 'role', 'reader', '--verb=get,list,watch', '--resource=pods,pods/log');
    await kubectl('create', 'rolebinding', 'readers', '--role=reader', '--group=people');
    assert.match(await alice('auth', 'can-i', 'list', 'pods'), /yes/);
    assert.match(await alice('auth', 'can-i', 'get', 'pods', '--subresource=log'), /yes/);
    assert.match(await refusal(alice('auth', 'can-i', 'create', 'pods', '--subresource=exec')), /no/);
    assert.equal(await alice('get', 'pods'), '');
    assert.match(await refusal(alice('get', 'pods', '-n', 'kube-system')), /in the namespace "kube-system"/);
    assert.match(await refusal(alice('get', 'pods', '-A')), /at the cluster scope/);
    const list = await alice('auth', 'can-i', '--list');
    assert.match(list, /pods +\[\] +\[\] +\[get list watch\]/);
    assert.match(list, /selfsubjectaccessreviews\.authorization\.k8s\.io +\[\] +\[\] +\[create\]/);
    assert.match(list, /\[\/readyz\] +\[\] +\[get\]/);
    assert.match(await kubectl('get', 'rolebindings', '-o', 'wide'), /readers +Role\/reader +\S+ +people/);
    await kubectl('delete', 'rolebinding', 'readers');
    assert.match(await refusal(alice('get', 'pods')), /Forbidden/);
  });

  test('nobody gives more than they hold', { skip }, async () => {
    await kubectl('create', 'clusterrolebinding', 'alice-admin', '--clusterrole=admin', '--user=alice');
    await alice('create', 'role', 'own', '--verb=get', '--resource=configmaps');
    const role = await refusal(alice('create', 'role', 'more', '--verb=get', '--resource=nodes'));
    assert.match(
      role,
      /user "alice" \(groups=\["people" "system:authenticated"\]\) is attempting to grant RBAC permissions not currently held:\n\{APIGroups:\[""\], Resources:\["nodes"\], Verbs:\["get"\]\}/,
    );
    const binding = refusal(alice('create', 'rolebinding', 'rise', '--clusterrole=cluster-admin', '--user=alice'));
    assert.match(await binding, /not currently held/);
    await alice('create', 'rolebinding', 'fine', '--clusterrole=view', '--user=bob');
    assert.match(
      await refusal(alice('create', 'clusterrolebinding', 'x', '--clusterrole=view', '--user=bob')),
      /clusterrolebindings.rbac.authorization.k8s.io is forbidden: User "alice" cannot create/,
    );
    const edited = refusal(
      alice('patch', 'role', 'own', '-p', '{"rules":[{"verbs":["*"],"apiGroups":["*"],"resources":["*"]}]}'),
    );
    assert.match(await edited, /not currently held/);
    await kubectl(
      'create',
      'clusterrole',
      'may-bind',
      '--verb=bind',
      '--resource=clusterroles',
      '--resource-name=system:node',
    );
    await kubectl('create', 'clusterrolebinding', 'alice-binds', '--clusterrole=may-bind', '--user=alice');
    await alice('create', 'rolebinding', 'by-bind', '--clusterrole=system:node', '--user=bob');
    await kubectl('delete', 'clusterrolebinding', 'alice-admin', 'alice-binds');
  });

  test('a binding keeps its role', { skip }, async () => {
    await kubectl('create', 'rolebinding', 'kept', '--clusterrole=view', '--user=bob');
    const patch = '{"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"edit"}}';
    assert.match(await refusal(kubectl('patch', 'rolebinding', 'kept', '-p', patch)), /cannot change roleRef/);
  });

  test('admin, edit and view gather each other', { skip }, async () => {
    for (const [role, verb, resource] of [
      ['view', 'list', 'pods'],
      ['edit', 'create', 'secrets'],
      ['admin', 'create', 'rolebindings.rbac.authorization.k8s.io'],
    ] as const) {
      await kubectl('create', 'rolebinding', `g-${role}`, `--clusterrole=${role}`, `--user=u-${role}`);
      assert.match(await kubectl('auth', 'can-i', verb, resource, '--as', `u-${role}`), /yes/);
    }
    assert.match(await refusal(kubectl('auth', 'can-i', 'get', 'secrets', '--as', 'u-view')), /no/);
    assert.match(await kubectl('auth', 'can-i', 'list', 'pods', '--as', 'u-admin'), /yes/);
  });

  test('a ServiceAccount acts by its token, until it is deleted', { skip }, async () => {
    await kubectl('create', 'namespace', 'ci');
    await kubectl('create', 'serviceaccount', 'robot', '-n', 'ci');
    await kubectl('create', 'rolebinding', 'robot', '-n', 'ci', '--clusterrole=edit', '--serviceaccount=ci:robot');
    const token = (await kubectl('create', 'token', 'robot', '-n', 'ci', '--duration=20m')).trim();
    writeTokenConfig('robot', token);
    const robot = (...args: string[]): Promise<string> => kubectlAs('kubeconfig-robot', ...args);
    assert.match(await robot('auth', 'whoami'), /system:serviceaccount:ci:robot[^]*system:serviceaccounts:ci/);
    await robot('create', 'configmap', 'made', '-n', 'ci', '--from-literal=a=b');
    assert.match(await refusal(robot('create', 'configmap', 'made', '-n', 'default')), /in the namespace "default"/);
    assert.match(
      await kubectl('auth', 'can-i', 'create', 'pods', '-n', 'ci', '--as', 'system:serviceaccount:ci:robot'),
      /yes/,
    );
    await kubectl('delete', 'serviceaccount', 'robot', '-n', 'ci');
    assert.match(await refusal(robot('get', 'configmaps', '-n', 'ci')), /You must be logged in|Unauthorized/);
  });

  test('a token in a Secret', { skip }, async () => {
    await kubectl('create', 'serviceaccount', 'old');
    const manifest = join(server.directory, 'secret.json');
    const metadata = { name: 'old-token', annotations: { 'kubernetes.io/service-account.name': 'old' } };
    writeFileSync(
      manifest,
      JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata, type: 'kubernetes.io/service-account-token' }),
    );
    await kubectl('apply', '-f', manifest);
    await kubectl('wait', 'secret/old-token', '--for=jsonpath={.data.token}', '--timeout=10s');
    const data = JSON.parse(await kubectl('get', 'secret', 'old-token', '-o', 'jsonpath={.data}')) as Record<
      string,
      string
    >;
    const text = (key: string): string => Buffer.from(data[key] ?? '', 'base64').toString('utf8');
    assert.equal(text('namespace'), 'default');
    assert.match(text('ca.crt'), /BEGIN CERTIFICATE/);
    writeTokenConfig('old', text('token'));
    assert.match(await kubectlAs('kubeconfig-old', 'auth', 'whoami'), /system:serviceaccount:default:old/);
    const gone = run('kubectl', ['wait', 'secret/old-token', '--for=delete', '--timeout=10s'], {
      env: { ...process.env, KUBECONFIG: join(server.directory, 'kubeconfig'), HOME: server.directory },
      timeout: 20_000,
    });
    await kubectl('delete', 'serviceaccount', 'old');
    await withDeadline(gone, 20_000, 'the Secret to go with its account');
  });

  test('every namespace has a ServiceAccount default', { skip }, async () => {
    await kubectl('create', 'namespace', 'fresh');
    await kubectl('wait', 'serviceaccount/default', '-n', 'fresh', '--for=create', '--timeout=10s');
    await kubectl('delete', 'serviceaccount', 'default', '-n', 'fresh');
    await kubectl('wait', 'serviceaccount/default', '-n', 'fresh', '--for=create', '--timeout=10s');
  });
});
