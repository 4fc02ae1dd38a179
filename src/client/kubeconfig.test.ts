import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { stringify } from 'yaml';
import { loadKubeconfig } from './kubeconfig.ts';

let directory: string;
before(() => {
  directory = mkdtempSync(join(tmpdir(), 'vmlet-kubeconfig-'));
});
after(() => rmSync(directory, { recursive: true }));

type Parts = { cluster?: object; user?: object; context?: object; top?: object };

function config(parts: Parts = {}): object {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server: 'https://192.0.2.1:6443/', ...parts.cluster } }],
    users: [{ name: 'u', user: { token: 'secret', ...parts.user } }],
    contexts: [
      { name: 'one', context: { cluster: 'c', user: 'u', ...parts.context } },
      { name: 'two', context: { cluster: 'c', user: 'u', namespace: 'lab' } },
    ],
    'current-context': 'one',
    ...parts.top,
  };
}

function write(content: object | string): string {
  const file = join(directory, 'config');
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  return file;
}

const load = (content: object | string, context?: string) => loadKubeconfig({ file: write(content), context });

test('JSON and YAML say the same', async () => {
  const fromJson = await load(config());
  assert.deepEqual(await load(`# a comment\n${stringify(config())}`), fromJson);
  assert.deepEqual(fromJson, {
    server: 'https://192.0.2.1:6443',
    ca: undefined,
    cert: undefined,
    key: undefined,
    token: 'secret',
    insecure: false,
    serverName: undefined,
    defaultNamespace: 'default',
  });
});

test('a context is chosen by name, with its namespace', async () => {
  assert.equal((await load(config(), 'two')).defaultNamespace, 'lab');
  assert.equal((await load(config({ context: { namespace: '' } }))).defaultNamespace, 'default');
  await assert.rejects(load(config(), 'three'), { code: 'BadKubeconfig', message: /has no "three" under contexts/ });
});

test('material: inline wins over a file, files are relative to the kubeconfig', async () => {
  writeFileSync(join(directory, 'ca.pem'), 'from a file');
  writeFileSync(join(directory, 'token'), 'from-a-file\n');
  const cluster = { 'certificate-authority': 'ca.pem', 'tls-server-name': 'api', 'insecure-skip-tls-verify': true };
  const read = await load(config({ cluster, user: { tokenFile: 'token' } }));
  assert.equal(read.ca?.toString(), 'from a file');
  assert.equal(read.token, 'from-a-file');
  assert.equal(read.serverName, 'api');
  assert.equal(read.insecure, true);
  const inline = { ...cluster, 'certificate-authority-data': Buffer.from('inline').toString('base64') };
  assert.equal((await load(config({ cluster: inline }))).ca?.toString(), 'inline');
  await assert.rejects(load(config({ user: { 'client-key': 'missing.pem' } })), {
    code: 'BadKubeconfig',
    message: /client-key .*\/missing\.pem cannot be read \(ENOENT\)/,
  });
});

test('a context without a user is anonymous', async () => {
  assert.equal((await load(config({ context: { user: '' } }))).token, undefined);
});

test('what cannot be read is named', async (t) => {
  const missing = join(directory, 'nowhere');
  await assert.rejects(loadKubeconfig({ file: missing }), {
    code: 'NoKubeconfig',
    message: `kubeconfig ${missing} cannot be read (ENOENT)`,
  });
  await assert.rejects(loadKubeconfig({ file: directory }), { message: /\(EISDIR\)/ });
  await t.test('for lack of permission', async (t) => {
    if (process.getuid?.() === 0) {
      t.skip('root reads everything; test/cli runs the command as somebody else');
      return;
    }
    const file = write(config());
    chmodSync(file, 0);
    await assert.rejects(loadKubeconfig({ file }), { message: /\(EACCES\): run as root/ });
  });
});

test('what has not the form is refused', async () => {
  const bad = (content: object | string, message: RegExp) =>
    assert.rejects(load(content), { code: 'BadKubeconfig', message });
  await bad('', /does not have the form/);
  await bad('just words', /does not have the form/);
  await bad('{"a":', /neither YAML nor JSON/);
  await bad('a: [', /neither YAML nor JSON/);
  await bad(config({ top: { 'current-context': '' } }), /names no current context: choose one with --context/);
  await bad(config({ top: { clusters: {} } }), /has no "c" under clusters/);
  await bad(config({ top: { users: [] } }), /has no "u" under users/);
  await bad(config({ cluster: { server: 'http://192.0.2.1' } }), /must be an https:\/\/ URL/);
});

test('what would run a program or act as somebody else is refused by name', async () => {
  for (const field of ['exec', 'auth-provider', 'username', 'as', 'as-groups']) {
    await assert.rejects(load(config({ user: { [field]: { command: 'true' } } })), {
      code: 'BadKubeconfig',
      message: new RegExp(`"${field}" of a user is not supported`),
    });
  }
  await assert.rejects(load(config({ cluster: { 'proxy-url': 'http://proxy' } })), { message: /"proxy-url"/ });
});
